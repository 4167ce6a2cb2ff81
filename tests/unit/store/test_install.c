/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/install.h"
#include "store/store_priv.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static int on_install(const struct store_install *i, void *userdata)
{
	char *text = userdata;
	size_t len = strlen(text);

	snprintf(text + len, 512 - len, "%s|%s|%d,%d,%d,%u,%s ", i->target, i->address,
		(int)i->done_usec, (int)i->proven_usec, (int)i->next_usec, i->attempts,
		i->error ? i->error : "-");
	return 0;
}

static int64_t save(struct store *store, int64_t certificate, const char *target,
	const char *address)
{
	struct store_install i = { .certificate_id = certificate,
		.target = (char *)target,
		.address = (char *)address };

	assert_int_equal(store_install_save(store, &i, NULL), 0);
	return i.id;
}

static void test_round_trip(void **state)
{
	struct store_fixture *f = *state;
	int64_t slot = store_fixture_slot(f->store, "example.org");
	int64_t id = store_fixture_certificate(f->store, slot, "a.test", 1);
	char text[512] = "";

	save(f->store, id, "postfix", "[::1]:25");
	int64_t row = save(f->store, id, "front", "");
	struct store_install i = { .certificate_id = id,
		.target = (char *)"front",
		.address = (char *)"",
		.done_usec = 1,
		.proven_usec = 2,
		.next_usec = 3,
		.attempts = 4,
		.error = (char *)"e" };
	assert_int_equal(store_install_save(f->store, &i, NULL), 0);
	assert_int_equal(i.id, row);
	store_fixture_reopen(f);
	assert_int_equal(store_install_each(f->store, id, on_install, text, NULL), 0);
	assert_string_equal(text, "front||1,2,3,4,e postfix|[::1]:25|0,0,0,0,- ");
	i.certificate_id = 99;
	assert_int_equal(store_install_save(f->store, &i, NULL), -EINVAL);
}

static void test_keep(void **state)
{
	struct store_fixture *f = *state;
	int64_t slot = store_fixture_slot(f->store, "example.org");
	int64_t id = store_fixture_certificate(f->store, slot, "a.test", 1);
	char *wanted[] = { (char *)"b", (char *)"d", NULL };
	char *none[] = { NULL };
	char text[512] = "";

	save(f->store, id, "postfix", "a");
	save(f->store, id, "postfix", "b");
	save(f->store, id, "postfix", "c");
	save(f->store, id, "front", "a");
	assert_int_equal(store_install_keep(f->store, id, "postfix", wanted, NULL), 0);
	assert_int_equal(store_install_each(f->store, id, on_install, text, NULL), 0);
	assert_string_equal(text, "front|a|0,0,0,0,- postfix|b|0,0,0,0,- ");
	text[0] = '\0';
	assert_int_equal(store_install_keep(f->store, id, "postfix", none, NULL), 0);
	assert_int_equal(store_install_each(f->store, id, on_install, text, NULL), 0);
	assert_string_equal(text, "front|a|0,0,0,0,- ");
}

static int count(struct store *store, const char *sql)
{
	int n = 0;

	assert_int_equal(store_exec_int(store, sql, &n, NULL), 0);
	return n;
}

/* Whoever does not know them does not forget them. */
static void test_settings_stay(void **state)
{
	struct store_fixture *f = *state;
	int64_t slot = store_fixture_slot(f->store, "example.org");
	int64_t id = store_fixture_certificate(f->store, slot, "a.test", 1);
	struct store_install i = { .certificate_id = id,
		.target = (char *)"files",
		.address = (char *)"",
		.settings = (char *)"s1" };

	assert_int_equal(store_install_save(f->store, &i, NULL), 0);
	save(f->store, id, "files", "");
	assert_int_equal(
		count(f->store, "SELECT count(*) FROM install WHERE settings = 's1'"),
		1);
	i.settings = (char *)"s2";
	assert_int_equal(store_install_save(f->store, &i, NULL), 0);
	assert_int_equal(
		count(f->store, "SELECT count(*) FROM install WHERE settings = 's2'"),
		1);
}

static void test_bad_row(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	int64_t slot = store_fixture_slot(f->store, "example.org");
	int64_t id = store_fixture_certificate(f->store, slot, "a.test", 1);
	char text[512] = "";

	save(f->store, id, "postfix", "a");
	save(f->store, id, "postfix", "b");
	store_fixture_sql(
		f->store, "UPDATE install SET attempts = 1 << 40 WHERE address = 'a'");
	assert_int_equal(
		store_install_each(f->store, id, on_install, text, &err), -EUCLEAN);
	assert_string_equal(text, "postfix|b|0,0,0,0,- ");
	store_fixture_expect_error(&err, "install 1: attempts is out of range");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_round_trip),
		test_with_store(test_keep),
		test_with_store(test_settings_stay),
		test_with_store(test_bad_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
