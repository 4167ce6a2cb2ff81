/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a handshake is made with: a pre-parsed chain and key, reference counted. A
 * session holds a reference from the hello until gnutls_deinit, since GnuTLS borrows
 * the lists (facts: retrieve function 3 with flags 0). And the rehearsal: a whole
 * handshake in memory with this very context, before it is installed.
 */
#pragma once

#include <gnutls/gnutls.h>
#include <stdint.h>

#include "pki/key.h"

struct tls_context;

/* The key must fit the leaf. */
int tls_context_new(struct tls_context **ret, const char *chain_pem,
	const char *key_pem, struct err *err);
struct tls_context *tls_context_ref(struct tls_context *context);
struct tls_context *tls_context_unref(struct tls_context *context);
DEFINE_CLEANUP(struct tls_context *, tls_context_unref)

bool tls_context_is_rsa(const struct tls_context *context);
const uint8_t *tls_context_get_fingerprint(
	const struct tls_context *context); /* SHA-256 */
usec_t tls_context_get_not_after(const struct tls_context *context);
/* Borrowed lists for the retrieve callback. */
void tls_context_get_lists(const struct tls_context *context,
	gnutls_pcert_st **ret_pcert, unsigned *ret_n, gnutls_privkey_t *ret_key);

/* Server credentials whose retrieve callback takes the context from the session's
 * pointer, which the caller sets to a `struct tls_context **`: one per process. */
int tls_context_new_credentials(gnutls_certificate_credentials_t *ret, struct err *err);
/* Priority string of all our servers: TLS 1.2 and 1.3, no PSK, no RSA key exchange. */
#define TLS_CONTEXT_PRIORITY \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-PSK:-DHE-PSK:-ECDHE-PSK"

enum tls_version {
	TLS_VERSION_13,
	TLS_VERSION_12,
};

/* A handshake in memory, client asking for `name`; the client must be shown exactly this
 * leaf and able to exchange an octet. It costs a signature of the key, which of an RSA key
 * of 4096 bits takes some 10 ms: two of them are for two turns of a loop. */
int tls_context_rehearse(struct tls_context *context, enum tls_version version,
	const char *name, struct err *err);
