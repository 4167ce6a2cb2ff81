/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a CA has issued: checked, rehearsed in a handshake that nobody sees, and stored
 * with its key in one transaction (promise 1); and later stored as served.
 */
#pragma once

#include "core/intent.h"
#include "store/certificate.h"

struct issued_params {
	struct store *store;
	struct store_slot *slot; /* written: pending_id, attempts, error */
	const struct store_certificate *current; /* id 0: none */
	struct intent *intent;                   /* finished in the same transaction */
	const char *chain_pem;
	size_t chain_len;
	usec_t wall_now_usec;
	bool is_wanted; /* the operator asked: it need not end later than the current */
};

/* What comes before issued_take, in a turn of its own: all checks, and the rehearsal of a
 * TLS 1.3 handshake. The same errors; nothing is stored. */
int issued_check(const struct issued_params *params, struct err *err);
/* The same checks, the rehearsal of a TLS 1.2 handshake, and what is stored.
 * Fills *ret, which was empty. < 0: nothing was stored, *ret is empty, the slot is what
 * it was; the error is in the operator's words, and of kind ERR_CA if the same would come
 * again from this order. */
int issued_take(struct store_certificate *ret, const struct issued_params *params,
	struct err *err);

/* It was seen at every address: the current one is superseded, the slot due again then. */
int issued_save_served(struct store *store, struct store_slot *slot,
	int64_t certificate_id, usec_t due_usec, struct err *err);
