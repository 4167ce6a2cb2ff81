/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A real handshake with an address, to see which certificate is served. Never
 * resumes, trusts nothing and verifies nothing: it reports what was shown.
 */
#pragma once

#include <stdint.h>

#include "io/address.h"
#include "io/loop.h"

struct tls_probe;

struct tls_probe_params {
	struct address address;
	int fd; /* > 0: connected already, and taken over; address is not used */
	const char *sni;         /* NULL = none */
	const char *const *alpn; /* NULL-terminated; NULL = none */
	const char
		*priority; /* GnuTLS priority string; NULL = default. Lets a probe ask
				  * for RSA or ECDSA alone */
	bool says_proxy;   /* begins with a PROXY header that names nobody (LOCAL) */
	usec_t deadline_usec; /* duration; 0 = 10 s */
};

enum tls_probe_outcome {
	TLS_PROBE_OK,        /* a certificate was shown */
	TLS_PROBE_UNREACHED, /* not connected */
	TLS_PROBE_TLS,       /* connected, but no handshake */
	TLS_PROBE_DEADLINE,
	_TLS_PROBE_OUTCOME_MAX,
};

struct tls_probe_result {
	enum tls_probe_outcome outcome;
	const uint8_t *leaf; /* DER; NULL unless OK */
	size_t leaf_len;
	uint8_t fingerprint[32]; /* SHA-256 of the leaf */
	unsigned n_chain;        /* certificates shown */
	const char *alpn;        /* what was negotiated, or NULL */
	const char *detail;      /* cause in words unless OK */
};

typedef void tls_probe_done_fn(const struct tls_probe_result *result, void *userdata);

int tls_probe_start(struct tls_probe **ret, struct loop *loop,
	const struct tls_probe_params *params, tls_probe_done_fn *done, void *userdata,
	struct err *err);
struct tls_probe *tls_probe_cancel(struct tls_probe *op);
DEFINE_CLEANUP(struct tls_probe *, tls_probe_cancel)
