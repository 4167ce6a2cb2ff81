/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private keys: account keys and certificate keys (GnuTLS underneath). */
#pragma once

#include <errno.h>
#include <gnutls/abstract.h>
#include <stdint.h>

#include "util/err.h"

enum key_type {
	KEY_ECDSA_P256,
	KEY_ECDSA_P384,
	KEY_RSA_2048,
	KEY_RSA_3072,
	KEY_RSA_4096,
	KEY_ED25519,
	_KEY_TYPE_MAX,
	_KEY_TYPE_INVALID = -EINVAL,
};

/* "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519" */
const char *key_type_name(enum key_type type);
enum key_type key_type_parse(const char *name);
/* NULL-terminated list of the names, for settings tables. */
extern const char *const key_type_names[];
bool key_type_is_rsa(enum key_type type);

struct key;

int key_generate(struct key **ret, enum key_type type, struct err *err);
/* PKCS#8 or traditional PEM, unencrypted; types not listed above are refused. */
int key_parse_pem(struct key **ret, const char *pem, size_t len, struct err *err);
/* PKCS#8 PEM; release with secret_free. */
int key_format_pem(const struct key *key, char **ret, struct err *err);
struct key *key_free(struct key *key);
DEFINE_CLEANUP(struct key *, key_free)

enum key_type key_get_type(const struct key *key);
/* Borrowed; for the rest of this room. */
gnutls_privkey_t key_get_privkey(const struct key *key);
gnutls_x509_privkey_t key_get_x509(const struct key *key);

/* Raw JWS signature (RFC 7518 3.3, 3.4; RFC 8037): fixed width r||s for ECDSA. */
int key_sign_jws(const struct key *key, const void *data, size_t len, uint8_t **ret,
	size_t *ret_len, struct err *err);
/* "ES256", "ES384", "RS256", "EdDSA" */
const char *key_get_jws_alg(const struct key *key);
/* Public JWK with members in the order that RFC 7638 hashes; owned by the caller. */
int key_format_jwk(const struct key *key, char **ret, struct err *err);
/* base64url(SHA-256(JWK)) (RFC 7638); owned by the caller. */
int key_format_thumbprint(const struct key *key, char **ret, struct err *err);
