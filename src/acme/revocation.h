/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Having a certificate revoked (RFC 8555 7.6). */
#pragma once

#include "acme/client.h"

struct acme_revocation;

/* RFC 5280 5.3.1, those that a subscriber may say; -EINVAL for another name. */
enum acme_revocation_reason {
	ACME_REVOCATION_UNSPECIFIED = 0,
	ACME_REVOCATION_KEY_COMPROMISE = 1,
	ACME_REVOCATION_AFFILIATION_CHANGED = 3,
	ACME_REVOCATION_SUPERSEDED = 4,
	ACME_REVOCATION_CESSATION = 5,
};

/* "unspecified", "key-compromise", "affiliation-changed", "superseded", "cessation" */
const char *acme_revocation_reason_name(int reason);
int acme_revocation_reason_parse(const char *name);

struct acme_revocation_params {
	const uint8_t *certificate; /* DER of the leaf; copied */
	size_t certificate_len;
	enum acme_revocation_reason reason;
};

struct acme_revocation_result {
	bool is_revoked;  /* now, or before (alreadyRevoked); else err tells why not */
	bool was_revoked; /* before */
	const struct acme_problem *problem;
	const struct err *err;
};

typedef void acme_revocation_done_fn(
	const struct acme_revocation_result *result, void *userdata);

/* Signed by the client's account; or, if it knows none, by its key with the jwk: so a
 * client whose signer is the certificate's own key needs no account. Contract:
 * doc/architecture.md, Operations. */
int acme_revocation_start(struct acme_revocation **ret, struct acme_client *client,
	const struct acme_revocation_params *params, acme_revocation_done_fn *done,
	void *userdata, struct err *err);
struct acme_revocation *acme_revocation_cancel(struct acme_revocation *op);
DEFINE_CLEANUP(struct acme_revocation *, acme_revocation_cancel)
