/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The front workers as the manager sees them: started, fed over their links, replaced
 * with back-off when they end, drained. A worker is told everything anew at its start:
 * CONFIGURE, LISTENERs, names, pending answers, START; contexts it asks for.
 */
#pragma once

#include "core/workers/fleet_lookup.h"
#include "core/workers/fleet_op.h"
#include "core/workers/listeners.h"
#include "io/loop.h"
#include "link/ends.h"

struct fleet;

/* Calls `add` for each name that is served (for the workers' set). */
typedef void fleet_names_fn(void (*add)(const char *name, void *add_userdata),
	void *add_userdata, void *userdata);

struct fleet_params {
	struct loop *loop;
	const char *program; /* absolute path of postseal-front */
	unsigned n_workers;
	struct listeners *listeners; /* borrowed */
	fleet_lookup_fn *lookup;
	fleet_names_fn *names;
	void *userdata;
	uint64_t max_contexts;
	uint64_t max_connections;
	uint64_t max_handshakes, address_connections, address_rate;
	char *const *limit_exceptions; /* copied; NULL = none */
	const char *rendezvous;        /* of a later manager's socket; NULL = none */
	uint64_t generation;           /* ours, greater than an earlier manager's */
	usec_t ack_deadline_usec;      /* for acknowledgements; 0 = 10 s */
	usec_t start_deadline_usec;    /* for a worker to listen; 0 = 30 s */
	/* A new master key of tickets after each; 0 = 12 h. */
	usec_t ticket_rotation_usec;
	const struct log_ctx *log;
};

int fleet_new(struct fleet **ret, const struct fleet_params *params, struct err *err);
/* Ends all workers at once (SIGTERM, SIGKILL after a second) and reaps them.
 * Operations under way are never done; their handles stay with who has them. */
struct fleet *fleet_free(struct fleet *fleet);
DEFINE_CLEANUP(struct fleet *, fleet_free)

/* Forgets the workers, which go on and look for the next manager. */
void fleet_leave(struct fleet *fleet);

/* Starts the workers; ready is called once, when each is listening, or with an error when
 * the first start of one fails (cannot execute, exits at once). */
typedef void fleet_ready_fn(const struct err *err, void *userdata);
int fleet_start(
	struct fleet *fleet, fleet_ready_fn *ready, void *userdata, struct err *err);
/* Graceful end: DRAIN to all; done when the last has gone or the time is over. */
typedef void fleet_drained_fn(void *userdata);
void fleet_drain(struct fleet *fleet, usec_t timeout_usec, fleet_drained_fn *done,
	void *userdata);

/* The listeners as the workers know them: taken before listeners_commit, given to the
 * update after it, so that what has gone is dropped. Owned by the caller. */
char **fleet_list_listeners(const struct fleet *fleet);
void fleet_update_listeners(struct fleet *fleet, char *const *before);
/* When the set of names has changed. */
void fleet_update_names(struct fleet *fleet);

/* When the setting has changed: see ticket_rotation_set_period. */
void fleet_set_ticket_rotation(struct fleet *fleet, usec_t period_usec);

/* Operations (doc/architecture.md, Operations): done with error NULL when every running
 * worker has acknowledged; with a sentence when one refused or did not within the
 * deadline. Without a worker: done at once, well. fleet_op_cancel is in fleet_op.h. */

/* Pushes one certificate under each of its names. */
struct fleet_push {
	uint64_t certificate_id;
	char *const *names;
	bool is_rsa;
	bool is_trial; /* to one worker alone: the one that fleet_probe reaches */
	const char *chain_pem;
	const char *key_pem;
};

int fleet_push_start(struct fleet_op **ret, struct fleet *fleet,
	const struct fleet_push *push, fleet_done_fn *done, void *userdata,
	struct err *err);
/* An answer stands for every worker, also later ones, until it is withdrawn. The id of
 * the answer is chosen here: (kind, name, token) is what identifies it. */
int fleet_publish_start(struct fleet_op **ret, struct fleet *fleet,
	const struct link_answer *answer, fleet_done_fn *done, void *userdata,
	struct err *err);
void fleet_withdraw(
	struct fleet *fleet, bool is_alpn, const char *name, const char *token);
/* Drop a name's cached contexts everywhere (its certificate is no longer ours). */
void fleet_drop_context(struct fleet *fleet, const char *name);

/* A socket that is connected to the worker of trials as a client of that TLS listener,
 * for one handshake; the caller's. -ENOTCONN: no worker is running. */
int fleet_probe(struct fleet *fleet, const char *listener, struct err *err);

/* Sums over the workers as of their last report (asked every 10 s), and how many run. */
void fleet_get_stats(
	const struct fleet *fleet, struct link_stats *ret, unsigned *ret_workers);
/* How the connections of each listener have ended, those of workers that have gone
 * included. Owned by the caller. */
struct link_tally *fleet_sum_ends(const struct fleet *fleet);
