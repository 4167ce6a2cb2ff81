/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Putting another key in the place of an account's key (RFC 8555 7.3.5). */
#pragma once

#include "acme/client.h"

struct acme_key_change;

enum acme_key_change_outcome {
	ACME_KEY_CHANGED, /* the CA has taken the new key: the old one is worth nothing */
	ACME_KEY_REFUSED, /* the CA says no: look at problem */
	ACME_KEY_UNSURE, /* it may have been taken, or not: look at err, ask with both */
};

struct acme_key_change_result {
	enum acme_key_change_outcome outcome;
	const struct acme_problem *problem;
	const struct err *err; /* set unless the key was changed */
};

typedef void acme_key_change_done_fn(
	const struct acme_key_change_result *result, void *userdata);

/* The client signs with the old key and must know its account; signer has the new key,
 * is borrowed, and outlives the operation. The client keeps the old key all the while.
 * Contract: doc/architecture.md, Operations. */
int acme_key_change_start(struct acme_key_change **ret, struct acme_client *client,
	const struct acme_signer *signer, acme_key_change_done_fn *done, void *userdata,
	struct err *err);
struct acme_key_change *acme_key_change_cancel(struct acme_key_change *op);
DEFINE_CLEANUP(struct acme_key_change *, acme_key_change_cancel)
