/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making sure of an account (RFC 8555 7.3): find it by its key, or register it. */
#pragma once

#include "acme/client.h"

struct acme_account;

struct acme_account_params {
	char *const *contact; /* mailto: URLs; NULL-terminated; NULL = none */
	bool agree_to_terms;
	bool only_existing;       /* onlyReturnExisting: never register */
	const char *eab_kid;      /* NULL = no external account binding */
	const char *eab_hmac_key; /* base64url */
};

struct acme_account_result {
	const char *url;    /* NULL: err (and problem, if the CA said it) tell why */
	const char *status; /* "valid", … */
	bool created;       /* 201 */
	const struct acme_problem *problem;
	const struct err *err;
};

typedef void acme_account_done_fn(
	const struct acme_account_result *result, void *userdata);

/* On success the client's account is set. Contract: doc/architecture.md, Operations. */
int acme_account_start(struct acme_account **ret, struct acme_client *client,
	const struct acme_account_params *params, acme_account_done_fn *done,
	void *userdata, struct err *err);
struct acme_account *acme_account_cancel(struct acme_account *op);
DEFINE_CLEANUP(struct acme_account *, acme_account_cancel)
