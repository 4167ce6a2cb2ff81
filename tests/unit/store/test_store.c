/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/event.h"
#include "store/plugin_state.h"
#include "store/store_priv.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static int put(struct store *store, const char *name)
{
	return store_plugin_state_save(store, "p", name, "v", NULL);
}

static bool has(struct store *store, const char *name)
{
	_cleanup_(freep) char *value = NULL;

	return store_plugin_state_load(store, "p", name, &value, NULL) == 0;
}

static void test_settings(void **state)
{
	static const struct {
		const char *pragma;
		int value;
	} settings[] = {
		{ "PRAGMA synchronous", 2 },
		{ "PRAGMA foreign_keys", 1 },
		{ "PRAGMA trusted_schema", 0 },
		{ "PRAGMA cell_size_check", 1 },
		{ "PRAGMA mmap_size", 0 },
		{ "PRAGMA secure_delete", 1 },
		{ "PRAGMA ignore_check_constraints", 0 },
	};
	struct store_fixture *f = *state;
	_cleanup_(freep) char *mode = NULL;
	int value = -1;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		test_case(settings[i].pragma);
		assert_int_equal(
			store_exec_int(f->store, settings[i].pragma, &value, NULL), 0);
		assert_int_equal(value, settings[i].value);
	}
	assert_int_equal(
		store_exec_text(f->store, "PRAGMA journal_mode", &mode, NULL), 0);
	assert_string_equal(mode, "wal");
	sqlite3_db_config(f->store->db, SQLITE_DBCONFIG_DEFENSIVE, -1, &value);
	assert_int_equal(value, 1);
	assert_int_equal(store_exec(f->store, "DELETE FROM sqlite_schema", NULL), -EIO);
}

static void test_transactions(void **state)
{
	struct store_fixture *f = *state;
	struct store *s = f->store;
	struct err err = ERR_INIT;

	assert_int_equal(store_begin(s, NULL), 0);
	assert_int_equal(put(s, "a"), 0);
	assert_int_equal(store_begin(s, NULL), 0);
	assert_int_equal(put(s, "b"), 0);
	assert_int_equal(store_commit(s, NULL), 0);
	assert_int_equal(store_commit(s, NULL), 0);
	assert_true(has(s, "a") && has(s, "b"));

	assert_int_equal(store_begin(s, NULL), 0);
	assert_int_equal(put(s, "c"), 0);
	assert_int_equal(store_begin(s, NULL), 0);
	assert_int_equal(put(s, "d"), 0);
	store_rollback(s);
	assert_int_equal(put(s, "e"), 0);
	assert_int_equal(store_commit(s, &err), -ECANCELED);
	store_fixture_expect_error(&err, "nothing was changed");
	assert_false(has(s, "c") || has(s, "d") || has(s, "e"));

	assert_int_equal(store_begin(s, NULL), 0);
	assert_int_equal(put(s, "f"), 0);
	store_rollback(s);
	assert_false(has(s, "f"));
	/* The mark does not stay. */
	assert_int_equal(store_begin(s, NULL), 0);
	assert_int_equal(put(s, "g"), 0);
	assert_int_equal(store_commit(s, NULL), 0);
	store_fixture_reopen(f);
	assert_true(has(f->store, "a") && has(f->store, "b") && has(f->store, "g"));
	assert_false(has(f->store, "f"));
}

static void copy(const char *from, const char *to, const char *suffix)
{
	_cleanup_(freep) char *a = xasprintf("%s%s", from, suffix);
	_cleanup_(freep) char *b = xasprintf("%s%s", to, suffix);
	_cleanup_(closep) int in = open(a, O_RDONLY | O_CLOEXEC);
	_cleanup_(closep) int out = open(b, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char data[4096];
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, data, sizeof(data))) > 0)
		assert_int_equal(write(out, data, (size_t)n), n);
}

/* The files as they are at an instant are what a kill -9 at that instant leaves. */
static void test_killed(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *path = xasprintf("%s/copy.db", f->dir);
	_cleanup_(store_closep) struct store *s = NULL;

	assert_int_equal(put(f->store, "committed"), 0);
	assert_int_equal(store_begin(f->store, NULL), 0);
	assert_int_equal(put(f->store, "not committed"), 0);
	copy(f->path, path, "");
	copy(f->path, path, "-wal");
	store_rollback(f->store);
	assert_int_equal(store_open(&s, path, 0, NULL), 0);
	assert_true(has(s, "committed"));
	assert_false(has(s, "not committed"));
}

static void test_full(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	_cleanup_(freep) char *text = xcalloc(1, 60001);

	memset(text, 'x', 60000);
	assert_int_equal(put(f->store, "before"), 0);
	store_fixture_sql(f->store, "PRAGMA max_page_count = 1");
	assert_int_equal(store_begin(f->store, NULL), 0);
	assert_int_equal(put(f->store, "within"), 0);
	assert_int_equal(
		store_plugin_state_save(f->store, "p", "big", text, &err), -ENOSPC);
	store_fixture_expect_error(&err, "disk full at ");
	/* Whether or not SQLite has given up the transaction: nothing of it stays. */
	assert_int_equal(store_finish(f->store, -ENOSPC, NULL), -ENOSPC);
	assert_false(has(f->store, "within"));
	store_fixture_sql(f->store, "PRAGMA max_page_count = 100000");
	assert_int_equal(store_plugin_state_save(f->store, "p", "big", text, NULL), 0);
	store_fixture_reopen(f);
	assert_true(has(f->store, "before") && has(f->store, "big"));
}

/* SQLite has rolled back by itself in the middle. */
static void test_lost_transaction(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(store_begin(f->store, NULL), 0);
	assert_int_equal(put(f->store, "a"), 0);
	assert_int_equal(sqlite3_exec(f->store->db, "ROLLBACK", NULL, NULL, NULL), 0);
	assert_int_equal(
		store_plugin_state_save(f->store, "p", "b", "v", &err), -ECANCELED);
	store_fixture_expect_error(&err, "given up after an earlier failure");
	assert_false(has(f->store, "a"));
	assert_int_equal(store_commit(f->store, NULL), -ECANCELED);
	assert_int_equal(put(f->store, "c"), 0);
	assert_false(has(f->store, "b"));
}

static void test_locked(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	sqlite3 *other = NULL;

	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_busy_timeout(f->store->db, 1);
	assert_int_equal(store_begin(f->store, &err), -EAGAIN);
	store_fixture_expect_error(&err, "is locked by another program");
	assert_int_equal(
		store_plugin_state_save(f->store, "p", "n", "v", &err), -EAGAIN);
	err_done(&err);
	sqlite3_close(other);
	assert_int_equal(put(f->store, "n"), 0);
}

static void test_memory(void **state)
{
	_cleanup_(store_closep) struct store *s = NULL;

	assert_int_equal(store_open(&s, ":memory:", 0, NULL), 0);
	assert_int_equal(put(s, "a"), 0);
	assert_true(has(s, "a"));
	assert_null(store_close(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_settings),
		test_with_store(test_transactions),
		test_with_store(test_killed),
		test_with_store(test_full),
		test_with_store(test_lost_transaction),
		test_with_store(test_locked),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
