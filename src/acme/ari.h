/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking the CA when to renew (RFC 9773). */
#pragma once

#include "acme/client.h"

struct acme_ari;

struct acme_ari_result {
	bool is_known;     /* false: no ARI here, or no usable answer (err) */
	usec_t start_usec; /* wall; suggested window, start < end */
	usec_t end_usec;
	const char *explanation_url; /* NULL */
	usec_t ask_again_usec; /* wall; Retry-After, 1 min to 1 day; 6 h after failure */
	const struct err *err; /* NULL when known or when the CA has no ARI */
};

typedef void acme_ari_done_fn(const struct acme_ari_result *result, void *userdata);

/* ari_id: cert_chain_format_ari_id. Contract: doc/architecture.md, Operations. */
int acme_ari_start(struct acme_ari **ret, struct acme_client *client,
	const char *ari_id, acme_ari_done_fn *done, void *userdata, struct err *err);
struct acme_ari *acme_ari_cancel(struct acme_ari *op);
DEFINE_CLEANUP(struct acme_ari *, acme_ari_cancel)
