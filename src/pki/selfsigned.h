/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates that we sign ourselves: a listener's placeholder, and the answer to
 * tls-alpn-01 (RFC 8737 section 3). */
#pragma once

#include "pki/key.h"

/* For `name` (NULL: "postseal.invalid"), valid without end (RFC 5280 section 4.1.2.5:
 * 9999-12-31), whatever the clock says. PEM, owned by the caller; the key PEM is to be
 * released with secret_free. */
int selfsigned_generate(
	const char *name, char **ret_chain_pem, char **ret_key_pem, struct err *err);

/* SAN = name, critical acmeIdentifier extension (1.3.6.1.5.5.7.1.31) holding the
 * SHA-256 of the key authorization. The subject has no CN (names may pass 64 octets). */
int selfsigned_generate_alpn(const char *name, const char *key_authorization,
	char **ret_chain_pem, char **ret_key_pem, struct err *err);
/* Is this DER leaf the right answer to that? For the look with our own eyes. */
bool selfsigned_is_alpn_answer(const uint8_t *der, size_t len, const char *name,
	const char *key_authorization);
