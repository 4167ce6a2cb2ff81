/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The intent of one order as it stands in the store: names, key, URLs, authorizations. It
 * is committed before anything is sent that depends on it (promise 3), and it is what
 * the next job takes up after a crash. It is the acme/order.h progress of its order.
 */
#pragma once

#include "acme/order.h"
#include "acme/solver.h"
#include "pki/key.h"
#include "store/order.h"
#include "store/slot.h"

struct intent;

struct intent_params {
	struct store *store; /* borrowed, as the loop */
	struct loop *loop;
	const struct store_slot *slot; /* only looked at */
	int64_t account_id;
};

/* The open one of the slot, if it is for the same names and account; what does not fit is
 * closed. STORE_E_NOT_FOUND: there is none. */
int intent_find(
	struct intent **ret, const struct intent_params *params, struct err *err);
/* A new one with that key. */
int intent_add(struct intent **ret, const struct intent_params *params,
	const struct key *key, struct err *err);
struct intent *intent_free(struct intent *intent);
DEFINE_CLEANUP(struct intent *, intent_free)

/* Is asked last before newOrder is sent: < 0, and it is not. */
typedef int intent_guard_fn(void *userdata, struct err *err);
void intent_set_guard(struct intent *intent, intent_guard_fn *fn, void *userdata);
/* Was the order known to the CA before (so its URL is to be taken up)? */
bool intent_is_resumed(const struct intent *intent);
const struct store_order *intent_get_order(const struct intent *intent);
/* Borrowed. */
const struct acme_progress *intent_get_progress(const struct intent *intent);
/* A key object of its own, and the request for it. */
int intent_load_key(const struct intent *intent, struct key **ret, struct err *err);
int intent_format_csr(
	const struct intent *intent, uint8_t **ret, size_t *ret_len, struct err *err);
/* The answer to that challenge is about to be given: stored before it is. */
int intent_present(struct intent *intent, const struct acme_offer *offer, size_t index,
	struct err *err);
/* Its plugin has cleaned up the answer of that type at that authorization. What is not
 * noted so is left to core/leftovers.h. */
int intent_withdraw(
	struct intent *intent, const char *url, const char *type, struct err *err);
/* Nothing more to do for this order. */
int intent_finish(struct intent *intent, struct err *err);
