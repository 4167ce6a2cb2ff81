/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "store/store_priv.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static int count(struct store *store, const char *sql)
{
	int n = -1;

	assert_int_equal(store_exec_int(store, sql, &n, NULL), 0);
	return n;
}

static void test_schema(void **state)
{
	struct store_fixture *f = *state;
	unsigned n = 0;

	store_migrate_get_list(&n);
	assert_int_equal(store_get_schema_version(f->store), n);
	assert_int_equal(
		count(f->store, "PRAGMA application_id"), STORE_APPLICATION_ID);
	assert_int_equal(count(f->store, "SELECT count(*) FROM pragma_table_list WHERE "
					 "strict = 0 AND schema = 'main' AND type = "
					 "'table' AND name NOT LIKE 'sqlite%'"),
		0);
	assert_true(count(f->store, "SELECT count(*) FROM pragma_table_list WHERE "
				    "strict = 1") > 10);
}

/* Each parent's deletion would walk the whole child without an index. */
static void test_references_have_indexes(void **state)
{
	struct store_fixture *f = *state;

	assert_int_equal(
		count(f->store,
			"SELECT count(*) FROM pragma_table_list AS t,"
			" pragma_foreign_key_list(t.name) AS k"
			" WHERE t.schema = 'main' AND k.\"from\" NOT IN ("
			"  SELECT c.name FROM pragma_index_list(t.name) AS i,"
			"  pragma_index_info(i.name) AS c"
			"  WHERE c.seqno = 0 AND i.partial = 0)"
			" AND k.\"from\" NOT IN (SELECT name FROM pragma_table_info(t.name)"
			"  WHERE pk > 0)"),
		0);
}

static void test_every_statement_prepares(void **state)
{
	struct store_fixture *f = *state;

	for (int i = 0; i < _STORE_STMT_MAX; i++) {
		struct err err = ERR_INIT;
		struct store_stmt q;
		store_stmt_open(&q, f->store, (enum store_stmt_id)i, &err);
		if (q.r != 0)
			fail_msg("%s: %s", store_stmt_get_sql((enum store_stmt_id)i),
				err.detail);
		store_stmt_close(&q);
	}
}

static const struct store_migration broken[] = {
	{ "PRAGMA user_version = 1;" },
	{ "CREATE TABLE half (x INTEGER) STRICT; PRAGMA user_version = 2; NONSENSE;" },
};
static const struct store_migration lazy[] = {
	{ "PRAGMA user_version = 1;" },
	{ "CREATE TABLE lazy (x INTEGER) STRICT;" },
};
static const struct store_migration good[] = {
	{ "NONSENSE that has been done long ago" },
	{ "CREATE TABLE two (x INTEGER) STRICT; PRAGMA user_version = 2;" },
	{ "ALTER TABLE two ADD COLUMN y TEXT; PRAGMA user_version = 3;" },
};

static void test_steps(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;

	store_fixture_sql(f->store, "PRAGMA user_version = 1");
	/* A step that fails leaves nothing. */
	assert_int_equal(store_migrate(f->store, broken, 2, &err), -EIO);
	store_fixture_expect_error(&err, "migration to schema 2: ");
	assert_int_equal(store_get_schema_version(f->store), 1);
	assert_int_equal(
		count(f->store,
			"SELECT count(*) FROM sqlite_schema WHERE name = 'half'"),
		0);
	assert_int_equal(store_migrate(f->store, lazy, 2, &err), -EPROTO);
	store_fixture_expect_error(&err, "did not reach it");
	assert_int_equal(store_migrate(f->store, good, 3, NULL), 0);
	assert_int_equal(store_get_schema_version(f->store), 3);
	assert_int_equal(store_migrate(f->store, good, 3, NULL), 0);
}

static void test_newer(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;

	store_fixture_sql(f->store, "PRAGMA user_version = 700");
	f->store = store_close(f->store);
	assert_int_equal(store_open(&f->store, f->path, 0, &err), -EPROTO);
	store_fixture_expect_error(&err, "at most: install the newer");
	assert_int_equal(
		store_open(&f->store, f->path, STORE_READ_ONLY, &err), -EPROTO);
	store_fixture_expect_error(&err, "has schema 700 and this program knows");
	assert_null(f->store);
}

static void test_older_for_a_reader(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;

	store_fixture_sql(f->store, "PRAGMA user_version = 0");
	f->store = store_close(f->store);
	assert_int_equal(
		store_open(&f->store, f->path, STORE_READ_ONLY, &err), -EPROTO);
	store_fixture_expect_error(&err, "start postseald once");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_schema),
		test_with_store(test_references_have_indexes),
		test_with_store(test_every_statement_prepares),
		test_with_store(test_steps),
		test_with_store(test_newer),
		test_with_store(test_older_for_a_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
