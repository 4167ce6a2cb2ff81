/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The accounts of tests/lib/fake_ca.h: found by their keys (RFC 8555 7.3), with changes of
 * key (7.3.5) and deactivation (7.3.6). Signatures by ECDSA P-256 are verified, with
 * GnuTLS itself and not with src/pki.
 */
#pragma once

#include <jansson.h>

#include "tests/lib/fake_http.h"

struct fake_ca_accounts;

struct fake_ca_accounts *fake_ca_accounts_new(void);
struct fake_ca_accounts *fake_ca_accounts_free(struct fake_ca_accounts *accounts);

/* A signed request. */
struct fake_ca_signed {
	json_t *jws, *header;
	json_t *payload;   /* NULL for POST-as-GET */
	const json_t *jwk; /* in header; NULL: signed by an account */
	unsigned account;  /* its number; 0 = signed by the jwk */
};

/* False: it has been answered already, with what is wrong. */
bool fake_ca_accounts_read(const struct fake_ca_accounts *accounts,
	const struct fake_http_request *req, struct fake_ca_signed *ret,
	struct fake_http_answer *answer);
void fake_ca_signed_done(struct fake_ca_signed *s);
/* Is that certificate (DER) of the key that signed? */
bool fake_ca_signed_by_certificate(
	const struct fake_ca_signed *s, const uint8_t *der, size_t len);

void fake_ca_accounts_answer_new(struct fake_ca_accounts *accounts,
	const struct fake_ca_signed *s, struct fake_http_answer *answer);
void fake_ca_accounts_answer_key_change(struct fake_ca_accounts *accounts,
	const struct fake_ca_signed *s, struct fake_http_answer *answer);
void fake_ca_accounts_answer_update(struct fake_ca_accounts *accounts,
	const struct fake_ca_signed *s, struct fake_http_answer *answer);

unsigned fake_ca_accounts_count(const struct fake_ca_accounts *accounts);
unsigned fake_ca_accounts_count_key_changes(const struct fake_ca_accounts *accounts);
/* All are forgotten, or deactivated. */
void fake_ca_accounts_forget(struct fake_ca_accounts *accounts);
void fake_ca_accounts_deactivate(struct fake_ca_accounts *accounts);
/* Is that the key (JWK text) of a valid account? */
bool fake_ca_accounts_knows(const struct fake_ca_accounts *accounts, const char *jwk);

/* What all answers of the fake CA are made with. */
void fake_ca_answer_json(
	struct fake_http_answer *answer, unsigned status, const char *text);
void fake_ca_answer_problem(
	struct fake_http_answer *answer, unsigned status, const char *type);
