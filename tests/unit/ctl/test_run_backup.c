/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup and restore, on files and without a daemon. */
#include <string.h>
#include <unistd.h>

#include "store/slot.h"
#include "store/store.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/ctl/fixture.h"
#include "util/mem.h"

static struct store *begin(struct fixture *f)
{
	_cleanup_(freep) char *conf =
		xasprintf("plugin_directory = /\nstate_directory = %s\n", f->dir);
	_cleanup_(freep) char *path = xasprintf("%s/" STORE_FILE, f->dir);
	struct store *store;

	free(test_tmpdir_write(f->dir, "postseal.conf", conf));
	assert_int_equal(store_open(&store, path, 0, NULL), 0);
	return store;
}

static void add_slot(struct store *store, const char *domain)
{
	struct store_slot slot = {
		.domain = (char *)domain,
		.key_type = (char *)"ecdsa-p256",
		.names = (char *)domain,
		.authority = (char *)"https://ca.test/",
	};

	assert_int_equal(store_slot_add(store, &slot, NULL), 0);
}

static int count(const struct store_slot *slot, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

static int count_slots(struct store *store)
{
	int n = 0;

	assert_int_equal(store_slot_each(store, NULL, count, &n, NULL), 0);
	return n;
}

static void call(struct fixture *f, const char *command, const char *name)
{
	_cleanup_(freep) char *words = xasprintf("%s %s/%s", command, f->dir, name);

	fixture_call_conf(f, words);
}

static void test_there_and_back(void **state)
{
	struct fixture *f = *state;
	struct store *store = begin(f);

	add_slot(store, "a.test");
	call(f, "backup", "copy.db");
	assert_int_equal(f->exit_code, COMMAND_OK);
	assert_non_null(strstr(f->out, "copy.db; it holds all keys\n"));
	call(f, "backup", "copy.db");
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	assert_non_null(strstr(f->err, "exists already"));

	add_slot(store, "b.test");
	call(f, "restore", "copy.db");
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	assert_non_null(strstr(f->err, "stop postseald first; nothing was changed\n"));
	assert_int_equal(count_slots(store), 2);
	store_close(store);
	call(f, "restore", "copy.db");
	assert_int_equal(f->exit_code, COMMAND_OK);
	assert_string_equal(f->err, "");
	assert_non_null(strstr(f->out, "is restored from "));
	assert_non_null(strstr(f->out, ".before-restore-"));
	store = begin(f);
	assert_int_equal(count_slots(store), 1);
	store_close(store);
}

static void test_nothing_there(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *path = xasprintf("%s/" STORE_FILE, f->dir);

	store_close(begin(f));
	assert_int_equal(unlink(path), 0);
	call(f, "backup", "copy.db");
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	assert_non_null(strstr(f->err, "does not exist"));
	call(f, "restore", "copy.db");
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	assert_non_null(strstr(f->err, "copy.db"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_there_and_back),
		fixture_test(test_nothing_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
