/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A listening socket with its settings. The socket is shared by all workers. Connections
 * hold a reference for the settings' sake: a listener that was dropped or replaced lives
 * on, deaf, until its last connection has ended.
 */
#pragma once

#include "front/front.h"
#include "io/address.h"
#include "util/network.h"

#define LISTENER_ALPN_MAX 16

struct listener {
	unsigned refs;
	struct front *front;           /* borrowed; outlives all connections */
	struct link_listener settings; /* owned */
	struct loop_io *io;            /* owned; NULL: not accepting */
	struct loop_timer *pause;      /* owned; armed while out of descriptors */
	struct address backend;
	bool has_backend;
	bool is_backend_down; /* the last connect failed: say so once */
	gnutls_datum_t alpn[LISTENER_ALPN_MAX]; /* points into settings */
	unsigned n_alpn;
	struct network proxy_from[LINK_NETWORKS_MAX]; /* none: no PROXY header */
	size_t n_proxy_from;
	struct link_ends *ends; /* in the front's tally: stays when we are replaced */
	struct log_ctx log;
};

/* Takes over what settings owns, on success only. */
int listener_new(struct listener **ret, struct front *front,
	struct link_listener *settings, struct err *err);
struct listener *listener_ref(struct listener *listener);
struct listener *listener_unref(struct listener *listener);
DEFINE_CLEANUP(struct listener *, listener_unref)

/* TLS from the first octet on? */
bool listener_is_tls(const struct listener *listener);
/* Begins to accept. */
int listener_start(struct listener *listener, struct err *err);
/* Takes what waits in the queue: who is woken for it may be the only one that is. Before
 * a stop whose socket others go on with. */
void listener_accept_rest(struct listener *listener);
/* Stops for good and closes the socket. */
void listener_stop(struct listener *listener);
