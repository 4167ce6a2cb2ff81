/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between authz.c, which walks an authorization's states, and authz_answer.c. */
#pragma once

#include "acme/authz.h"
#include "acme/poll.h"

struct acme_authz {
	/* inputs */
	struct acme_client *client;           /* borrowed */
	const struct acme_solver *solver;     /* borrowed */
	const struct acme_progress *progress; /* borrowed */
	const struct log_ctx *log;            /* borrowed */
	char *const *names;                   /* borrowed from the params */
	char *url;                            /* owned */
	acme_authz_done_fn *done;
	void *userdata;

	/* owned operations */
	struct acme_request *request;
	void *solving;   /* the solver's handle */
	bool is_solving; /* that has to be dropped */
	struct loop_timer *poll_timer;
	struct loop_timer *deadline_timer;

	/* results */
	enum acme_authz_state state;
	char *name; /* owned; NULL until it is read */
	bool is_wildcard;
	struct acme_challenge challenge[ACME_CHALLENGES_MAX]; /* those on offer */
	size_t n_challenges;
	struct acme_offer offer; /* points into the above */
	int chosen;              /* -1 until the solver has said */
	usec_t submitted_usec;   /* monotonic */
	struct acme_poll poll;
};

/* --- authz_answer.c --- */

/* Reads name and, while it is pending, challenges into op. */
int authz_read_answer(struct acme_authz *op, const json_t *json, struct err *err);
void authz_challenge_done(struct acme_challenge *challenge);
/* Has the chosen challenge failed, in an authorization that is still pending? */
bool authz_has_failed(const struct acme_authz *op, const json_t *authz);
