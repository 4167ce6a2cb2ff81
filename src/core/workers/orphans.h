/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Workers of an earlier manager that was killed, or that became this one by exec. They
 * serve on, find us at the rendezvous socket RUN_DIRECTORY/link, and are told to drain
 * when our own workers listen. Their look-ups are answered meanwhile.
 */
#pragma once

#include "core/workers/fleet.h"

struct orphans;

struct orphans_params {
	struct loop *loop;
	const char *path; /* of the rendezvous socket */
	fleet_lookup_fn *lookup;
	void *userdata;    /* of lookup */
	usec_t hello_usec; /* for who has connected to say that it is a worker; 0 = 5 s */
	const struct log_ctx *log;
};

/* Listens. Orphans that are children of ours are known at once, the others when they have
 * come. -EADDRINUSE: another manager is there. */
int orphans_new(
	struct orphans **ret, const struct orphans_params *params, struct err *err);
/* They go on without us, and look for the next manager. */
struct orphans *orphans_free(struct orphans *orphans);
DEFINE_CLEANUP(struct orphans *, orphans_free)
/* Known before they come: processes that exec left us as children. */
void orphans_adopt_children(struct orphans *orphans);

/* Asks those that come for their listening sockets, which are then the callee's, until
 * one has given some. Blocks until then, or until the time is over;
 * before the loop runs only. */
typedef void orphans_socket_fn(int fd, void *userdata);
void orphans_take_sockets(struct orphans *orphans, usec_t timeout_usec,
	orphans_socket_fn *fn, void *userdata);

/* From now on each is told to drain, also one that comes later. */
void orphans_drain(struct orphans *orphans, usec_t timeout_usec);
/* The same at the service's end; done once, when none is left and none can be on its way
 * to us any more. Not called from within. */
void orphans_stop(struct orphans *orphans, usec_t timeout_usec,
	void (*done)(void *userdata), void *userdata);
/* SIGTERM, after a second SIGKILL, to all that are known. */
void orphans_end(struct orphans *orphans);

/* Was the manager before us killed, so that workers of it may go on? */
bool orphans_were_left(const struct orphans *orphans);
unsigned orphans_count(const struct orphans *orphans, uint64_t *ret_connections);
