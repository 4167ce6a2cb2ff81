/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which key does the CA know? Asked after a key change that nobody knows the end of, and
 * when the CA behaves as if the account were no more: newAccount with onlyReturnExisting
 * (RFC 8555 7.3.1), which never makes one.
 */
#pragma once

#include "acme/account.h"

struct account_probe;

enum account_probe_outcome {
	ACCOUNT_PROBE_CURRENT, /* the present key is the account's */
	ACCOUNT_PROBE_PENDING, /* the pending one is */
	ACCOUNT_PROBE_NEITHER, /* the CA says so: the account is gone (err) */
	ACCOUNT_PROBE_UNSURE,  /* the CA could not be asked, or made no sense (err) */
};

struct account_probe_params {
	struct acme_client *current; /* borrowed, as all */
	struct acme_client *pending; /* NULL = there is no other key */
	const char *url;             /* of the account; another one does not count */
};

struct account_probe_result {
	enum account_probe_outcome outcome;
	bool is_ended; /* neither: it is there, but deactivated, and nothing undoes that */
	const struct err *err;
};

typedef void account_probe_done_fn(
	const struct account_probe_result *result, void *userdata);

/* Does the CA say that there is an account of that key, which can be used no more? */
bool account_probe_is_ended(const struct acme_account_result *result);

/* Contract: doc/architecture.md, Operations. */
int account_probe_start(struct account_probe **ret,
	const struct account_probe_params *params, account_probe_done_fn *done,
	void *userdata, struct err *err);
struct account_probe *account_probe_cancel(struct account_probe *op);
DEFINE_CLEANUP(struct account_probe *, account_probe_cancel)
