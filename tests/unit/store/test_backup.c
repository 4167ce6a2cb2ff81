/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies of a database that is in use, and the way back from one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

#define NOW (1700000000 * USEC_PER_SEC) /* 2023-11-14T22:13:20Z */

static char *path_of(struct store_fixture *f, const char *name)
{
	return xasprintf("%s/%s", f->dir, name);
}

static bool has_domain(struct store *store, const char *domain)
{
	struct store_slot slot = { 0 };
	int r = store_slot_find(store, domain, "ecdsa-p256", &slot, NULL);

	store_slot_done(&slot);
	return r == 0;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void damage(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "damage", 6, 4096), 6);
	assert_int_equal(pwrite(fd, "damage", 6, 100), 6);
	close(fd);
}

static void test_backup(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *path = path_of(f, "copy.db");
	_cleanup_(store_closep) struct store *copy = NULL;
	struct stat st;

	store_fixture_slot(f->store, "a.test");
	assert_int_equal(store_backup(f->store, path, NULL), 0);
	/* it is one file, closed to others, and it is not changed by what comes later */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	_cleanup_(freep) char *wal = xasprintf("%s-wal", path);
	assert_false(is_there(wal));
	store_fixture_slot(f->store, "b.test");
	assert_int_equal(store_open(&copy, path, STORE_READ_ONLY, NULL), 0);
	assert_true(has_domain(copy, "a.test"));
	assert_false(has_domain(copy, "b.test"));
}

/* What postsealctl does beside a running daemon. */
static void test_backup_by_a_reader(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *path = path_of(f, "copy.db");
	_cleanup_(store_closep) struct store *reader = NULL;
	_cleanup_(store_closep) struct store *copy = NULL;

	store_fixture_slot(f->store, "a.test");
	assert_int_equal(store_open(&reader, f->path, STORE_READ_ONLY, NULL), 0);
	assert_int_equal(store_backup(reader, path, NULL), 0);
	assert_int_equal(store_open(&copy, path, STORE_READ_ONLY, NULL), 0);
	assert_true(has_domain(copy, "a.test"));
}

static void test_backup_replaces_nothing(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *path = path_of(f, "copy.db");
	_cleanup_(freep) char *nowhere = path_of(f, "nowhere/copy.db");
	struct err err = ERR_INIT;

	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(store_backup(f->store, path, &err), -EEXIST);
	store_fixture_expect_error(&err, "exists already");
	assert_int_equal(store_backup(f->store, nowhere, &err), -ENOENT);
	store_fixture_expect_error(&err, "nowhere/copy.db");
}

static void test_restore(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *path = path_of(f, "copy.db");
	_cleanup_(freep) char *aside = NULL;
	struct err err = ERR_INIT;

	store_fixture_slot(f->store, "a.test");
	assert_int_equal(store_backup(f->store, path, NULL), 0);
	store_fixture_slot(f->store, "b.test");
	/* not under a writer */
	assert_int_equal(store_restore(f->path, path, NOW, &aside, &err), -EBUSY);
	store_fixture_expect_error(&err, "in use");
	f->store = store_close(f->store);
	assert_int_equal(store_restore(f->path, path, NOW, &aside, NULL), 0);
	assert_non_null(strstr(aside, ".before-restore-20231114T221320Z"));
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
	assert_true(has_domain(f->store, "a.test"));
	assert_false(has_domain(f->store, "b.test"));
	/* and what was there before is whole */
	f->store = store_close(f->store);
	assert_int_equal(store_open(&f->store, aside, 0, NULL), 0);
	assert_true(has_domain(f->store, "b.test"));
}

static void test_restore_over_damage(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *path = path_of(f, "copy.db");
	_cleanup_(freep) char *aside = NULL;

	store_fixture_slot(f->store, "a.test");
	assert_int_equal(store_backup(f->store, path, NULL), 0);
	f->store = store_close(f->store);
	damage(f->path);
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), -EUCLEAN);
	assert_int_equal(store_restore(f->path, path, NOW, &aside, NULL), 0);
	assert_true(is_there(aside));
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
	assert_true(has_domain(f->store, "a.test"));
}

static void test_restore_to_nothing(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *path = path_of(f, "copy.db");
	_cleanup_(freep) char *aside = NULL;

	assert_int_equal(store_backup(f->store, path, NULL), 0);
	f->store = store_close(f->store);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(store_restore(f->path, path, NOW, &aside, NULL), 0);
	assert_null(aside);
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
}

/* Refused: what is there stays. */
static void test_restore_refused(void **state)
{
	static const struct {
		const char *name, *sql, *says;
		int code;
		mode_t mode;
	} cases[] = {
		{ "newer", "PRAGMA user_version = 999", "schema 999", -EPROTO, 0600 },
		{ "not ours", "PRAGMA application_id = 1", "not a database", -EUCLEAN,
			0600 },
		{ "open to others", "SELECT 1", "chmod 0600", -EPERM, 0644 },
	};
	struct store_fixture *f = *state;
	_cleanup_(freep) char *aside = NULL;
	struct err err = ERR_INIT;

	store_fixture_slot(f->store, "a.test");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *path = path_of(f, cases[i].name);
		_cleanup_(store_closep) struct store *copy = store_new(path);

		test_case(cases[i].name);
		assert_int_equal(store_backup(f->store, path, NULL), 0);
		assert_int_equal(
			store_open_db(copy, path, SQLITE_OPEN_READWRITE, NULL), 0);
		store_fixture_sql(copy, cases[i].sql);
		copy = store_close(copy);
		assert_int_equal(chmod(path, cases[i].mode), 0);
		f->store = store_close(f->store);
		assert_int_equal(
			store_restore(f->path, path, NOW, &aside, &err), cases[i].code);
		store_fixture_expect_error(&err, cases[i].says);
		assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
		assert_true(has_domain(f->store, "a.test"));
	}
	f->store = store_close(f->store);
	_cleanup_(freep) char *nowhere = path_of(f, "nowhere.db");
	assert_int_equal(store_restore(f->path, nowhere, NOW, &aside, &err), -ENOENT);
	store_fixture_expect_error(&err, "nowhere.db");
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
}

/* Before the point of no return the old one is found, after it the new one. */
static void test_restore_interrupted(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *restoring = xasprintf("%s.restoring", f->path);
	_cleanup_(freep) char *restored = xasprintf("%s.restored", f->path);

	store_fixture_slot(f->store, "new.test");
	assert_int_equal(store_backup(f->store, restoring, NULL), 0);
	store_fixture_slot(f->store, "old.test");
	store_fixture_reopen(f);
	assert_true(has_domain(f->store, "old.test"));
	f->store = store_close(f->store);
	assert_int_equal(rename(restoring, restored), 0);
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
	assert_false(has_domain(f->store, "old.test"));
	assert_true(has_domain(f->store, "new.test"));
	assert_false(is_there(restored));
}

/* An older schema is kept before it is changed. */
static void test_backup_before_migration(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *path = xasprintf("%s.schema-1", f->path);
	unsigned n = 0;

	store_migrate_get_list(&n);
	assert_true(n > 1);
	store_fixture_reopen(f);
	assert_false(is_there(path));
	f->store = store_close(f->store);
	assert_int_equal(unlink(f->path), 0);
	/* made by an older program */
	assert_int_equal(store_files_create(f->path, NULL), 0);
	f->store = store_new(f->path);
	assert_int_equal(
		store_open_db(f->store, f->path, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(
		store_migrate(f->store, store_migrate_get_list(&n), 1, NULL), 0);
	store_fixture_reopen(f);
	assert_int_equal(store_get_schema_version(f->store), n);
	_cleanup_(store_closep) struct store *copy = store_new(path);
	assert_int_equal(store_open_db(copy, path, SQLITE_OPEN_READONLY, NULL), 0);
	assert_int_equal(store_get_schema_version(copy), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_backup),
		test_with_store(test_backup_by_a_reader),
		test_with_store(test_backup_replaces_nothing),
		test_with_store(test_restore),
		test_with_store(test_restore_over_damage),
		test_with_store(test_restore_to_nothing),
		test_with_store(test_restore_refused),
		test_with_store(test_restore_interrupted),
		test_with_store(test_backup_before_migration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
