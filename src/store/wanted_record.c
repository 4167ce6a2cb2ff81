/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See wanted_record.h. */
#include "store/wanted_record.h"

#include <limits.h>

#include "store/store_priv.h"
#include "util/mem.h"

const char *const store_record_state_names[_STORE_RECORD_STATE_MAX] = {
	[STORE_RECORD_PENDING] = "pending",
	[STORE_RECORD_THERE] = "there",
	[STORE_RECORD_DIFFERS] = "differs",
	[STORE_RECORD_VANISHED] = "vanished",
	[STORE_RECORD_REMOVED] = "removed",
};

void store_wanted_record_done(struct store_wanted_record *record)
{
	free(record->detail);
	free(record->why);
	free(record->value);
	free(record->type);
	free(record->owner);
	free(record->challenge);
	free(record->name);
	free(record->domain);
	*record = (struct store_wanted_record){ 0 };
}

static void bind_progress(struct store_stmt *q, const struct store_wanted_record *v)
{
	store_stmt_bind_text(q, v->why, STORE_TEXT_MAX);
	store_stmt_bind_usec(q, v->until_usec);
	store_stmt_bind_text(q, store_record_state_names[v->state], STORE_TEXT_MAX);
	store_stmt_bind_text(q, v->detail, STORE_TEXT_MAX);
	store_stmt_bind_usec(q, v->since_usec);
	store_stmt_bind_usec(q, v->checked_usec);
	store_stmt_bind_int(q, v->warned_days);
}

int store_wanted_record_add(
	struct store *store, struct store_wanted_record *record, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_WANTED_RECORD_ADD, err);
	store_stmt_bind_text(&q, record->domain, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, record->name, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, record->challenge, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, record->owner, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, record->type, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, record->value, STORE_TEXT_MAX);
	bind_progress(&q, record);
	return store_stmt_run_returning(&q, &record->id);
}

int store_wanted_record_save(
	struct store *store, const struct store_wanted_record *record, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_WANTED_RECORD_SAVE, err);
	bind_progress(&q, record);
	store_stmt_bind_int(&q, record->id);
	return store_stmt_run_on(&q, "wanted record", record->id);
}

int store_wanted_record_remove(struct store *store, int64_t id, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_WANTED_RECORD_REMOVE, err);
	store_stmt_bind_int(&q, id);
	return store_stmt_run_on(&q, "wanted record", id);
}

static int read_record(struct store_stmt *q, struct store_wanted_record *ret)
{
	_cleanup_(store_wanted_record_done) struct store_wanted_record v = { 0 };

	v.id = store_stmt_read_begin(q, "wanted record");
	v.domain = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.name = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.challenge = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.owner = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.type = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.value = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.why = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.until_usec = store_stmt_read_usec(q);
	v.state = (enum store_record_state)store_stmt_read_enum(
		q, store_record_state_names, _STORE_RECORD_STATE_MAX);
	v.detail = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	v.since_usec = store_stmt_read_usec(q);
	v.checked_usec = store_stmt_read_usec(q);
	v.warned_days = (unsigned)store_stmt_read_int(q, 0, UINT_MAX);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	*ret = v;
	v = (struct store_wanted_record){ 0 };
	return 0;
}

struct walk {
	store_wanted_record_fn *fn;
	void *userdata;
};

static int on_row(struct store_stmt *q, void *userdata)
{
	_cleanup_(store_wanted_record_done) struct store_wanted_record v = { 0 };
	const struct walk *walk = userdata;
	int r = read_record(q, &v);

	return r == 0 ? walk->fn(&v, walk->userdata) : r;
}

int store_wanted_record_each(struct store *store, store_wanted_record_fn *fn,
	void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_WANTED_RECORD_EACH, err);
	return store_stmt_each(&q, on_row, &walk);
}
