/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an operator may have done with an account that there is: put another key in the
 * place of its key (RFC 8555 7.3.5), or give it up (7.3.6). Orders under way end first,
 * for which they have five minutes; new ones wait.
 */
#pragma once

#include "core/accounts/authority.h"

struct account_change;

enum account_change_kind {
	ACCOUNT_CHANGE_KEY, /* a new key, of the type in the configuration */
	ACCOUNT_CHANGE_END, /* deactivation: nothing undoes it */
};

/* err NULL: done, and stored. */
typedef void account_change_done_fn(const struct err *err, void *userdata);

/* Cancel drops operations, never facts: what was sent is settled by asking the CA. -EBUSY:
 * there is a change under way. -ENOENT: there is no account. The usual contract of a start
 * (io/loop.h); each request has its deadline, and so has the wait for orders. */
int account_change_start(struct account_change **ret, struct authority *authority,
	enum account_change_kind kind, account_change_done_fn *done, void *userdata,
	struct err *err);
struct account_change *account_change_cancel(struct account_change *op);
DEFINE_CLEANUP(struct account_change *, account_change_cancel)
