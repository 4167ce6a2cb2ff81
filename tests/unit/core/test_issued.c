/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/intent and core/issued: what is committed before a CA is asked, and what of its
 * answer is taken. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/issued.h"
#include "store/account.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_ca.h"
#include "tests/lib/test_log.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	struct store *store;
	struct test_ca *ca;
	int64_t account_id, other_account_id;
	struct store_slot slot;
	struct intent *intent;
};

static int64_t add_account(struct fixture *f, const char *authority)
{
	struct store_account account = {
		.authority = (char *)authority,
		.directory = (char *)"https://ca.test/dir",
		.key_pem = (char *)"a key",
		.created_usec = 1,
	};

	assert_int_equal(store_account_add(f->store, &account, NULL), 0);
	return account.id;
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .loop = fake_loop_new(), .ca = test_ca_new() };
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	f->account_id = add_account(f, "ca");
	f->other_account_id = add_account(f, "other");
	f->slot = (struct store_slot){
		.domain = xstrdup("mail.test"),
		.key_type = xstrdup("ecdsa-p256"),
		.names = xstrdup("a.test b.test"),
		.authority = xstrdup("https://ca.test/dir"),
		.attempts = 2,
		.due_usec = 77,
		.error = xstrdup("the last time"),
	};
	assert_int_equal(store_slot_add(f->store, &f->slot, NULL), 0);
	assert_int_equal(store_slot_save(f->store, &f->slot, NULL), 0);
}

static void teardown(struct fixture *f)
{
	intent_free(f->intent);
	store_slot_done(&f->slot);
	store_close(f->store);
	test_ca_free(f->ca);
	loop_free(f->loop);
}

/* As the next job would. */
static void reopen(struct fixture *f, int64_t account_id)
{
	const struct intent_params params = {
		.store = f->store,
		.loop = f->loop,
		.slot = &f->slot,
		.account_id = account_id,
	};
	_cleanup_(key_freep) struct key *key = NULL;

	f->intent = intent_free(f->intent);
	int r = intent_find(&f->intent, &params, NULL);
	if (r == STORE_E_NOT_FOUND) {
		assert_int_equal(key_generate(&key, KEY_ECDSA_P256, NULL), 0);
		r = intent_add(&f->intent, &params, key, NULL);
	}
	assert_int_equal(r, 0);
}

/* --- intent -------------------------------------------------------------------------------------- */

static int change_order(struct fixture *f, enum acme_order_state state, const char *url)
{
	const struct acme_progress *progress = intent_get_progress(f->intent);
	const struct acme_order_facts facts = { .state = state, .url = url };

	return progress->order_changed(progress->userdata, &facts, NULL);
}

static int change_authz(struct fixture *f, const char *url)
{
	const struct acme_progress *progress = intent_get_progress(f->intent);
	const struct acme_authz_facts facts = {
		.url = url,
		.name = "a.test",
		.state = "pending",
		.challenge = "http-01",
		.challenge_url = "https://ca.test/c",
		.token = "t",
	};

	return progress->authz_changed(progress->userdata, &facts, NULL);
}

static int present(struct fixture *f, const char *url)
{
	const struct acme_challenge challenge = {
		.type = (char *)"http-01",
		.url = (char *)"https://ca.test/c",
		.token = (char *)"t",
	};
	const struct acme_offer offer = {
		.url = url,
		.name = "a.test",
		.challenge = &challenge,
		.n_challenges = 1,
	};

	return intent_present(f->intent, &offer, 0, NULL);
}

static void test_intent_is_taken_up(void **state)
{
	struct fixture f;
	struct store_order stored = { 0 };

	setup(&f);
	reopen(&f, f.account_id);
	assert_false(intent_is_resumed(f.intent));
	assert_int_equal(store_order_find_open(f.store, f.slot.id, &stored, NULL), 0);
	assert_string_equal(stored.names, "a.test b.test");
	assert_int_equal(stored.sent_usec, 0);
	/* nothing was sent: the same row, the same key */
	reopen(&f, f.account_id);
	assert_int_equal(intent_get_order(f.intent)->id, stored.id);
	assert_string_equal(intent_get_order(f.intent)->key_pem, stored.key_pem);
	assert_false(intent_is_resumed(f.intent));
	/* sent, and killed before the answer */
	assert_int_equal(change_order(&f, ACME_ORDER_NEW, NULL), 0);
	reopen(&f, f.account_id);
	assert_true(intent_get_order(f.intent)->sent_usec > 0);
	assert_false(intent_is_resumed(f.intent));
	assert_int_equal(
		change_order(&f, ACME_ORDER_PENDING, "https://ca.test/o/1"), 0);
	reopen(&f, f.account_id);
	assert_true(intent_is_resumed(f.intent));
	assert_string_equal(intent_get_order(f.intent)->url, "https://ca.test/o/1");
	assert_string_equal(intent_get_order(f.intent)->key_pem, stored.key_pem);
	/* and nothing once it is over */
	assert_int_equal(intent_finish(f.intent, NULL), 0);
	reopen(&f, f.account_id);
	assert_false(intent_is_resumed(f.intent));
	assert_string_not_equal(intent_get_order(f.intent)->key_pem, stored.key_pem);
	store_order_done(&stored);
	teardown(&f);
}

static void test_intent_that_does_not_fit(void **state)
{
	struct fixture f;

	setup(&f);
	reopen(&f, f.account_id);
	_cleanup_(secret_freep) char *first =
		xstrdup(intent_get_order(f.intent)->key_pem);
	reopen(&f, f.other_account_id);
	_cleanup_(secret_freep) char *second =
		xstrdup(intent_get_order(f.intent)->key_pem);
	assert_string_not_equal(first, second);
	assert_int_equal(intent_get_order(f.intent)->account_id, f.other_account_id);
	xstrset(&f.slot.names, "a.test");
	reopen(&f, f.other_account_id);
	assert_string_not_equal(intent_get_order(f.intent)->key_pem, second);
	assert_string_equal(intent_get_order(f.intent)->names, "a.test");
	teardown(&f);
}

static int count_authz(const struct store_authorization *authz, void *userdata)
{
	(*(unsigned *)userdata)++;
	return 0;
}

static void test_intent_authorizations(void **state)
{
	struct fixture f;
	unsigned n = 0, n_presented = 0;

	setup(&f);
	reopen(&f, f.account_id);
	assert_int_equal(change_authz(&f, "https://ca.test/a/1"), 0);
	assert_int_equal(present(&f, "https://ca.test/a/1"), 0);
	/* the answer is known before its authorization is heard of again */
	assert_int_equal(present(&f, "https://ca.test/a/2"), 0);
	assert_int_equal(
		intent_withdraw(f.intent, "https://ca.test/a/1", "dns-01", NULL), 0);
	assert_int_equal(
		intent_withdraw(f.intent, "https://ca.test/a/1", "http-01", NULL), 0);
	/* the next job knows the rows again, and what it hears leaves the answer standing */
	reopen(&f, f.account_id);
	assert_int_equal(change_authz(&f, "https://ca.test/a/1"), 0);
	assert_int_equal(change_authz(&f, "https://ca.test/a/2"), 0);
	assert_int_equal(store_authorization_each(f.store,
				 intent_get_order(f.intent)->id, count_authz, &n, NULL),
		0);
	assert_int_equal(n, 2);
	assert_int_equal(store_authorization_each_presented(
				 f.store, count_authz, &n_presented, NULL),
		0);
	assert_int_equal(n_presented, 1);
	teardown(&f);
}

static void add_order(struct fixture *f, int64_t slot_id)
{
	struct store_order order = {
		.slot_id = slot_id,
		.account_id = f->account_id,
		.names = (char *)"a.test b.test",
		.key_pem = (char *)"a key",
		.state = (char *)"new",
	};

	assert_int_equal(store_order_add(f->store, &order, NULL), 0);
}

/* The row goes: a new order of the slot takes its place. */
static void lose_order(struct fixture *f)
{
	struct store_order order = { 0 };
	struct store_slot slot = {
		.domain = (char *)"other.test",
		.key_type = (char *)"ecdsa-p256",
		.names = (char *)"other.test",
		.authority = (char *)"https://ca.test/dir",
	};

	/* so that the row's number is not used again */
	assert_int_equal(store_slot_add(f->store, &slot, NULL), 0);
	add_order(f, slot.id);
	assert_int_equal(store_order_find_open(f->store, f->slot.id, &order, NULL), 0);
	order.finished = true;
	assert_int_equal(store_order_save(f->store, &order, NULL), 0);
	store_order_done(&order);
	add_order(f, f->slot.id);
}

/* What cannot be stored is not done: the protocol hears it. */
static void test_intent_that_cannot_be_stored(void **state)
{
	struct fixture f;

	setup(&f);
	reopen(&f, f.account_id);
	lose_order(&f);
	assert_int_equal(change_order(&f, ACME_ORDER_NEW, NULL), -ENOENT);
	assert_true(change_authz(&f, "https://ca.test/a/1") < 0);
	assert_true(present(&f, "https://ca.test/a/2") < 0);
	assert_int_equal(intent_finish(f.intent, NULL), -ENOENT);
	teardown(&f);
}

/* --- issued --------------------------------------------------------------------------------------- */

static usec_t now(void)
{
	return (usec_t)time(NULL) * USEC_PER_SEC;
}

/* By the request, as a CA that does everything right. */
static char *issue(struct fixture *f, const struct test_ca_leaf *leaf)
{
	_cleanup_(freep) uint8_t *csr = NULL;
	size_t len;
	char *chain;

	assert_int_equal(intent_format_csr(f->intent, &csr, &len, NULL), 0);
	chain = test_ca_issue_csr(f->ca, csr, len, leaf);
	assert_non_null(chain);
	return chain;
}

static int take(struct fixture *f, const char *chain,
	const struct store_certificate *current, bool is_wanted,
	struct store_certificate *ret, struct err *err)
{
	const struct issued_params params = {
		.store = f->store,
		.slot = &f->slot,
		.current = current,
		.intent = f->intent,
		.chain_pem = chain,
		.chain_len = strlen(chain),
		.wall_now_usec = now(),
		.is_wanted = is_wanted,
	};

	/* What the one refuses the other would have refused, too. */
	int checked = issued_check(&params, NULL);
	int r = issued_take(ret, &params, err);
	assert_true(checked == 0 || checked == r);
	return r;
}

static void test_taken_and_served(void **state)
{
	struct fixture f;
	struct store_certificate none = { 0 }, first = { 0 }, second = { 0 };
	struct store_certificate stored = { 0 };
	struct store_slot slot = { 0 };

	setup(&f);
	reopen(&f, f.account_id);
	_cleanup_(freep) char *chain = issue(&f, NULL);
	assert_int_equal(take(&f, chain, &none, false, &first, NULL), 0);
	assert_true(first.id > 0);
	assert_string_equal(first.key_pem, intent_get_order(f.intent)->key_pem);
	assert_int_equal(store_slot_load(f.store, f.slot.id, &slot, NULL), 0);
	assert_int_equal(slot.pending_id, first.id);
	assert_int_equal(slot.certificate_id, 0);
	assert_int_equal(slot.attempts, 0);
	assert_null(slot.error);
	store_slot_done(&slot);
	/* it is over: the next is a new order, and replaces what was not proven */
	reopen(&f, f.account_id);
	assert_false(intent_is_resumed(f.intent));
	_cleanup_(freep) char *other = issue(&f, NULL);
	assert_int_equal(take(&f, other, &none, true, &second, NULL), 0);
	assert_int_equal(f.slot.pending_id, second.id);
	assert_int_equal(store_certificate_load(f.store, first.id, &stored, NULL), 0);
	assert_int_equal(stored.state, STORE_CERTIFICATE_SUPERSEDED);
	store_certificate_done(&stored);
	assert_int_equal(
		issued_save_served(f.store, &f.slot, second.id, 1234, NULL), 0);
	assert_int_equal(store_slot_load(f.store, f.slot.id, &slot, NULL), 0);
	assert_int_equal(slot.certificate_id, second.id);
	assert_int_equal(slot.pending_id, 0);
	assert_int_equal(slot.due_usec, 1234);
	store_slot_done(&slot);
	stored = (struct store_certificate){ 0 };
	assert_int_equal(store_certificate_load(f.store, second.id, &stored, NULL), 0);
	assert_int_equal(stored.state, STORE_CERTIFICATE_SERVED);
	store_certificate_done(&stored);
	store_certificate_done(&first);
	store_certificate_done(&second);
	teardown(&f);
}

/* As it was before, in memory and in the store. */
static void assert_untouched(struct fixture *f)
{
	struct store_slot slot = { 0 };

	assert_int_equal(store_slot_load(f->store, f->slot.id, &slot, NULL), 0);
	const struct store_slot *both[] = { &slot, &f->slot };
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		assert_int_equal(both[i]->pending_id, 0);
		assert_int_equal(both[i]->certificate_id, 0);
		assert_int_equal(both[i]->attempts, 2);
		assert_int_equal(both[i]->due_usec, 77);
		assert_string_equal(both[i]->error, "the last time");
	}
	store_slot_done(&slot);
	/* and no certificate was left behind */
	struct store_certificate any = { 0 };
	assert_int_equal(
		store_certificate_load(f->store, 1, &any, NULL), STORE_E_NOT_FOUND);
}

struct refused_case {
	const char *name;
	unsigned flags;
	int starts_in, ends_in; /* days; 0: as usual */
	const char *names;      /* NULL: of the slot */
	bool is_foreign;        /* for a key that is not ours */
	const char *text;       /* in place of a chain */
	const char *error;      /* "": whatever it says */
};

/* clang-format off */
static const struct refused_case refused_cases[] = {
	{ "no PEM",                   .text = "hello" },
	{ "nothing",                  .text = "" },
	{ "another key",              .is_foreign = true, .error = "another key" },
	{ "a name is missing",        .names = "a.test", .error = "b.test" },
	{ "not yet valid",            .starts_in = 2, .ends_in = 90 },
	{ "expired",                  .starts_in = -9, .ends_in = -2 },
	{ "ends before the current",  .ends_in = 20 },
	{ "no intermediate",          .flags = TEST_CA_NO_INTERMEDIATE },
	{ "a false intermediate",     .flags = TEST_CA_FALSE_INTERMEDIATE },
	{ "an expired intermediate",  .flags = TEST_CA_OLD_INTERMEDIATE },
	{ "for clients only",         .flags = TEST_CA_CLIENT_ONLY },
	{ "signed with SHA-1",        .flags = TEST_CA_SHA1 },
};

/* clang-format on */

static char *make_bad_chain(struct fixture *f, const struct refused_case *c)
{
	_cleanup_(strv_freep) char **names =
		strv_split(c->names ? c->names : f->slot.names);
	const struct test_ca_leaf leaf = {
		.names = names,
		.not_before = c->starts_in ? time(NULL) + c->starts_in * 86400 : 0,
		.not_after = c->ends_in ? time(NULL) + c->ends_in * 86400 : 0,
		.key_pem = c->is_foreign ? NULL : intent_get_order(f->intent)->key_pem,
		.flags = c->flags,
	};
	char *chain = NULL, *key = NULL;

	if (c->text)
		return xstrdup(c->text);
	test_ca_issue(f->ca, &leaf, &chain, &key);
	secret_free(key);
	return chain;
}

static void test_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused_cases); i++) {
		const struct refused_case *c = &refused_cases[i];
		struct store_certificate ret = { 0 };
		_cleanup_(err_done) struct err err = ERR_INIT;
		struct fixture f;

		test_case(c->name);
		setup(&f);
		reopen(&f, f.account_id);
		/* it ends in thirty days, and is for the same */
		const struct store_certificate current = {
			.id = 5,
			.authority = f.slot.authority,
			.names = f.slot.names,
			.not_after_usec = now() + 30 * USEC_PER_DAY,
		};
		_cleanup_(freep) char *chain = make_bad_chain(&f, c);
		assert_true(take(&f, chain, &current, false, &ret, &err) < 0);
		_cleanup_(freep) char *text = err_format(&err);
		print_message("      %s\n", text);
		assert_int_equal(err.kind, ERR_CA);
		assert_non_null(strstr(text, c->error ? c->error : ""));
		assert_int_equal(ret.id, 0);
		assert_null(ret.chain_pem);
		assert_untouched(&f);
		assert_false(intent_get_order(f.intent)->finished);
		teardown(&f);
	}
}

/* What the operator asked for need not end later than what is there. */
static void test_wanted_all_the_same(void **state)
{
	struct store_certificate ret = { 0 };
	const struct test_ca_leaf leaf = { .not_after = time(NULL) + 20 * 86400 };
	struct fixture f;

	setup(&f);
	reopen(&f, f.account_id);
	const struct store_certificate current = {
		.id = 5,
		.authority = f.slot.authority,
		.names = f.slot.names,
		.not_after_usec = now() + 30 * USEC_PER_DAY,
	};
	_cleanup_(freep) char *chain = issue(&f, &leaf);
	assert_int_equal(take(&f, chain, &current, true, &ret, NULL), 0);
	store_certificate_done(&ret);
	teardown(&f);
}

static void test_cannot_be_stored(void **state)
{
	struct store_certificate none = { 0 }, ret = { 0 };
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct fixture f;

	setup(&f);
	reopen(&f, f.account_id);
	_cleanup_(freep) char *chain = issue(&f, NULL);
	/* the last write of the transaction fails */
	lose_order(&f);
	assert_true(take(&f, chain, &none, false, &ret, &err) < 0);
	assert_int_equal(err.kind, ERR_LOCAL);
	assert_int_equal(ret.id, 0);
	assert_null(ret.key_pem);
	assert_untouched(&f);
	assert_true(issued_save_served(f.store, &f.slot, 4711, 1234, NULL) < 0);
	assert_untouched(&f);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_intent_is_taken_up),
		test_with_log(test_intent_that_does_not_fit),
		test_with_log(test_intent_authorizations),
		test_with_log(test_intent_that_cannot_be_stored),
		test_with_log(test_taken_and_served),
		test_with_log(test_refused),
		test_with_log(test_wanted_all_the_same),
		test_with_log(test_cannot_be_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
