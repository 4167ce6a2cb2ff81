/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Code that we load must not be writable by anybody but root, along the whole path: who
 * can rename a folder above it can replace it. A sticky folder such as /tmp is no
 * danger where what is taken from it belongs to a trusted user.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/priv.h"
#include "util/mem.h"

static bool is_trusted(uid_t uid)
{
	return uid == 0 || (PLUGIN_TRUST_EUID && uid == geteuid());
}

static int check_one(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_set_kind(
			err, ERR_CONFIG, -errno, "%s: %s", path, strerror(errno));
	if (!is_trusted(st.st_uid))
		return err_set_kind(err, ERR_CONFIG, -EPERM,
			"%s belongs to user %u, who could change a plugin: run chown root %s",
			path, (unsigned)st.st_uid, path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) &&
		!(S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX)))
		return err_set_kind(err, ERR_CONFIG, -EPERM,
			"%s can be written by others than root: run chmod go-w %s",
			path, path);
	return 0;
}

int plugin_trust_check(const char *path, struct err *err)
{
	_cleanup_(freep) char *real = realpath(path, NULL);
	int r;

	if (!real)
		return err_set_kind(
			err, ERR_CONFIG, -errno, "%s: %s", path, strerror(errno));
	r = check_one("/", err);
	for (char *slash = strchr(real + 1, '/'); r >= 0 && slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = check_one(real, err);
		*slash = '/';
	}
	return r < 0 ? r : check_one(real, err);
}
