/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

#define CA  "letsencrypt"
#define URL "https://ca.test/directory"

static void test_round_trip(void **state)
{
	struct store_fixture *f = *state;
	struct store_account a = { 0 };

	assert_int_equal(
		store_account_load(f->store, CA, URL, &a, NULL), STORE_E_NOT_FOUND);
	int64_t id = store_fixture_account(f->store);
	store_fixture_reopen(f);
	assert_int_equal(store_account_load(f->store, CA, URL, &a, NULL), 0);
	assert_int_equal(a.id, id);
	assert_string_equal(a.key_pem, "account key");
	assert_null(a.url);
	assert_null(a.contact);
	assert_null(a.reason);
	assert_int_equal(a.status, STORE_ACCOUNT_NEW);

	xstrset(&a.url, "https://ca.test/account/1");
	xstrset(&a.contact, "mailto:postmaster@example.org");
	xstrset(&a.reason, "terms have changed");
	a.status = STORE_ACCOUNT_STOPPED;
	assert_int_equal(store_account_save(f->store, &a, NULL), 0);
	store_account_done(&a);
	assert_null(a.key_pem);
	store_fixture_reopen(f);
	assert_int_equal(store_account_load(f->store, CA, URL, &a, NULL), 0);
	assert_string_equal(a.url, "https://ca.test/account/1");
	assert_string_equal(a.contact, "mailto:postmaster@example.org");
	assert_string_equal(a.reason, "terms have changed");
	assert_int_equal(a.status, STORE_ACCOUNT_STOPPED);
	store_account_done(&a);
	assert_int_equal(
		store_account_load(f->store, CA, URL "2", &a, NULL), STORE_E_NOT_FOUND);
}

static void test_one_in_use(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	struct store_account a = { .authority = (char *)CA,
		.directory = (char *)URL,
		.key_pem = (char *)"another key" };

	a.id = store_fixture_account(f->store);
	assert_int_equal(store_account_add(f->store, &a, &err), -EEXIST);
	store_fixture_expect_error(&err, "refused by");
	a.status = STORE_ACCOUNT_DEACTIVATED;
	assert_int_equal(store_account_save(f->store, &a, NULL), 0);
	a.status = STORE_ACCOUNT_NEW;
	assert_int_equal(store_account_add(f->store, &a, NULL), 0);
}

/* What was given up is found until another one is there: nobody shall think that there
 * never was any. */
static void test_deactivated_is_the_last_resort(void **state)
{
	struct store_fixture *f = *state;
	struct store_account a = { 0 };

	store_fixture_account(f->store);
	assert_int_equal(store_account_load(f->store, CA, URL, &a, NULL), 0);
	int64_t first = a.id;
	a.status = STORE_ACCOUNT_DEACTIVATED;
	assert_int_equal(store_account_save(f->store, &a, NULL), 0);
	store_account_done(&a);
	assert_int_equal(store_account_load(f->store, CA, URL, &a, NULL), 0);
	assert_int_equal(a.id, first);
	assert_int_equal(a.status, STORE_ACCOUNT_DEACTIVATED);
	store_account_done(&a);
	store_fixture_account(f->store);
	assert_int_equal(store_account_load(f->store, CA, URL, &a, NULL), 0);
	assert_int_not_equal(a.id, first);
	store_account_done(&a);
}

static void test_keys(void **state)
{
	struct store_fixture *f = *state;
	struct store_account a = { 0 };

	store_fixture_account(f->store);
	assert_int_equal(store_account_load(f->store, CA, URL, &a, NULL), 0);
	assert_null(a.pending_key_pem);
	assert_int_equal(a.pending_usec, 0);
	a.pending_key_pem = xstrdup("the next key");
	a.pending_usec = 7;
	assert_int_equal(store_account_save(f->store, &a, NULL), 0);
	assert_int_equal(store_account_save_keys(f->store, &a, NULL), 0);
	store_account_done(&a);
	store_fixture_reopen(f);
	assert_int_equal(store_account_load(f->store, CA, URL, &a, NULL), 0);
	assert_string_equal(a.key_pem, "account key");
	assert_string_equal(a.pending_key_pem, "the next key");
	assert_int_equal(a.pending_usec, 7);
	store_account_done(&a);
	store_fixture_sql(f->store, "UPDATE account SET pending_key_pem = ''");
	assert_int_equal(store_account_load(f->store, CA, URL, &a, NULL), -EUCLEAN);
}

static void test_refusals(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	_cleanup_(freep) char *url = xcalloc(1, 8194);
	struct store_account a = { .id = 77, .url = memset(url, 'x', 8193) };

	assert_int_equal(store_account_save(f->store, &a, &err), -E2BIG);
	store_fixture_expect_error(&err, "8193 octets");
	a.url = NULL;
	assert_int_equal(store_account_save(f->store, &a, &err), -ENOENT);
	store_fixture_expect_error(&err, "account 77 is not in ");
	assert_int_equal(store_account_add(f->store, &a, &err), -EINVAL);
	store_fixture_expect_error(&err, "NOT NULL");
}

static int count(const struct store_account *account, void *userdata)
{
	(*(int *)userdata)++;
	return *(int *)userdata == 2 ? 42 : 0;
}

static void test_each(void **state)
{
	struct store_fixture *f = *state;
	struct store_account a = { .directory = (char *)URL, .key_pem = (char *)"k" };
	int n = 0;

	a.authority = (char *)"one";
	assert_int_equal(store_account_add(f->store, &a, NULL), 0);
	assert_int_equal(store_account_each(f->store, count, &n, NULL), 0);
	assert_int_equal(n, 1);
	a.authority = (char *)"two";
	assert_int_equal(store_account_add(f->store, &a, NULL), 0);
	a.authority = (char *)"three";
	assert_int_equal(store_account_add(f->store, &a, NULL), 0);
	n = 0;
	assert_int_equal(store_account_each(f->store, count, &n, NULL), 42);
	assert_int_equal(n, 2);
}

static const struct {
	const char *sql, *error;
} bad_rows[] = {
	{ "UPDATE account SET status = 'other'", "account 1: status is unknown" },
	{ "UPDATE account SET status = ''", "account 1: status is missing" },
	{ "UPDATE account SET key_pem = ''", "account 1: key_pem is missing" },
	{ "UPDATE account SET url = printf('%.*c', 8193, 'x')",
		"account 1: url is too long" },
	{ "UPDATE account SET contact = 'a' || char(0) || 'b'",
		"account 1: contact has a NUL in it" },
	{ "UPDATE account SET created_usec = -1",
		"account 1: created_usec is out of range" },
	{ "UPDATE account SET id = -3", "account: id is out of range" },
};

static void test_bad_rows(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	struct store_account a = { 0 };

	store_fixture_account(f->store);
	for (size_t i = 0; i < ARRAY_SIZE(bad_rows); i++) {
		test_case(bad_rows[i].sql);
		store_fixture_sql(f->store, "SAVEPOINT t");
		store_fixture_sql(f->store, bad_rows[i].sql);
		assert_int_equal(
			store_account_load(f->store, CA, URL, &a, &err), -EUCLEAN);
		store_fixture_expect_error(&err, bad_rows[i].error);
		assert_null(a.key_pem);
		store_fixture_sql(f->store, "ROLLBACK TO t; RELEASE t");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_round_trip),
		test_with_store(test_one_in_use),
		test_with_store(test_deactivated_is_the_last_resort),
		test_with_store(test_keys),
		test_with_store(test_refusals),
		test_with_store(test_each),
		test_with_store(test_bad_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
