/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The datagram socket of a service manager (sd_notify(3)), without ever waiting for its
 * reader. What has to arrive is kept and sent again, in its order; the rest is dropped.
 */
#pragma once

#include "io/loop.h"

struct notify_socket;

/* Of the oldest that are kept, more than these are forgotten. */
#define NOTIFY_SOCKET_KEPT_MAX 1024

/* `path` as in NOTIFY_SOCKET, "@" for an abstract one; NULL, or of another kind: all that
 * is sent goes nowhere. */
struct notify_socket *notify_socket_new(struct loop *loop, const char *path);
/* What is still kept has half a second then: no loop runs any more. */
struct notify_socket *notify_socket_free(struct notify_socket *s);
DEFINE_CLEANUP(struct notify_socket *, notify_socket_free)

/* Arrives, after all that was kept before. A duplicate of fd goes with it; -1: none. */
void notify_socket_keep(struct notify_socket *s, const char *text, int fd);
/* Arrives now or never. */
void notify_socket_drop(struct notify_socket *s, const char *text);
/* Are there any that have not arrived yet? */
unsigned notify_socket_count_kept(const struct notify_socket *s);
