/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening sockets of a dead manager, from the workers that it has left. */
#pragma once

#include "io/loop.h"

/* A socket, which is the callee's. */
typedef void takeover_fn(int fd, void *userdata);

/* Accepts workers at the rendezvous socket until one has handed its sockets over, or the
 * time is over, on a loop of its own: there is nothing to be served before. The workers
 * lose that link, and come again. */
int takeover_run(int rendezvous_fd, usec_t timeout_usec, takeover_fn *fn,
	void *userdata, struct err *err);
