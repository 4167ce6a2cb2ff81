/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A listening unix socket in the file system, of one manager at a time. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "util/err.h"

struct local_socket {
	int fd;       /* owned */
	char *path;   /* owned */
	dev_t device; /* of the socket's file: what we may unlink */
	ino_t inode;
	bool was_left; /* one stood there that nobody answered: its owner was killed */
};

/* Stream, non-blocking, close-on-exec. -EADDRINUSE: another one answers there. Nothing is
 * left to be closed on error. */
int local_socket_open(
	struct local_socket *s, const char *path, mode_t mode, struct err *err);
/* Removes the file, unless another one has taken its place. */
void local_socket_close(struct local_socket *s);
/* The file stays, for who wants to know that its owner did not end well. */
void local_socket_abandon(struct local_socket *s);
