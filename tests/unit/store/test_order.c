/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static struct store_order sample(struct store *store)
{
	return (struct store_order){
		.slot_id = store_fixture_slot(store, "example.org"),
		.account_id = store_fixture_account(store),
		.names = (char *)"a.test",
		.key_pem = (char *)"certificate key",
		.state = (char *)"new",
	};
}

static void test_round_trip(void **state)
{
	struct store_fixture *f = *state;
	struct store_order o = { 0 }, added = sample(f->store);

	assert_int_equal(store_order_find_open(f->store, added.slot_id, &o, NULL),
		STORE_E_NOT_FOUND);
	assert_int_equal(store_order_add(f->store, &added, NULL), 0);
	store_fixture_reopen(f);
	assert_int_equal(store_order_find_open(f->store, added.slot_id, &o, NULL), 0);
	assert_int_equal(o.id, added.id);
	assert_int_equal(o.account_id, added.account_id);
	assert_string_equal(o.names, "a.test");
	assert_string_equal(o.key_pem, "certificate key");
	assert_null(o.url);
	assert_int_equal(o.sent_usec, 0);

	xstrset(&o.state, "pending");
	xstrset(&o.url, "https://ca.test/o/1");
	xstrset(&o.finalize_url, "https://ca.test/o/1/f");
	xstrset(&o.certificate_url, "https://ca.test/c/1");
	o.sent_usec = 5;
	o.expires_usec = 6;
	assert_int_equal(store_order_save(f->store, &o, NULL), 0);
	store_order_done(&o);
	store_fixture_reopen(f);
	assert_int_equal(store_order_load(f->store, added.id, &o, NULL), 0);
	assert_string_equal(o.state, "pending");
	assert_string_equal(o.url, "https://ca.test/o/1");
	assert_string_equal(o.finalize_url, "https://ca.test/o/1/f");
	assert_string_equal(o.certificate_url, "https://ca.test/c/1");
	assert_string_equal(o.key_pem, "certificate key");
	assert_true(o.sent_usec == 5 && o.expires_usec == 6 && !o.finished);
	store_order_done(&o);
}

static int on_authorization(const struct store_authorization *a, void *userdata)
{
	char *text = userdata;
	size_t len = strlen(text);

	snprintf(text + len, 256 - len, "%d:%d:%s:%s:%s ", (int)a->id, (int)a->order_id,
		a->name, a->state, a->token ? a->token : "-");
	return 0;
}

static void test_authorizations(void **state)
{
	struct store_fixture *f = *state;
	struct store_order o = sample(f->store);
	char text[256] = "";

	assert_int_equal(store_order_add(f->store, &o, NULL), 0);
	struct store_authorization a = {
		.order_id = o.id,
		.name = (char *)"a.test",
		.url = (char *)"https://ca.test/a/1",
		.state = (char *)"pending",
	};
	struct store_authorization b = a;
	assert_int_equal(store_authorization_save(f->store, &a, NULL), 0);
	b.name = (char *)"b.test";
	assert_int_equal(store_authorization_save(f->store, &b, NULL), 0);
	b.token = (char *)"token";
	b.challenge = (char *)"http-01";
	b.challenge_url = (char *)"https://ca.test/ch/1";
	b.presented = true;
	assert_int_equal(store_authorization_save(f->store, &b, NULL), 0);
	store_fixture_reopen(f);
	assert_int_equal(
		store_authorization_each(f->store, o.id, on_authorization, text, NULL),
		0);
	assert_string_equal(text, "1:1:a.test:pending:- 2:1:b.test:pending:token ");
	text[0] = '\0';
	assert_int_equal(store_authorization_each_presented(
				 f->store, on_authorization, text, NULL),
		0);
	assert_string_equal(text, "2:1:b.test:pending:token ");
	b.id = 9;
	assert_int_equal(store_authorization_save(f->store, &b, NULL), -ENOENT);
	b.id = 0;
	b.order_id = 9;
	assert_int_equal(store_authorization_save(f->store, &b, NULL), -EINVAL);
}

/* One unfinished order a slot; what a finished one still has to clean up stays. */
static void test_successors(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	struct store_order first = sample(f->store), o = { 0 };
	char text[256] = "";

	assert_int_equal(store_order_add(f->store, &first, NULL), 0);
	struct store_order second = first;
	assert_int_equal(store_order_add(f->store, &second, &err), -EEXIST);
	store_fixture_expect_error(&err, "refused by");
	struct store_authorization a = { .order_id = first.id,
		.name = (char *)"a.test",
		.url = (char *)"u",
		.state = (char *)"valid",
		.presented = true };
	assert_int_equal(store_authorization_save(f->store, &a, NULL), 0);
	first.finished = true;
	assert_int_equal(store_order_save(f->store, &first, NULL), 0);
	assert_int_equal(store_order_add(f->store, &second, NULL), 0);
	assert_int_equal(store_order_load(f->store, first.id, &o, NULL), 0);
	store_order_done(&o);

	a.presented = false;
	assert_int_equal(store_authorization_save(f->store, &a, NULL), 0);
	second.finished = true;
	assert_int_equal(store_order_save(f->store, &second, NULL), 0);
	struct store_order third = first;
	third.finished = false;
	assert_int_equal(store_order_add(f->store, &third, NULL), 0);
	int64_t expected = third.id;
	assert_int_equal(store_order_find_open(f->store, first.slot_id, &o, NULL), 0);
	assert_int_equal(o.id, expected);
	store_order_done(&o);
	assert_int_equal(store_authorization_each(
				 f->store, a.order_id, on_authorization, text, NULL),
		0);
	assert_string_equal(text, "");
}

static const enum store_stmt_id searched[] = {
	STORE_STMT_ORDER_FIND_OPEN,
	STORE_STMT_ORDER_PRUNE,
	STORE_STMT_AUTHORIZATION_EACH,
};

static void test_plans(void **state)
{
	struct store_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(searched); i++) {
		_cleanup_(freep) char *plan =
			store_fixture_explain(f->store, searched[i]);
		if (strstr(plan, "SCAN"))
			fail_msg("%s", plan);
	}
	_cleanup_(freep) char *plan = store_fixture_explain(
		f->store, STORE_STMT_AUTHORIZATION_EACH_PRESENTED);
	assert_non_null(strstr(plan, "INDEX authorization_presented"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_round_trip),
		test_with_store(test_authorizations),
		test_with_store(test_successors),
		test_with_store(test_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
