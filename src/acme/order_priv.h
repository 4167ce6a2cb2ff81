/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What order.c, which walks an order's states, shares with its details:
 * order_download.c, order_cause.c and order_end.c. */
#pragma once

#include "acme/authz.h"
#include "acme/order.h"
#include "acme/order_object.h"
#include "acme/poll.h"

struct acme_order {
	/* inputs */
	struct acme_client *client;           /* borrowed */
	const struct acme_solver *solver;     /* borrowed */
	const struct acme_progress *progress; /* borrowed */
	const struct log_ctx *log;            /* borrowed */
	char **names;                         /* owned */
	char *csr;                            /* owned; base64url */
	char *profile;                        /* owned; NULL */
	char *replaces;                       /* owned; NULL */
	char *preferred_chain;                /* owned; NULL */
	usec_t deadline_usec;                 /* duration */
	acme_order_done_fn *done;
	void *userdata;

	/* owned operations */
	struct acme_request *request;
	struct acme_authz *authz[ACME_NAMES_MAX];
	size_t n_authz;
	struct loop_timer *poll_timer;
	struct loop_timer *deadline_timer;

	/* results */
	enum acme_order_state state;
	char *url; /* owned; NULL until the CA has said */
	struct order_object object;
	size_t n_authz_open;
	struct acme_poll poll;
	unsigned n_finalize;
	size_t next_cause; /* index into object.authorizations */
	char *chain;       /* owned; the default one, then the chosen one */
	size_t chain_len;
	char **alternates;     /* owned */
	size_t next_alternate; /* index into alternates */
};

enum step {
	STEP_NEXT, /* run the step of the state that it is in now */
	STEP_WAIT, /* one operation or timer was started */
	STEP_DONE, /* completed: the operation may be gone */
};

/* --- order.c --- */

/* The only writer of the state: stored before what depends on it is done. */
int order_set_state(
	struct acme_order *op, enum acme_order_state state, struct err *err);
enum step order_go_to(struct acme_order *op, enum acme_order_state state);
/* Runs the steps until one waits. */
void order_run(struct acme_order *op);
/* One request as the whole of a step. */
enum step order_send_step(struct acme_order *op,
	const struct acme_request_params *params, acme_request_done_fn *done);
/* The same step again after a while, if it is trouble that may pass. */
bool order_wait_out(struct acme_order *op, const struct acme_request_result *result);

/* --- order_download.c --- */

enum step order_step_valid(struct acme_order *op);
enum step order_step_alternate(struct acme_order *op);
enum step order_step_done(struct acme_order *op);

/* --- order_cause.c --- */

enum step order_step_invalid(struct acme_order *op);

/* --- order_end.c --- */

void order_drop_authz(struct acme_order *op, enum acme_order_outcome outcome);
/* Each ends the order and returns STEP_DONE: the operation may be gone. */
enum step order_complete(struct acme_order *op, const struct acme_order_result *result);
enum step order_complete_broken(struct acme_order *op, const struct err *err);
enum step order_complete_refused(
	struct acme_order *op, const struct acme_problem *problem, const char *name);
enum step order_complete_by_request(struct acme_order *op,
	const struct acme_request_result *result, const char *what);
enum step order_complete_by_authz(
	struct acme_order *op, const struct acme_authz_result *result);
