/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rate ledger and what an authority told us to wait for: "not before" per
 * (authority, scope). Scope "" is the whole authority. */
#pragma once

#include "store/store.h"
#include "util/usec.h"

/* Later of what is there and what is given. */
int store_ledger_hold(struct store *store, const char *authority, const char *scope,
	usec_t until_usec, const char *reason, struct err *err);
/* 0 when there is no hold or it has passed. *ret_reason owned by the caller, may be NULL. */
int store_ledger_get_hold(struct store *store, const char *authority, const char *scope,
	usec_t wall_now_usec, usec_t *ret_until_usec, char **ret_reason,
	struct err *err);
/* Counts an event ("order", "failed-validation") and tells how many there were since. */
int store_ledger_count(struct store *store, const char *authority, const char *kind,
	const char *scope, usec_t at_usec, struct err *err);
int store_ledger_get_count(struct store *store, const char *authority, const char *kind,
	const char *scope, usec_t since_usec, int64_t *ret, struct err *err);
