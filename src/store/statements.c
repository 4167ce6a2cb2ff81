/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See statements.h. A statement that is asked for while it is in use (a walk whose
 * callback walks again) is prepared once more for that use.
 */
#include "store/statements.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "store/store_priv.h"
#include "util/mem.h"
#include "util/strtab.h"

#define STORE_STMT_TEXT(name, text) [STORE_STMT_##name] = (text),
static const char *const texts[_STORE_STMT_MAX] = { STORE_STATEMENTS(STORE_STMT_TEXT) };

const char *store_stmt_get_sql(enum store_stmt_id id)
{
	return texts[id];
}

static int prepare(struct store_stmt *q, enum store_stmt_id id, unsigned flags)
{
	int rc = sqlite3_prepare_v3(
		q->store->db, texts[id], -1, flags, &q->handle, NULL);

	return rc == SQLITE_OK ? 0 : store_fail(q->store, rc, q->err);
}

/* SQLite has rolled back by itself: a change now would be committed alone. */
static bool is_outside_lost_transaction(struct store_stmt *q)
{
	return q->store->depth == 0 || !sqlite3_get_autocommit(q->store->db) ||
	       sqlite3_stmt_readonly(q->handle);
}

static void take_handle(struct store_stmt *q, enum store_stmt_id id)
{
	struct store_prepared *home = &q->store->prepared[id];

	if (home->is_in_use) {
		q->r = prepare(q, id, 0);
		return;
	}
	q->handle = home->handle;
	if (!q->handle)
		q->r = prepare(q, id, SQLITE_PREPARE_PERSISTENT);
	home->handle = q->handle;
	home->is_in_use = q->r == 0;
	q->home = q->r == 0 ? home : NULL;
}

void store_stmt_open(struct store_stmt *q, struct store *store, enum store_stmt_id id,
	struct err *err)
{
	*q = (struct store_stmt){ .store = store, .err = err };
	take_handle(q, id);
	if (q->r == 0 && !is_outside_lost_transaction(q))
		q->r = err_set(err, -ECANCELED,
			"the change to %s was given up after an earlier failure",
			store->path);
}

void store_stmt_close(struct store_stmt *q)
{
	err_done(&q->bad);
	if (!q->home) {
		sqlite3_finalize(TAKE_PTR(q->handle));
		return;
	}
	/* What it returns is the failure of the last step again. */
	(void)sqlite3_reset(q->handle);
	(void)sqlite3_clear_bindings(q->handle);
	q->home->is_in_use = false;
	q->home = NULL;
	q->handle = NULL;
}

static void check(struct store_stmt *q, int rc)
{
	if (rc != SQLITE_OK)
		q->r = store_fail(q->store, rc, q->err);
}

void store_stmt_bind_int(struct store_stmt *q, int64_t value)
{
	if (q->r == 0)
		check(q, sqlite3_bind_int64(q->handle, ++q->parameter, value));
}

void store_stmt_bind_id(struct store_stmt *q, int64_t id)
{
	if (q->r < 0)
		return;
	if (id == 0)
		check(q, sqlite3_bind_null(q->handle, ++q->parameter));
	else
		store_stmt_bind_int(q, id);
}

void store_stmt_bind_usec(struct store_stmt *q, usec_t usec)
{
	store_stmt_bind_int(q, usec > INT64_MAX ? INT64_MAX : (int64_t)usec);
}

void store_stmt_bind_text(struct store_stmt *q, const char *text, size_t max)
{
	if (q->r < 0)
		return;
	size_t len = text ? strlen(text) : 0;
	if (len > max)
		q->r = err_set(q->err, -E2BIG,
			"a value of %zu octets is too long for %s (at most %zu)", len,
			q->store->path, max);
	else
		check(q, sqlite3_bind_text(q->handle, ++q->parameter, text, (int)len,
				 SQLITE_STATIC));
}

/* 1: a row, 0: no more. */
static int step(struct store_stmt *q)
{
	if (q->r < 0)
		return q->r;
	q->column = 0;
	q->is_row_bad = false;
	q->record = NULL;
	int rc = sqlite3_step(q->handle);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		check(q, rc);
	return q->r;
}

int store_stmt_run(struct store_stmt *q)
{
	int r;

	do {
		r = step(q);
	} while (r > 0);
	return r;
}

int store_stmt_run_add(struct store_stmt *q, int64_t *ret_id)
{
	int r = store_stmt_run(q);

	if (r == 0)
		*ret_id = sqlite3_last_insert_rowid(q->store->db);
	return r;
}

int store_stmt_run_on(struct store_stmt *q, const char *record, int64_t id)
{
	int r = store_stmt_run(q);

	if (r == 0 && sqlite3_changes64(q->store->db) == 0)
		r = err_set(q->err, -ENOENT, "%s %" PRId64 " is not in %s", record, id,
			q->store->path);
	return r;
}

int store_stmt_run_returning(struct store_stmt *q, int64_t *ret)
{
	int r = store_stmt_fetch(q);

	if (r < 0)
		return r;
	int64_t value = r == 0 ? sqlite3_column_int64(q->handle, 0) : 0;
	/* The change is not made before the end is reached. */
	r = r == 0 ? store_stmt_run(q) : err_set(q->err, -ENOENT, "no row was changed");
	if (r == 0)
		*ret = value;
	return r;
}

int store_stmt_fetch(struct store_stmt *q)
{
	int r = step(q);

	if (r < 0)
		return r;
	return r > 0 ? 0 : STORE_E_NOT_FOUND;
}

int store_stmt_each(struct store_stmt *q, store_stmt_row_fn *fn, void *userdata)
{
	q->is_walking = true;
	for (;;) {
		int r = step(q);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		r = fn(q, userdata);
		if (r != 0 && !q->is_row_bad)
			return r;
	}
	if (!err_is_set(&q->bad))
		return 0;
	if (q->err && !err_is_set(q->err))
		err_move(q->err, &q->bad);
	return -EUCLEAN;
}

void store_stmt_reject(struct store_stmt *q, const char *what, const char *reason)
{
	q->is_row_bad = true;
	if (q->record_id > 0)
		err_set(&q->bad, -EUCLEAN, "%s %" PRId64 ": %s %s", q->record,
			q->record_id, what, reason);
	else
		err_set(&q->bad, -EUCLEAN, "%s: %s %s", q->record, what, reason);
}

static void reject_column(struct store_stmt *q, int column, const char *reason)
{
	store_stmt_reject(q, sqlite3_column_name(q->handle, column), reason);
}

int64_t store_stmt_read_begin(struct store_stmt *q, const char *record)
{
	q->record = record;
	q->record_id = 0;
	q->column = 0;
	q->record_id = store_stmt_read_int(q, 1, INT64_MAX);
	return q->record_id;
}

int64_t store_stmt_read_int(struct store_stmt *q, int64_t min, int64_t max)
{
	int i = q->column++;

	if (sqlite3_column_type(q->handle, i) != SQLITE_INTEGER) {
		reject_column(q, i, "is not a number");
		return min;
	}
	int64_t value = sqlite3_column_int64(q->handle, i);
	if (value >= min && value <= max)
		return value;
	reject_column(q, i, "is out of range");
	return min;
}

int64_t store_stmt_read_id(struct store_stmt *q)
{
	if (sqlite3_column_type(q->handle, q->column) != SQLITE_NULL)
		return store_stmt_read_int(q, 1, INT64_MAX);
	q->column++;
	return 0;
}

usec_t store_stmt_read_usec(struct store_stmt *q)
{
	int64_t value = store_stmt_read_int(q, 0, INT64_MAX);

	return value == INT64_MAX ? USEC_NEVER : (usec_t)value;
}

bool store_stmt_read_bool(struct store_stmt *q)
{
	return store_stmt_read_int(q, 0, 1) != 0;
}

char *store_stmt_read_text_or_null(struct store_stmt *q, size_t max)
{
	int i = q->column++;
	int type = sqlite3_column_type(q->handle, i);

	if (type == SQLITE_NULL)
		return NULL;
	if (type != SQLITE_TEXT) {
		reject_column(q, i, "is not a text");
		return NULL;
	}
	const char *text = (const char *)sqlite3_column_text(q->handle, i);
	size_t len = (size_t)sqlite3_column_bytes(q->handle, i);
	if (!text || len > max)
		reject_column(q, i, "is too long");
	else if (memchr(text, '\0', len))
		reject_column(q, i, "has a NUL in it");
	else
		return xstrndup(text, len);
	return NULL;
}

char *store_stmt_read_text_or_empty(struct store_stmt *q, size_t max)
{
	int i = q->column;

	if (sqlite3_column_type(q->handle, i) == SQLITE_NULL)
		reject_column(q, i, "is missing");
	return store_stmt_read_text_or_null(q, max);
}

char *store_stmt_read_text(struct store_stmt *q, size_t max)
{
	int i = q->column;
	char *text = store_stmt_read_text_or_empty(q, max);

	if (text && text[0] == '\0')
		reject_column(q, i, "is missing");
	return text;
}

char *store_stmt_read_text_if_any(struct store_stmt *q, size_t max)
{
	int i = q->column;
	char *text = store_stmt_read_text_or_null(q, max);

	if (text && text[0] == '\0')
		reject_column(q, i, "is empty");
	return text;
}

int store_stmt_read_enum(struct store_stmt *q, const char *const *names, size_t n)
{
	int i = q->column;
	_cleanup_(freep) char *name = store_stmt_read_text(q, STORE_TEXT_MAX);
	int v = name ? strtab_find(names, n, name) : -EINVAL;

	if (v >= 0)
		return v;
	if (name)
		reject_column(q, i, "is unknown");
	return 0;
}

int store_stmt_read_end(struct store_stmt *q)
{
	if (!q->is_row_bad)
		return 0;
	if (!q->is_walking && q->err && !err_is_set(q->err))
		err_move(q->err, &q->bad);
	return -EUCLEAN;
}
