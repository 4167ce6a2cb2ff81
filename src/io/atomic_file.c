/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The temporary file begins with a dot and ends in random digits, in the same folder:
 * rename() needs the same file system. It is opened in a folder that is held open, so
 * that all steps see the same one.
 */
#include "io/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

#define NAME_LOOKUP_BYTES 16384

struct pending {
	const struct atomic_file_params *params; /* borrowed */
	int dir_fd;                              /* owned */
	char *name;                              /* owned; within the folder */
	char *temporary;                         /* owned; NULL while there is none */
};

static void pending_done(struct pending *p)
{
	if (p->temporary)
		unlinkat(p->dir_fd, p->temporary, 0);
	free(p->temporary);
	free(p->name);
	closep(&p->dir_fd);
}

static int find_user(const char *name, uid_t *ret, struct err *err)
{
	_cleanup_(freep) char *space = xnew_array(char, NAME_LOOKUP_BYTES);
	struct passwd pw, *found = NULL;

	*ret = (uid_t)-1;
	if (!name)
		return 0;
	int r = getpwnam_r(name, &pw, space, NAME_LOOKUP_BYTES, &found);
	if (!found)
		return err_set_kind(
			err, ERR_CONFIG, r ? -r : -ENOENT, "no user %s", name);
	*ret = pw.pw_uid;
	return 0;
}

static int find_group(const char *name, gid_t *ret, struct err *err)
{
	_cleanup_(freep) char *space = xnew_array(char, NAME_LOOKUP_BYTES);
	struct group gr, *found = NULL;

	*ret = (gid_t)-1;
	if (!name)
		return 0;
	int r = getgrnam_r(name, &gr, space, NAME_LOOKUP_BYTES, &found);
	if (!found)
		return err_set_kind(
			err, ERR_CONFIG, r ? -r : -ENOENT, "no group %s", name);
	*ret = gr.gr_gid;
	return 0;
}

static int open_folder(struct pending *p, struct err *err)
{
	const char *path = p->params->path;
	const char *slash = strrchr(path, '/');
	_cleanup_(freep) char *folder = NULL;

	if (!slash)
		folder = xstrdup(".");
	else
		folder = slash == path ? xstrdup("/")
				       : xstrndup(path, (size_t)(slash - path));
	p->name = xstrdup(slash ? slash + 1 : path);
	if (p->name[0] == '\0')
		return err_set(err, -EISDIR, "%s names a folder", path);
	p->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir_fd < 0)
		return err_set(
			err, -errno, "open the folder %s: %s", folder, strerror(errno));
	return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The order matters: who may read it is settled before there is anything to read, and
 * chown() may take mode bits away. */
static int fill(int fd, const struct atomic_file_params *params, uid_t uid, gid_t gid)
{
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0)
		return -errno;
	if (fchmod(fd, params->mode) < 0)
		return -errno;
	int r = write_all(fd, params->data, params->len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

static int pending_write(struct pending *p, struct err *err)
{
	uint64_t digits = 0;
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;
	int r = find_user(p->params->owner, &uid, err);

	if (r == 0)
		r = find_group(p->params->group, &gid, err);
	if (r == 0)
		r = open_folder(p, err);
	if (r < 0)
		return r;
	if (getrandom(&digits, sizeof(digits), 0) != sizeof(digits))
		return err_set(err, -EIO, "no random numbers");
	char *temporary = xasprintf(".%s.%016llx", p->name, (unsigned long long)digits);
	_cleanup_(closep) int fd = openat(p->dir_fd, temporary,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = -errno;
		free(temporary);
		return err_set(err, r, "create a file beside it: %s", strerror(-r));
	}
	p->temporary = temporary;
	r = fill(fd, p->params, uid, gid);
	return r < 0 ? err_set(err, r, "write: %s", strerror(-r)) : 0;
}

static int pending_rename(struct pending *p, struct err *err)
{
	const unsigned flags = p->params->is_new ? RENAME_NOREPLACE : 0;

	if (renameat2(p->dir_fd, p->temporary, p->dir_fd, p->name, flags) < 0)
		return err_set(err, -errno, "rename: %s", strerror(errno));
	free(TAKE_PTR(p->temporary));
	if (fsync(p->dir_fd) < 0)
		return err_set(err, -errno, "sync the folder: %s", strerror(errno));
	return 0;
}

static int for_each(struct pending *pending, size_t n,
	int (*step)(struct pending *p, struct err *err), struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = step(&pending[i], err);
		if (r < 0)
			return err_wrap(err, r, "%s", pending[i].params->path);
	}
	return 0;
}

int atomic_file_write_set(
	const struct atomic_file_params *params, size_t n, struct err *err)
{
	_cleanup_(freep) struct pending *pending = xnew_array(struct pending, n);

	for (size_t i = 0; i < n; i++)
		pending[i] = (struct pending){ .params = &params[i], .dir_fd = -1 };
	int r = for_each(pending, n, pending_write, err);
	if (r == 0)
		r = for_each(pending, n, pending_rename, err);
	for (size_t i = 0; i < n; i++)
		pending_done(&pending[i]);
	return r;
}

int atomic_file_write(const struct atomic_file_params *params, struct err *err)
{
	return atomic_file_write_set(params, 1, err);
}

/* --- reading ----------------------------------------------------------------------- */

static int check_file(
	const char *path, unsigned flags, const struct stat *st, struct err *err)
{
	mode_t forbidden = flags & FILE_GROUP ? 0037 : 0077;

	if (!S_ISREG(st->st_mode))
		return err_set(err, -EINVAL, "%s: not a regular file", path);
	if ((flags & FILE_PRIVATE) && (st->st_mode & forbidden))
		return err_set_kind(err, ERR_CONFIG, -EPERM,
			"%s: open to others (mode %04o), run: chmod %s %s", path,
			(unsigned)st->st_mode & 07777,
			flags & FILE_GROUP ? "0640" : "0600", path);
	return 0;
}

static int read_all(int fd, size_t max_bytes, struct buf *ret)
{
	size_t left = max_bytes;

	for (;;) {
		/* One octet more than allowed: so we see that there is more. */
		char chunk[4096];
		size_t want = left < sizeof(chunk) ? left + 1 : sizeof(chunk);
		ssize_t n = read(fd, chunk, want);
		if (n < 0 && errno == EINTR)
			continue;
		int r = n < 0 ? -errno : 0;
		if (r == 0 && (size_t)n > left)
			r = -EFBIG;
		if (r == 0)
			r = buf_append(ret, chunk, (size_t)n);
		explicit_bzero(chunk, sizeof(chunk));
		if (r < 0 || n == 0)
			return r;
		left -= (size_t)n;
	}
}

int file_read(const char *path, unsigned flags, size_t max_bytes, struct buf *ret,
	struct err *err)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO in its place must not hold us up. */
	_cleanup_(closep) int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	int r = check_file(path, flags, &st, err);
	if (r < 0)
		return r;
	r = read_all(fd, max_bytes, ret);
	if (r == -EFBIG || r == -E2BIG)
		return err_set(err, r, "%s: larger than %zu octets", path, max_bytes);
	if (r < 0)
		return err_set(err, r, "%s: %s", path, strerror(-r));
	return 0;
}
