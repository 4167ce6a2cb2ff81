/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first of three things that this room asks for: a signature by the account key,
 * an operation that starts and is done later, since keys may live in a token. */
#pragma once

#include <stdint.h>

#include "util/err.h"

/* signature NULL: err says why. Exactly once, never before sign_start returned. */
typedef void acme_signed_fn(
	const uint8_t *signature, size_t len, const struct err *err, void *userdata);

struct acme_signer {
	/* The data is text, and lives until done or cancel. Each started one is dropped with
	 * sign_cancel, in done or later; that is silent. */
	int (*sign_start)(void *userdata, void **ret_op, const char *data,
		acme_signed_fn *done, void *done_userdata, struct err *err);
	void (*sign_cancel)(void *userdata, void *op);
	void *userdata;
	const char *alg; /* JWS algorithm */
	const char *jwk; /* public JWK, JSON text */
	const char *thumbprint;
};
