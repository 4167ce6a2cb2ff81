/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nothing here waits: what is no regular file (a FIFO, a device) is refused, and is
 * opened without blocking so that it can be looked at.
 */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

static int refuse_errno(int code, char **ret_reason)
{
	*ret_reason = xstrdup(strerror(-code));
	return code;
}

static int open_regular(
	const char *path, int *ret_fd, struct stat *st, char **ret_reason)
{
	_cleanup_(closep) int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return refuse_errno(-errno, ret_reason);
	if (fstat(fd, st) < 0)
		return refuse_errno(-errno, ret_reason);
	if (!S_ISREG(st->st_mode)) {
		*ret_reason = xstrdup("it is not a regular file");
		return -EINVAL;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int read_all(int fd, const struct stat *st, struct buf *out, char **ret_reason)
{
	/* The size is a guess: a file in /proc says 0. */
	size_t step = st->st_size > 0 ? (size_t)st->st_size + 1 : 4096;

	for (;;) {
		step = MIN(step, out->max_bytes - out->len);
		char *room = step > 0 ? buf_reserve(out, step) : NULL;
		char extra;
		ssize_t n = read(fd, room ? room : &extra, room ? step : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse_errno(-errno, ret_reason);
		if (n == 0)
			return 0;
		if (!room) {
			*ret_reason = xasprintf(
				"it is larger than %zu octets", out->max_bytes);
			return -E2BIG;
		}
		buf_commit(out, (size_t)n);
	}
}

int conf_file_read(
	const char *path, struct buf *out, struct stat *ret_stat, char **ret_reason)
{
	_cleanup_(closep) int fd = -1;
	int r = open_regular(path, &fd, ret_stat, ret_reason);

	return r < 0 ? r : read_all(fd, ret_stat, out, ret_reason);
}

static int check_secret(const char *path, const struct stat *st, char **ret_reason)
{
	uid_t me = geteuid();

	if (me != 0 && st->st_uid != 0 && st->st_uid != me)
		*ret_reason = xasprintf(
			"it belongs to another user; run: chown root %s", path);
	else if (st->st_mode & S_IRWXO)
		*ret_reason =
			xasprintf("everybody may read it; run: chmod 0640 %s", path);
	else if (st->st_mode & (S_IWGRP | S_IXGRP))
		*ret_reason =
			xasprintf("its group may write it; run: chmod 0640 %s", path);
	else if ((st->st_mode & S_IRGRP) && st->st_uid != 0)
		*ret_reason = xasprintf("its group may read it, and its owner is not "
					"root; run: chmod 0600 %s",
			path);
	return *ret_reason ? -EPERM : 0;
}

int conf_file_read_secret(const char *path, struct buf *out, char **ret_reason)
{
	struct stat st;
	_cleanup_(closep) int fd = -1;
	int r = open_regular(path, &fd, &st, ret_reason);

	if (r < 0)
		return r;
	r = check_secret(path, &st, ret_reason);
	return r < 0 ? r : read_all(fd, &st, out, ret_reason);
}
