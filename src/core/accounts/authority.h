/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An authority at work: one HTTP client (so one kept connection), one account with its
 * key, one ACME client, and the gate that lets in so many orders at once.
 */
#pragma once

#include "acme/client.h"
#include "conf/conf.h"
#include "core/notice/clock_watch.h"
#include "core/notice/events.h"
#include "store/account.h"

struct authority;

struct authority_params {
	struct loop *loop;
	struct store *store; /* borrowed, as all below */
	struct events *events;
	struct clock_watch *clock; /* hears what time it is there; NULL (tests) */
	struct conf *conf;         /* referenced */
	const struct conf_block *block;
	struct http_client *http; /* tests; NULL = one of our own */
	const struct log_ctx *log;
};

int authority_new(
	struct authority **ret, const struct authority_params *params, struct err *err);
/* Tickets and requests of its client must have been dropped before. Who still waits for
 * the account hears that the authority has changed (-ECANCELED). */
struct authority *authority_free(struct authority *authority);
DEFINE_CLEANUP(struct authority *, authority_free)

const char *authority_get_name(const struct authority *authority);
const struct conf_block *authority_get_block(const struct authority *authority);
/* Is it still what the block says (same settings)? */
bool authority_is_current(
	const struct authority *authority, const struct conf_block *block);
/* NULL until the account has been made sure of. */
struct acme_client *authority_get_client(const struct authority *authority);
const struct store_account *authority_get_account(const struct authority *authority);
/* base64url(SHA-256(JWK)); NULL without an account. */
const char *authority_get_thumbprint(const struct authority *authority);

/* Loads the account if there is one; a change of its key that was cut off will be settled
 * soon. */
void authority_resume(struct authority *authority);
/* Why nothing can be ordered with the account until an operator speaks; owned by the
 * caller. NULL: it can. */
char *authority_format_hold(struct authority *authority);

/* Signer and client of a key in PEM, the account's or another; it knows the account's URL.
 * Owned by the caller, who drops the client first, and both before authority_free. */
struct signer;
int authority_make_client(struct authority *authority, const char *key_pem,
	struct signer **ret_signer, struct acme_client **ret_client, struct err *err);

/*
 * Makes sure of the account: loads it, else makes a key, stores it, and registers. An
 * account that is stopped stays so, unless AUTHORITY_CREATE is the operator's word.
 * Contract of doc/architecture.md, Operations; err NULL: the client is ready.
 */
enum {
	AUTHORITY_CREATE = 1 << 0,
	AUTHORITY_REPLACE = 1 << 1, /* of authority_import_account */
};
struct authority_ensure;
typedef void authority_ensured_fn(const struct err *err, void *userdata);
int authority_ensure_start(struct authority_ensure **ret, struct authority *authority,
	unsigned flags, authority_ensured_fn *done, void *userdata, struct err *err);
struct authority_ensure *authority_ensure_cancel(struct authority_ensure *op);
DEFINE_CLEANUP(struct authority_ensure *, authority_ensure_cancel)

/* The key that a new account shall have: refused (-EEXIST) if there is a valid one, and
 * (-EBUSY) while the CA is asked with the present one. */
int authority_import_key(
	struct authority *authority, const char *pem, size_t len, struct err *err);
/* An account whose key the CA knows by that URL: used from now on. AUTHORITY_REPLACE: also
 * in the place of a valid one, whose row stays; else -EEXIST. -EBUSY as above. */
int authority_import_account(struct authority *authority, const char *pem,
	const char *url, unsigned flags, struct err *err);
/* The CA does not know the account, or wants a person: nothing more is asked of it. */
void authority_stop_account(struct authority *authority, const char *reason);
/* What the CA has refused to an order: does it speak of the account? Then it is stopped,
 * or, where it is not so clear, asked for before it is used again. is_first: the order
 * does not exist yet, so that no challenge can have been wrong. */
void authority_hear_refusal(
	struct authority *authority, const struct acme_problem *problem, bool is_first);

/* A place among max_orders; of those that wait, the one with the least `urgency` (the end
 * of what is served) goes first. The ticket is held from start on, granted once done is
 * called; cancel gives it back, before or after. */
struct authority_ticket;
typedef void authority_granted_fn(void *userdata);
struct authority_ticket *authority_enter(struct authority *authority, usec_t urgency,
	authority_granted_fn *granted, void *userdata);
struct authority_ticket *authority_leave(struct authority_ticket *ticket);
DEFINE_CLEANUP(struct authority_ticket *, authority_leave)
