/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See told.h. */
#include "store/told.h"

#include <limits.h>

#include "store/store_priv.h"
#include "util/mem.h"

int store_told_load(struct store *store, const char *notifier, struct store_told *ret,
	struct err *err)
{
	struct store_told told = { 0 };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_TOLD_LOAD, err);
	store_stmt_bind_text(&q, notifier, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	if (r != 0)
		return r;
	store_stmt_read_begin(&q, "told");
	told.event_id = store_stmt_read_int(&q, 0, INT64_MAX);
	told.attempts = (unsigned)store_stmt_read_int(&q, 0, UINT_MAX);
	r = store_stmt_read_end(&q);
	if (r == 0)
		*ret = told;
	return r;
}

int store_told_save(struct store *store, const char *notifier,
	const struct store_told *told, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_TOLD_SAVE, err);
	store_stmt_bind_text(&q, notifier, STORE_TEXT_MAX);
	store_stmt_bind_int(&q, told->event_id);
	store_stmt_bind_int(&q, told->attempts);
	return store_stmt_run(&q);
}

int store_told_remove(struct store *store, const char *notifier, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_TOLD_REMOVE, err);
	store_stmt_bind_text(&q, notifier, STORE_TEXT_MAX);
	return store_stmt_run(&q);
}

struct walk {
	store_told_fn *fn;
	void *userdata;
};

static int on_row(struct store_stmt *q, void *userdata)
{
	const struct walk *walk = userdata;

	store_stmt_read_begin(q, "told");
	_cleanup_(freep) char *notifier = store_stmt_read_text(q, STORE_TEXT_MAX);
	int r = store_stmt_read_end(q);
	return r < 0 ? r : walk->fn(notifier, walk->userdata);
}

int store_told_each(
	struct store *store, store_told_fn *fn, void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_TOLD_EACH, err);
	return store_stmt_each(&q, on_row, &walk);
}
