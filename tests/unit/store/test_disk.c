/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A disk that fails or a process that is killed at the nth change to its files, for every
 * n: what was said to be stored is there, what belongs together is there together or not
 * at all, and the database is whole and can be written again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/plugin_state.h"
#include "store/store_priv.h"
#include "tests/lib/fault_vfs.h"
#include "tests/unit/store/store_fixture.h"
#include "util/buf.h"
#include "util/mem.h"

#define PAIRS 3
#define N_MAX 2000 /* changes that a test makes at the most */

/* Where there are hundreds, most are pages like the one before. */
static unsigned next_of(unsigned n)
{
	return n < 12 ? n + 1 : n + 5;
}

struct disk_case {
	const char *name;
	enum fault_vfs_kind kind;
	bool for_ever;
};

static const struct disk_case cases[] = {
	{ "full, once", FAULT_VFS_FULL, false },
	{ "full", FAULT_VFS_FULL, true },
	{ "broken, once", FAULT_VFS_IO, false },
	{ "broken", FAULT_VFS_IO, true },
	{ "read-only", FAULT_VFS_READ_ONLY, true },
};

/* --- pairs of rows -------------------------------------------------------------------------- */

static int put(struct store *store, const char *half, unsigned i)
{
	_cleanup_(freep) char *name = xasprintf("%s%u", half, i);

	return store_plugin_state_save(store, "p", name, "v", NULL);
}

static bool has(struct store *store, const char *half, unsigned i)
{
	_cleanup_(freep) char *name = xasprintf("%s%u", half, i);
	_cleanup_(freep) char *value = NULL;
	int r = store_plugin_state_load(store, "p", name, &value, NULL);

	assert_true(r >= 0);
	return r == 0;
}

static int put_pair(struct store *store, unsigned i)
{
	int r = store_begin(store, NULL);

	if (r < 0)
		return r;
	r = put(store, "left", i);
	if (r == 0)
		r = put(store, "right", i);
	return store_finish(store, r, NULL);
}

/* A bit for each that was said to be stored. */
static unsigned put_pairs(struct store *store)
{
	unsigned stored = 0;

	for (unsigned i = 0; i < PAIRS; i++)
		if (put_pair(store, i) == 0)
			stored |= 1U << i;
	return stored;
}

static void expect_whole(struct store *store)
{
	_cleanup_(freep) char *finding = NULL;

	assert_int_equal(
		store_exec_text(store, "PRAGMA integrity_check", &finding, NULL), 0);
	assert_string_equal(finding, "ok");
}

static void expect_pairs(struct store *store, unsigned stored)
{
	for (unsigned i = 0; i < PAIRS; i++) {
		assert_int_equal(has(store, "left", i), has(store, "right", i));
		if (stored & (1U << i))
			assert_true(has(store, "left", i));
	}
	expect_whole(store);
}

/* --- a running database ------------------------------------------------------------------------ */

static void clear(struct store_fixture *f)
{
	store_fixture_sql(f->store, "DELETE FROM plugin_state");
}

/* False: the nth change was never made. */
static bool run_case(struct store_fixture *f, struct fault_vfs *vfs,
	const struct disk_case *c, unsigned n)
{
	clear(f);
	fault_vfs_arm(vfs, c->kind, n, c->for_ever);
	unsigned stored = put_pairs(f->store);
	bool has_failed = fault_vfs_has_failed(vfs);
	fault_vfs_arm(vfs, c->kind, 0, false);
	expect_pairs(f->store, stored);
	/* it is over: nothing has to be opened anew */
	assert_int_equal(put_pair(f->store, 0), 0);
	store_fixture_reopen(f);
	expect_pairs(f->store, stored | 1);
	return has_failed;
}

static void test_running(void **state)
{
	struct store_fixture *f = *state;
	struct fault_vfs *vfs = fault_vfs_new();

	store_fixture_reopen(f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned n = 1;

		test_case(cases[i].name);
		while (n < N_MAX && run_case(f, vfs, &cases[i], n))
			n++;
		assert_in_range(n, 2 * PAIRS, N_MAX - 1);
	}
	f->store = store_close(f->store);
	fault_vfs_free(vfs);
}

/* --- a database that is made ---------------------------------------------------------------------- */

static void remove_all(struct store_fixture *f)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".new", ".new-wal",
		".new-shm", ".new-journal" };

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_(freep) char *path = xasprintf("%s%s", f->path, suffixes[i]);
		unlink(path);
	}
}

static void test_making(void **state)
{
	struct store_fixture *f = *state;
	struct fault_vfs *vfs = fault_vfs_new();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		test_case(cases[i].name);
		unsigned n = 1;
		for (bool has_failed = true; has_failed; n = next_of(n)) {
			f->store = store_close(f->store);
			remove_all(f);
			fault_vfs_arm(vfs, cases[i].kind, n, cases[i].for_ever);
			store_open(&f->store, f->path, 0, NULL);
			f->store = store_close(f->store);
			has_failed = fault_vfs_has_failed(vfs);
			fault_vfs_arm(vfs, cases[i].kind, 0, false);
			assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
			assert_int_equal(put_pair(f->store, 0), 0);
			assert_true(n < N_MAX);
		}
		assert_true(n > 20);
	}
	f->store = store_close(f->store);
	fault_vfs_free(vfs);
}

/* --- a migration that is killed --------------------------------------------------------------------- */

static void make_old(struct store_fixture *f)
{
	_cleanup_(freep) char *kept = xasprintf("%s.schema-1", f->path);
	unsigned n = 0;

	f->store = store_close(f->store);
	remove_all(f);
	unlink(kept);
	assert_int_equal(store_files_create(f->path, NULL), 0);
	f->store = store_new(f->path);
	assert_int_equal(
		store_open_db(f->store, f->path, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(
		store_migrate(f->store, store_migrate_get_list(&n), 1, NULL), 0);
	store_fixture_sql(f->store, "INSERT INTO domain VALUES ('kept.test')");
	f->store = store_close(f->store);
}

/* True: it was killed at its nth change. */
static bool open_and_die(struct store_fixture *f, struct fault_vfs *vfs, unsigned n)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fault_vfs_arm(vfs, FAULT_VFS_KILL, n, false);
		_exit(store_open(&f->store, f->path, 0, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGKILL);
	else
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status);
}

/* Which schema it has, what there is of the row. */
static int look_at(const char *path)
{
	_cleanup_(store_closep) struct store *store = store_new(path);
	int n = 0;

	assert_int_equal(store_open_db(store, path, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(
		store_exec_int(store, "SELECT count(*) FROM domain", &n, NULL), 0);
	assert_int_equal(n, 1);
	expect_whole(store);
	return store_get_schema_version(store);
}

/* Old or new at each step, never between; and what was there before is kept first. */
static void test_migration_killed(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *kept = xasprintf("%s.schema-1", f->path);
	struct fault_vfs *vfs = fault_vfs_new();
	unsigned newest = 0, n = 1;
	bool was_killed = true;

	store_migrate_get_list(&newest);
	for (; was_killed && n < N_MAX; n = next_of(n)) {
		make_old(f);
		was_killed = open_and_die(f, vfs, n);
		int version = look_at(f->path);
		assert_in_range(version, 1, newest);
		if (version > 1)
			assert_int_equal(look_at(kept), 1);
		/* a second kill, while the first is being put right */
		if (was_killed)
			open_and_die(f, vfs, n);
		assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
		assert_int_equal(store_get_schema_version(f->store), newest);
		f->store = store_close(f->store);
		assert_int_equal(look_at(kept), 1);
	}
	assert_in_range(n, 20, N_MAX - 1);
	fault_vfs_free(vfs);
}

int main(void)
{
	/* Thousands of syncs, and none of them has to survive anything. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	const struct CMUnitTest tests[] = {
		test_with_store(test_running),
		test_with_store(test_making),
		test_with_store(test_migration_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
