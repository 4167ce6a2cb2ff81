/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When a certificate is to be renewed: at the moment that was chosen in the window which
 * its CA suggests (RFC 9773), else at a fraction of its lifetime; never so late that
 * little is left of it, and never so early, so often, that a CA makes a loop.
 */
#pragma once

#include "core/accounts/authority.h"
#include "store/certificate.h"

struct renewal;

struct renewal_params {
	struct loop *loop;   /* borrowed, as all here */
	struct store *store; /* keeps what the CA has said */
	struct authority *authority;
	int64_t slot_id;
	const struct store_certificate *certificate; /* the current one */
	usec_t renew_before_usec; /* the operator's word; 0: the CA is asked */
	const struct log_ctx *log;
};

struct renewal_result {
	usec_t at_usec;              /* wall; not after now: renew at once */
	usec_t wake_usec;            /* wall; when to look again; not after at_usec */
	const char *explanation_url; /* why the CA wants it now; NULL */
};

typedef void renewal_done_fn(const struct renewal_result *result, void *userdata);

/* Asks the CA only when its Retry-After has passed. Never fails: a CA that cannot be
 * asked has said nothing. Else the contract of doc/architecture.md, Operations. */
struct renewal *renewal_start(
	const struct renewal_params *params, renewal_done_fn *done, void *userdata);
struct renewal *renewal_cancel(struct renewal *op);
DEFINE_CLEANUP(struct renewal *, renewal_cancel)

/* Without asking anybody. renew_before 0 = the usual fraction. */
usec_t renewal_get_by_lifetime(
	const struct store_certificate *certificate, usec_t renew_before_usec);
/* By what a CA knows the certificate (RFC 9773 4.1); owned by the caller; NULL: it has
 * no such name. */
char *renewal_format_id(const struct store_certificate *certificate);
