/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See preflight.h. */
#include "core/preflight.h"

#include <errno.h>

#include "store/ledger.h"
#include "util/mem.h"

int preflight_check(struct store *store, const char *authority, usec_t wall_now_usec,
	struct err *err)
{
	_cleanup_(store_hold_done) struct store_hold hold = { 0 };
	char date[USEC_RFC3339_MAX];

	int r = store_ledger_get_hold(store, authority, "", wall_now_usec, &hold, err);
	if (r < 0)
		return r;
	if (hold.until_usec == 0)
		return 0;
	r = err_set_kind(err, ERR_CA, -EAGAIN,
		"authority %s has to be left alone until %s%s%s", authority,
		usec_format_rfc3339(hold.until_usec, date, sizeof(date)),
		hold.reason ? ": " : "", hold.reason ? hold.reason : "");
	if (err)
		err->retry_at_usec = hold.until_usec;
	return r;
}

int preflight_hold(struct store *store, const char *authority, usec_t until_usec,
	const char *reason, struct err *err)
{
	return store_ledger_hold(store, authority, "", until_usec, reason, err);
}
