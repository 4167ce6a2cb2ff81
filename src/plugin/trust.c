/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The path is walked from the root, each part opened in the one before it and looked at
 * before the next step: so what was checked is what is used. When all of it is trusted,
 * nobody can put something else there between the check and dlopen(), either.
 */
#include "plugin/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

static bool is_trusted_owner(uid_t uid)
{
	return uid == 0 || (PLUGIN_TRUST_EUID && uid == geteuid());
}

/* The two things that are wanted of a folder and of a file alike. */
static int check_owner(const char *path, const struct stat *st, struct err *err)
{
	if (!is_trusted_owner(st->st_uid))
		return err_set_kind(err, ERR_CONFIG, -EPERM,
			"%s: belongs to user %u and not to root", path,
			(unsigned)st->st_uid);
	return 0;
}

static int refuse_writable(const char *path, const struct stat *st, struct err *err)
{
	return err_set_kind(err, ERR_CONFIG, -EPERM,
		"%s: others can write it (mode %04o), run: chmod go-w %s", path,
		(unsigned)st->st_mode & 07777, path);
}

static int check_folder(
	const char *path, const struct stat *st, bool is_last, struct err *err)
{
	if (S_ISLNK(st->st_mode))
		return err_set_kind(err, ERR_CONFIG, -ELOOP,
			"%s: is a symbolic link, name the folder that it leads to",
			path);
	if (!S_ISDIR(st->st_mode))
		return err_set_kind(
			err, ERR_CONFIG, -ENOTDIR, "%s: is not a folder", path);
	int r = check_owner(path, st, err);
	if (r < 0 || (st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return r;
	/* In a sticky one nobody can touch what belongs to somebody else, and who the
	 * next part belongs to is seen in a moment. */
	if ((st->st_mode & S_ISVTX) && !is_last)
		return 0;
	return refuse_writable(path, st, err);
}

/* Replaces *fd by the folder `name` in it; path is what has been walked then. */
static int step_into(
	int *fd, const char *name, const char *path, bool is_last, struct err *err)
{
	struct stat st;
	int next = openat(*fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0 || fstat(next, &st) < 0) {
		int r = -errno;
		closep(&next);
		return err_set_kind(err, ERR_CONFIG, r, "%s: %s", path, strerror(-r));
	}
	closep(fd);
	*fd = next;
	return check_folder(path, &st, is_last, err);
}

static bool is_walkable(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || strstr(path, "/../"))
		return false;
	return len < 3 || strcmp(path + len - 3, "/..") != 0;
}

int trust_open_folder(const char *path, int *ret_fd, struct err *err)
{
	_cleanup_(closep) int fd = -1;

	if (!is_walkable(path))
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"%s: is not an absolute path without \"..\"", path);
	const char *rest = path + strspn(path, "/");
	int r = step_into(&fd, "/", "/", rest[0] == '\0', err);
	while (r == 0 && rest[0] != '\0') {
		size_t len = strcspn(rest, "/");
		_cleanup_(freep) char *name = xstrndup(rest, len);
		_cleanup_(freep) char *walked =
			xstrndup(path, (size_t)(rest - path) + len);
		rest += len + strspn(rest + len, "/");
		r = step_into(&fd, name, walked, rest[0] == '\0', err);
	}
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int trust_check_file(int folder_fd, const char *name, struct err *err)
{
	struct stat st;

	if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, -errno, "%s: %s", name, strerror(errno));
	if (S_ISLNK(st.st_mode))
		return err_set_kind(
			err, ERR_CONFIG, -ELOOP, "%s: is a symbolic link", name);
	if (!S_ISREG(st.st_mode))
		return err_set_kind(
			err, ERR_CONFIG, -EINVAL, "%s: is not a regular file", name);
	int r = check_owner(name, &st, err);
	if (r == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)))
		r = refuse_writable(name, &st, err);
	return r;
}
