/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See local_socket.h. */
#include "core/base/local_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/mem.h"

#define BACKLOG          64
#define TEMPORARY_SUFFIX ".new"

static int format_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return err_set_kind(err, ERR_CONFIG, -ENAMETOOLONG,
			"the path is longer than %zu octets",
			sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

/* What stands there may be replaced if it is a socket that nobody answers. */
static int check_old(const char *path, bool *ret_was_left, struct err *err)
{
	struct sockaddr_un address;
	struct stat st;

	int r = format_address(path, &address, err);
	if (r < 0)
		return r;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0
				       : err_set(err, -errno, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set_kind(err, ERR_CONFIG, -EEXIST,
			"something else stands there that is no socket; remove it");
	_cleanup_(closep) int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "%s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		errno == EAGAIN)
		return err_set(err, -EADDRINUSE, "another postseald answers there");
	*ret_was_left = true;
	return 0;
}

/* Under another name first: nobody meets a socket that has not its mode yet, or one
 * that does not listen. fchmod bounds what bind makes, chmod undoes the umask's part. */
static int bind_as(
	struct local_socket *s, const char *temporary, mode_t mode, struct err *err)
{
	struct sockaddr_un address;
	struct stat st;

	int r = format_address(temporary, &address, err);
	if (r < 0)
		return r;
	if (unlink(temporary) < 0 && errno != ENOENT)
		return err_set(err, -errno, "%s: %s", temporary, strerror(errno));
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || fchmod(s->fd, mode) < 0 ||
		bind(s->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		chmod(temporary, mode) < 0 || lstat(temporary, &st) < 0 ||
		listen(s->fd, BACKLOG) < 0)
		return err_set(err, -errno, "%s", strerror(errno));
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return 0;
}

static int open_as(
	struct local_socket *s, const char *path, mode_t mode, struct err *err)
{
	_cleanup_(freep) char *temporary = xasprintf("%s" TEMPORARY_SUFFIX, path);

	int r = check_old(path, &s->was_left, err);
	if (r < 0)
		return r;
	r = bind_as(s, temporary, mode, err);
	if (r >= 0 && rename(temporary, path) < 0)
		r = err_set(err, -errno, "%s", strerror(errno));
	if (r < 0 && s->inode)
		unlink(temporary);
	return r;
}

int local_socket_open(
	struct local_socket *s, const char *path, mode_t mode, struct err *err)
{
	*s = (struct local_socket){ .fd = -1 };
	int r = open_as(s, path, mode, err);

	if (r < 0) {
		closep(&s->fd);
		s->fd = -1;
		return r;
	}
	s->path = xstrdup(path);
	return 0;
}

void local_socket_abandon(struct local_socket *s)
{
	if (!s->path)
		return;
	closep(&s->fd);
	free(s->path);
	*s = (struct local_socket){ .fd = -1 };
}

void local_socket_close(struct local_socket *s)
{
	struct stat st;

	if (s->path && lstat(s->path, &st) == 0 && st.st_dev == s->device &&
		st.st_ino == s->inode)
		unlink(s->path);
	local_socket_abandon(s);
}
