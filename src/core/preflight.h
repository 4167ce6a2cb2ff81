/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands against asking the CA now (promise 4): a hold in the rate ledger, a clock
 * that cannot be right. Nothing is sent.
 */
#pragma once

#include "store/store.h"
#include "util/usec.h"

/* 0: go. -EAGAIN: not now; the error says why and since when it may be tried again. */
int preflight_check(struct store *store, const char *authority, usec_t wall_now_usec,
	struct err *err);
/* The CA said that the authority as a whole has to wait. */
int preflight_hold(struct store *store, const char *authority, usec_t until_usec,
	const char *reason, struct err *err);
