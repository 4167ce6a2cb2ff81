/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The second thing that this room asks for: a challenge answered. It shows what the CA
 * offers for one authorization; the solver chooses by its policy, presents the answer,
 * waits until our own eyes see it, and says which one stands. This room then tells the
 * CA, polls, and has it cleaned up.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "util/err.h"

#define ACME_CHALLENGES_MAX 16
#define ACME_TOKEN_MAX      128

struct acme_challenge {
	char *type; /* "http-01", … whatever the CA says; cleaned, at most 64 octets */
	char *url;  /* checked origin */
	char *token; /* [A-Za-z0-9_-]{1,128}, or NULL when it has none */
	char *status;
	json_t *json; /* owned; the whole challenge object, for kinds with more members */
};

struct acme_offer {
	const char *url;  /* of the authorization */
	const char *name; /* identifier value, without "*." */
	bool is_wildcard;
	const struct acme_challenge *challenge;
	size_t n_challenges;
	const char *account_url;
	const char *thumbprint;
};

/* index < 0: none is possible now, err says why of each. Lives until done returns. */
struct acme_solved {
	int index;
	const struct err *err;
};

typedef void acme_solved_fn(const struct acme_solved *solved, void *userdata);

struct acme_solver {
	/* The offer lives until the operation is dropped, and each started one is dropped
	 * with solve_cancel, in done or later. Otherwise the contract of all operations:
	 * done exactly once, never before solve_start returned, not after solve_cancel. */
	int (*solve_start)(void *userdata, void **ret_op,
		const struct acme_offer *offer, acme_solved_fn *done,
		void *done_userdata, struct err *err);
	void (*solve_cancel)(void *userdata, void *op);
	/* The answer to that challenge is no longer needed: fire and forget, may come
	 * twice, and may come for one that was never presented. */
	void (*cleanup)(void *userdata, const struct acme_offer *offer, size_t index);
	void *userdata;
};
