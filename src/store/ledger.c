/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ledger.h. */
#include "store/ledger.h"

#include "store/store_priv.h"
#include "util/mem.h"

void store_hold_done(struct store_hold *hold)
{
	free(hold->reason);
	*hold = (struct store_hold){ 0 };
}

int store_ledger_hold(struct store *store, const char *authority, const char *scope,
	usec_t until_usec, const char *reason, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_LEDGER_HOLD, err);
	store_stmt_bind_text(&q, authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, scope, STORE_TEXT_MAX);
	store_stmt_bind_usec(&q, until_usec);
	store_stmt_bind_text(&q, reason, STORE_TEXT_MAX);
	return store_stmt_run(&q);
}

static int read_hold(struct store_stmt *q, struct store_hold *ret)
{
	_cleanup_(store_hold_done) struct store_hold h = { 0 };

	store_stmt_read_begin(q, "hold");
	h.until_usec = store_stmt_read_usec(q);
	h.reason = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	*ret = h;
	h = (struct store_hold){ 0 };
	return 0;
}

int store_ledger_get_hold(struct store *store, const char *authority, const char *scope,
	usec_t wall_now_usec, struct store_hold *ret, struct err *err)
{
	struct store_hold hold = { 0 };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_LEDGER_GET_HOLD, err);
	store_stmt_bind_text(&q, authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, scope, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	if (r == 0)
		r = read_hold(&q, &hold);
	if (r < 0)
		return r;
	if (hold.until_usec <= wall_now_usec)
		store_hold_done(&hold);
	*ret = hold;
	return 0;
}

static int add_row(struct store *store, const char *authority, const char *kind,
	const char *scope, usec_t at_usec, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_LEDGER_COUNT, err);
	store_stmt_bind_text(&q, authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, kind, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, scope, STORE_TEXT_MAX);
	store_stmt_bind_usec(&q, at_usec);
	return store_stmt_run(&q);
}

static int prune(struct store *store, usec_t before_usec, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_LEDGER_PRUNE, err);
	store_stmt_bind_usec(&q, before_usec);
	return store_stmt_run(&q);
}

int store_ledger_count(struct store *store, const char *authority, const char *kind,
	const char *scope, usec_t at_usec, struct err *err)
{
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	r = add_row(store, authority, kind, scope, at_usec, err);
	if (r == 0)
		r = prune(store, usec_sub(at_usec, STORE_LEDGER_KEEP_USEC), err);
	return store_finish(store, r, err);
}

int64_t store_ledger_get_count(struct store *store, const char *authority,
	const char *kind, const char *scope, usec_t since_usec, struct err *err)
{
	bool is_whole = scope[0] == '\0';
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store,
		is_whole ? STORE_STMT_LEDGER_GET_COUNT : STORE_STMT_LEDGER_GET_COUNT_OF,
		err);
	store_stmt_bind_text(&q, authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, kind, STORE_TEXT_MAX);
	store_stmt_bind_usec(&q, since_usec);
	if (!is_whole)
		store_stmt_bind_text(&q, scope, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	return r == 0 ? store_stmt_read_int(&q, 0, INT64_MAX) : r;
}

struct walk {
	store_ledger_fn *fn;
	void *userdata;
};

static int on_scope(struct store_stmt *q, void *userdata)
{
	const struct walk *walk = userdata;

	store_stmt_read_begin(q, "ledger");
	_cleanup_(freep) char *scope = store_stmt_read_text_or_empty(q, STORE_TEXT_MAX);
	int64_t count = store_stmt_read_int(q, 1, INT64_MAX);
	int r = store_stmt_read_end(q);
	return r < 0 ? r : walk->fn(scope, count, walk->userdata);
}

int store_ledger_each_scope(struct store *store, const struct store_ledger_range *range,
	store_ledger_fn *fn, void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_LEDGER_EACH_SCOPE, err);
	store_stmt_bind_text(&q, range->authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, range->kind, STORE_TEXT_MAX);
	store_stmt_bind_usec(&q, range->since_usec);
	return store_stmt_each(&q, on_scope, &walk);
}
