/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/plugin_state.h"
#include "store/store_priv.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static void expect_refusal(
	struct store_fixture *f, unsigned flags, int code, const char *words)
{
	struct err err = ERR_INIT;

	f->store = store_close(f->store);
	assert_int_equal(store_open(&f->store, f->path, flags, &err), code);
	assert_null(f->store);
	store_fixture_expect_error(&err, words);
}

static int mode_of(const char *path, const char *suffix)
{
	_cleanup_(freep) char *file = xasprintf("%s%s", path, suffix);
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return st.st_mode & 07777;
}

static void test_created(void **state)
{
	struct store_fixture *f = *state;

	f->store = store_close(f->store);
	unlink(f->path);
	mode_t before = umask(0);
	int r = store_open(&f->store, f->path, 0, NULL);
	assert_int_equal(r, 0);
	assert_int_equal(store_plugin_state_save(f->store, "p", "n", "v", NULL), 0);
	umask(before);
	assert_int_equal(mode_of(f->path, ""), 0600);
	assert_int_equal(mode_of(f->path, "-wal"), 0600);
	assert_int_equal(mode_of(f->path, "-shm"), 0600);
	assert_int_equal(mode_of(f->path, ".lock"), 0600);
	_cleanup_(freep) char *aside = xasprintf("%s.new", f->path);
	assert_int_equal(access(aside, F_OK), -1);
}

/* What is left of a creation that was killed is in nobody's way. */
static void test_created_again(void **state)
{
	struct store_fixture *f = *state;

	f->store = store_close(f->store);
	unlink(f->path);
	free(test_tmpdir_write(f->dir, "postseal.db.new", "half of a"));
	free(test_tmpdir_write(f->dir, "postseal.db.new-journal", "database"));
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
	assert_true(store_get_schema_version(f->store) >= 1);
}

static const struct {
	const char *name;
	int mode;
	const char *words;
} modes[] = {
	{ "postseal.db", 0640, "is open to others (mode 0640); run: chmod 0600 " },
	{ "postseal.db", 0602, "postseal.db" },
	{ "postseal.db-wal", 0604, "postseal.db-wal" },
	{ "postseal.db-shm", 0660, "run: chmod 0600 " },
	{ "postseal.db.lock", 0666, "postseal.db.lock" },
};

static void test_modes(void **state)
{
	struct store_fixture *f = *state;

	f->store = store_close(f->store);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		test_case(modes[i].words);
		_cleanup_(freep) char *file = xasprintf("%s/%s", f->dir, modes[i].name);
		bool is_new = access(file, F_OK) < 0;
		if (is_new)
			free(test_tmpdir_write(f->dir, modes[i].name, ""));
		assert_int_equal(chmod(file, (mode_t)modes[i].mode), 0);
		expect_refusal(f, 0, -EPERM, modes[i].words);
		if (is_new)
			unlink(file);
		else
			chmod(file, 0600);
	}
	chmod(f->dir, 0770);
	expect_refusal(f, 0, -EPERM, "can be written by others; run: chmod go-w ");
	chmod(f->dir, 0755);
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
}

static void test_owner(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *words = xasprintf(
		"belongs to user 4711; run: chown %u %s", (unsigned)geteuid(), f->path);

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(f->path, 4711, 0), 0);
	expect_refusal(f, 0, -EPERM, words);
	expect_refusal(f, STORE_READ_ONLY, -EPERM, words);
	assert_int_equal(chown(f->dir, 4711, 0), 0);
	expect_refusal(f, 0, -EPERM, f->dir);
	/* Root may look at what the service's own user has. */
	assert_int_equal(store_open(&f->store, f->path, STORE_READ_ONLY, NULL), 0);
}

static void test_not_a_file(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *other = xasprintf("%s/other.db", f->dir);

	f->store = store_close(f->store);
	assert_int_equal(rename(f->path, other), 0);
	assert_int_equal(symlink(other, f->path), 0);
	expect_refusal(f, 0, -EPERM, "is not a regular file");
	unlink(f->path);
	assert_int_equal(mkdir(f->path, 0700), 0);
	expect_refusal(f, 0, -EPERM, "is not a regular file");
	xstrset(&f->path, "/nonexistent/postseal.db");
	expect_refusal(f, 0, -ENOENT, "/nonexistent: ");
}

static void test_one_writer(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	_cleanup_(store_closep) struct store *other = NULL;

	assert_int_equal(store_open(&other, f->path, 0, &err), -EBUSY);
	store_fixture_expect_error(
		&err, "is in use by another postseald; to see which, run: fuser ");
	assert_int_equal(store_plugin_state_save(f->store, "p", "n", "v", NULL), 0);
	assert_int_equal(store_open(&other, f->path, STORE_READ_ONLY, NULL), 0);
	_cleanup_(freep) char *value = NULL;
	assert_int_equal(store_plugin_state_load(other, "p", "n", &value, NULL), 0);
	assert_int_equal(store_plugin_state_save(other, "p", "n", "w", &err), -EROFS);
	store_fixture_expect_error(&err, "cannot write ");
	other = store_close(other);
	f->store = store_close(f->store);
	assert_int_equal(store_open(&other, f->path, 0, NULL), 0);
}

static void test_absent_for_a_reader(void **state)
{
	struct store_fixture *f = *state;

	f->store = store_close(f->store);
	assert_int_equal(unlink(f->path), 0);
	expect_refusal(
		f, STORE_READ_ONLY, -ENOENT, "postseald makes it when it starts");
	free(test_tmpdir_write(f->dir, "postseal.db-wal", "log"));
	expect_refusal(
		f, 0, -EUCLEAN, "postseal.db has gone: restore it from a backup");
}

static void overwrite(const char *path, off_t offset, size_t n)
{
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
	_cleanup_(freep) char *junk = xcalloc(1, n);

	memset(junk, 0xa5, n);
	assert_int_equal(pwrite(fd, junk, n, offset), (ssize_t)n);
}

static void fill(struct store *store)
{
	assert_int_equal(store_begin(store, NULL), 0);
	for (int i = 0; i < 500; i++) {
		_cleanup_(freep) char *name = xasprintf("name %d", i);
		assert_int_equal(
			store_plugin_state_save(store, "p", name, name, NULL), 0);
	}
	assert_int_equal(store_commit(store, NULL), 0);
}

/* Damage: offset and length in pages of 4096 octets; 0 octets = cut there. */
static const struct {
	const char *name;
	off_t page;
	size_t n_octets;
	const char *words;
} damages[] = {
	{ "nothing left", 0, 0, "is empty or not a database of postseal" },
	{ "cut", 20, 0, "is damaged" },
	{ "header", 0, 100, "is damaged or not a database" },
	{ "schema", 0, 4096, "is damaged" },
	{ "all but the header", 1, 30 * 4096, "is damaged" },
	{ "a page of a table", 3, 4096, "is damaged" },
};

static void remove_all(const char *path)
{
	_cleanup_(freep) char *wal = xasprintf("%s-wal", path);
	_cleanup_(freep) char *shm = xasprintf("%s-shm", path);

	unlink(path);
	unlink(wal);
	unlink(shm);
}

static void test_damaged(void **state)
{
	struct store_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		test_case(damages[i].name);
		f->store = store_close(f->store);
		remove_all(f->path);
		assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
		fill(f->store);
		f->store = store_close(f->store);
		if (damages[i].n_octets == 0)
			assert_int_equal(truncate(f->path, damages[i].page * 4096), 0);
		else
			overwrite(f->path, damages[i].page * 4096, damages[i].n_octets);
		expect_refusal(f, 0, -EUCLEAN, damages[i].words);
		expect_refusal(f, STORE_READ_ONLY, -EUCLEAN, damages[i].words);
	}
}

static void test_foreign(void **state)
{
	struct store_fixture *f = *state;

	store_fixture_sql(f->store, "PRAGMA application_id = 7");
	expect_refusal(f, 0, -EUCLEAN, "not a database of postseal");
	unlink(f->path);
	free(test_tmpdir_write(f->dir, "postseal.db",
		"this is no database at all, "
		"is it? no, it is not."));
	expect_refusal(f, 0, -EUCLEAN, "is damaged or not a database");
}

/* A value that breaks its constraint is one row's matter, not the database's. */
static void test_bad_value(void **state)
{
	struct store_fixture *f = *state;

	store_fixture_account(f->store);
	store_fixture_sql(f->store, "UPDATE account SET status = 'other'");
	store_fixture_reopen(f);
	assert_int_equal(
		store_account_load(f->store, "letsencrypt", "https://ca.test/directory",
			&(struct store_account){ 0 }, NULL),
		-EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_created),
		test_with_store(test_created_again),
		test_with_store(test_modes),
		test_with_store(test_owner),
		test_with_store(test_not_a_file),
		test_with_store(test_one_writer),
		test_with_store(test_absent_for_a_reader),
		test_with_store(test_damaged),
		test_with_store(test_foreign),
		test_with_store(test_bad_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
