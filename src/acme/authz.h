/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One authorization of an order (RFC 8555 7.1.4, 7.5): read, have a challenge solved,
 * tell the CA, poll until it is valid, invalid, or pending with an error in the challenge
 * (some CAs leave it so), clean up.
 */
#pragma once

#include "acme/order.h"

enum acme_authz_state {
	ACME_AUTHZ_READ,   /* fetching it */
	ACME_AUTHZ_SOLVE,  /* the solver is at work */
	ACME_AUTHZ_SUBMIT, /* telling the CA */
	ACME_AUTHZ_POLL,   /* waiting for its verdict */
	ACME_AUTHZ_VALID,
	ACME_AUTHZ_INVALID,
	_ACME_AUTHZ_STATE_MAX,
};

const char *acme_authz_state_name(enum acme_authz_state state);

struct acme_authz;

struct acme_authz_params {
	const char *url;
	char *const
		*names; /* the order's: no other is authorized; outlive the operation */
	const struct acme_solver *solver;     /* borrowed */
	const struct acme_progress *progress; /* borrowed */
	const struct log_ctx *log;
	usec_t deadline_usec; /* duration for the whole; 0 = 30 min */
};

enum acme_authz_outcome {
	ACME_AUTHZ_IS_VALID,
	ACME_AUTHZ_REFUSED,  /* the CA said no: problem */
	ACME_AUTHZ_UNSOLVED, /* no challenge is possible: err says why of each */
	ACME_AUTHZ_BROKEN,   /* network, nonsense, deadline, progress not stored */
};

struct acme_authz_result {
	enum acme_authz_outcome outcome;
	const char *name;                   /* NULL: not even read */
	const struct acme_problem *problem; /* NULL unless REFUSED */
	const struct err *err;              /* NULL if valid */
	usec_t retry_at_usec;               /* wall; 0 = not said */
};

typedef void acme_authz_done_fn(const struct acme_authz_result *result, void *userdata);

/* Contract: doc/architecture.md, Operations. Before done is called, and on cancel, what
 * was presented has been handed to solver->cleanup. */
int acme_authz_start(struct acme_authz **ret, struct acme_client *client,
	const struct acme_authz_params *params, acme_authz_done_fn *done,
	void *userdata, struct err *err);
struct acme_authz *acme_authz_cancel(struct acme_authz *op);
DEFINE_CLEANUP(struct acme_authz *, acme_authz_cancel)

/* As cancel, but what was presented stays: the order is to be resumed. */
struct acme_authz *acme_authz_abandon(struct acme_authz *op);

/* The reason in an authorization that failed: the error of that challenge, else of any
 * (challenge_url may be NULL), else its status in words. */
void acme_authz_parse_problem(
	struct acme_problem *ret, const json_t *authz, const char *challenge_url);
