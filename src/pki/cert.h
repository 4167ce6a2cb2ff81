/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A certificate chain, leaf first, as a CA hands it out; and the checks that stand
 * before its activation (promise 1). */
#pragma once

#include <gnutls/x509.h>
#include <stdint.h>

#include "pki/key.h"
#include "util/usec.h"

#define CERT_CHAIN_MAX         10
#define CERT_PEM_BYTES_MAX     (256 * 1024)
#define CERT_FINGERPRINT_BYTES 32
/* In hexadecimal, with its NUL. */
#define CERT_FINGERPRINT_TEXT (2 * CERT_FINGERPRINT_BYTES + 1)

struct cert_chain;

/* PEM with 1 to CERT_CHAIN_MAX certificates. Anything but certificates and white space
 * between them (a key, text, a NUL) is refused: -EBADMSG. */
int cert_chain_parse_pem(
	struct cert_chain **ret, const char *pem, size_t len, struct err *err);
int cert_chain_format_pem(const struct cert_chain *chain, char **ret, struct err *err);
struct cert_chain *cert_chain_free(struct cert_chain *chain);
DEFINE_CLEANUP(struct cert_chain *, cert_chain_free)

unsigned cert_chain_get_length(const struct cert_chain *chain);
gnutls_x509_crt_t cert_chain_get_crt(const struct cert_chain *chain, unsigned i);
usec_t cert_chain_get_not_before(const struct cert_chain *chain); /* of the leaf */
usec_t cert_chain_get_not_after(const struct cert_chain *chain);  /* of the leaf */
/* dNSName entries of the leaf, lower case; NULL-terminated; borrowed from the chain. */
char *const *cert_chain_get_names(const struct cert_chain *chain);
/* SHA-256 of the leaf's DER; hexadecimal text of serial and issuer, borrowed. */
const uint8_t *cert_chain_get_fingerprint(const struct cert_chain *chain);
void cert_chain_format_fingerprint(
	const struct cert_chain *chain, char ret[CERT_FINGERPRINT_TEXT]);
const char *cert_chain_get_serial(const struct cert_chain *chain);
const char *cert_chain_get_issuer(const struct cert_chain *chain);
/* The leaf as DER; owned by the caller. */
int cert_chain_format_leaf_der(const struct cert_chain *chain, uint8_t **ret,
	size_t *ret_len, struct err *err);
/* ARI certificate identifier (RFC 9773 4.1); owned by the caller. -ENODATA: the leaf
 * has no authority key identifier. */
int cert_chain_format_ari_id(
	const struct cert_chain *chain, char **ret, struct err *err);

struct cert_check {
	const struct key *key;
	char *const *names; /* each must be covered */
	usec_t wall_now_usec;
	usec_t ends_from_usec;  /* notAfter must not be earlier; 0 = no matter */
	bool lone_leaf_allowed; /* a private CA whose root, left out, signs leaves */
};

/* Key matches leaf, leaf is the first and each next one signs the one before it, leaf
 * is no CA, names are covered, notBefore has passed (60 s of skew allowed), not expired.
 * A leaf alone is refused unless it signed itself. -EBADMSG; the error (kind CA) says
 * in the operator's words what is wrong. */
int cert_chain_check(const struct cert_chain *chain, const struct cert_check *check,
	struct err *err);
