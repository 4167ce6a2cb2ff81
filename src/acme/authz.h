/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One authorization of an order (RFC 8555 7.1.4, 7.5): read, have a challenge solved,
 * tell the CA, poll until it is valid, invalid, or pending with an error in the challenge
 * (some CAs leave it so: facts acme.md 2.6), clean up.
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
	const struct acme_solver *solver;
	const struct acme_progress *progress;
	const struct log_ctx *log;
};

enum acme_authz_outcome {
	ACME_AUTHZ_IS_VALID,
	ACME_AUTHZ_REFUSED,
	ACME_AUTHZ_UNSOLVED,
	ACME_AUTHZ_BROKEN,
};

struct acme_authz_result {
	enum acme_authz_outcome outcome;
	const struct acme_problem *problem;
	const struct err *err;
	usec_t retry_at_usec;
};

typedef void acme_authz_done_fn(const struct acme_authz_result *result, void *userdata);

int acme_authz_start(struct acme_authz **ret, struct acme_client *client,
	const struct acme_authz_params *params, acme_authz_done_fn *done,
	void *userdata, struct err *err);
struct acme_authz *acme_authz_cancel(struct acme_authz *op);
DEFINE_CLEANUP(struct acme_authz *, acme_authz_cancel)
