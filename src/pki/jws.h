/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON Web Signature, flattened (RFC 7515 7.2.2) as ACME asks (RFC 8555 6.2). Split in
 * two, since signing may happen elsewhere and later: jws_input gives what is to be
 * signed, jws_format puts the signature in.
 */
#pragma once

#include <stdint.h>

#include "util/err.h"

struct jws_params {
	const char *alg;
	const char *jwk;   /* JSON text; exactly one of jwk and kid */
	const char *kid;   /* account URL */
	const char *nonce; /* NULL = none (EAB, inner JWS of keyChange) */
	const char *url;
	const char *payload; /* JSON text; "" = POST-as-GET */
};

/* base64url(protected) "." base64url(payload); owned by the caller. */
int jws_input(const struct jws_params *params, char **ret, struct err *err);
/* The flattened JSON text; owned by the caller. */
int jws_format(const char *input, const uint8_t *signature, size_t len, char **ret,
	struct err *err);

/* External account binding (RFC 8555 7.3.4): HS256 by the CA's MAC key (base64url). */
int jws_format_eab(const char *kid, const char *hmac_base64url, const char *url,
	const char *jwk, char **ret, struct err *err);
