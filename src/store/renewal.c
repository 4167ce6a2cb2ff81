/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See renewal.h. */
#include "store/renewal.h"

#include <limits.h>

#include "store/store_priv.h"

int store_renewal_load(struct store *store, int64_t slot_id, struct store_renewal *ret,
	struct err *err)
{
	struct store_renewal renewal = { 0 };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_RENEWAL_LOAD, err);
	store_stmt_bind_int(&q, slot_id);
	int r = store_stmt_fetch(&q);
	if (r != 0)
		return r;
	renewal.slot_id = store_stmt_read_begin(&q, "renewal of slot");
	renewal.certificate_id = store_stmt_read_int(&q, 0, INT64_MAX);
	renewal.window_start_usec = store_stmt_read_usec(&q);
	renewal.window_end_usec = store_stmt_read_usec(&q);
	renewal.moment_usec = store_stmt_read_usec(&q);
	renewal.ask_again_usec = store_stmt_read_usec(&q);
	renewal.n_early = (unsigned)store_stmt_read_int(&q, 0, UINT_MAX);
	renewal.early_id = store_stmt_read_int(&q, 0, INT64_MAX);
	r = store_stmt_read_end(&q);
	if (r == 0)
		*ret = renewal;
	return r;
}

int store_renewal_save(
	struct store *store, const struct store_renewal *renewal, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_RENEWAL_SAVE, err);
	store_stmt_bind_int(&q, renewal->slot_id);
	store_stmt_bind_int(&q, renewal->certificate_id);
	store_stmt_bind_usec(&q, renewal->window_start_usec);
	store_stmt_bind_usec(&q, renewal->window_end_usec);
	store_stmt_bind_usec(&q, renewal->moment_usec);
	store_stmt_bind_usec(&q, renewal->ask_again_usec);
	store_stmt_bind_int(&q, renewal->n_early);
	store_stmt_bind_int(&q, renewal->early_id);
	return store_stmt_run(&q);
}
