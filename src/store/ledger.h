/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rate ledger and what an authority told us to wait for: "not before" per
 * (authority, scope). Scope "" is the whole authority. */
#pragma once

#include "store/store.h"
#include "util/usec.h"

/* Kind of what is counted for each order; the authority is its directory. */
#define LEDGER_ORDER "order"

/* Later of what is there and what is given. */
int store_ledger_hold(struct store *store, const char *authority, const char *scope,
	usec_t until_usec, const char *reason, struct err *err);

struct store_hold {
	usec_t until_usec; /* wall; 0 = nothing holds */
	char *reason;      /* NULL = none was given */
};

void store_hold_done(struct store_hold *hold);
/* The longest that holds the scope now: its own or the whole authority's. */
int store_ledger_get_hold(struct store *store, const char *authority, const char *scope,
	usec_t wall_now_usec, struct store_hold *ret, struct err *err);

/* What is older than the longest window of a CA's limits is forgotten. */
#define STORE_LEDGER_KEEP_USEC (32 * USEC_PER_DAY)

/* Counts an event ("order", "failed-validation") in its narrowest scope. */
int store_ledger_count(struct store *store, const char *authority, const char *kind,
	const char *scope, usec_t at_usec, struct err *err);

/* In which scopes it was counted since, and how often, in no particular order. */
struct store_ledger_range {
	const char *authority, *kind; /* borrowed */
	usec_t since_usec;
};

typedef int store_ledger_fn(const char *scope, int64_t count, void *userdata);
int store_ledger_each_scope(struct store *store, const struct store_ledger_range *range,
	store_ledger_fn *fn, void *userdata, struct err *err);
/* How many there were since, in that scope; with "", in all scopes. Or < 0. */
int64_t store_ledger_get_count(struct store *store, const char *authority,
	const char *kind, const char *scope, usec_t since_usec, struct err *err);
