/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another key for an account, and its end, against a CA without a network: wherever it is
 * cut off, the store has the key that the CA knows, and no second account comes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/accounts/account_change.h"
#include "pki/key.h"
#include "store/order.h"
#include "store/slot.h"
#include "tests/lib/fake_ca.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/fault_vfs.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/core/notes.h"
#include "util/mem.h"

#define CONF                                              \
	"authority ca {\n directory = " FAKE_CA_DIRECTORY \
	"\n agree_to_terms = yes\n request_timeout = 10s\n}\n"
#define TURNS_MAX 500

struct fixture {
	struct loop *loop;
	struct fake_ca *ca;
	struct http_client *http;
	struct store *store;
	struct plugin_host *host;
	struct conf *conf;
	struct events *events;
	struct authority *authority;

	struct account_change *change;
	unsigned n_done;
	int code;
	char *text;

	struct authority_ensure *ensure;
	unsigned n_ensured;
	int ensure_code;
};

static void open_authority(struct fixture *f)
{
	const struct authority_params params = {
		.loop = f->loop,
		.store = f->store,
		.events = f->events,
		.conf = f->conf,
		.block = conf_get_block(f->conf, "authority", 0),
		.http = f->http,
	};

	assert_int_equal(authority_new(&f->authority, &params, NULL), 0);
}

/* As kill -9 would: nobody hears of it. */
static void restart(struct fixture *f)
{
	f->ensure = authority_ensure_cancel(f->ensure);
	f->change = account_change_cancel(f->change);
	authority_free(f->authority);
	open_authority(f);
}

static void on_ensured(const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	f->n_ensured++;
	f->ensure_code = err ? err->code : 0;
	f->ensure = authority_ensure_cancel(f->ensure);
}

/* One call, or the time until the next one. */
static void run_turn(struct fixture *f)
{
	if (fake_loop_run_one(f->loop) || fake_loop_next(f->loop) == USEC_NEVER)
		return;
	fake_loop_advance(
		f->loop, usec_sub(fake_loop_next(f->loop), loop_now(f->loop)));
}

static int ensure(struct fixture *f, unsigned flags)
{
	struct err err = ERR_INIT;

	f->n_ensured = 0;
	int r = authority_ensure_start(
		&f->ensure, f->authority, flags, on_ensured, f, &err);
	if (r >= 0) {
		for (unsigned n = 0; f->n_ensured == 0; n++) {
			assert_true(n < TURNS_MAX);
			run_turn(f);
		}
		r = f->ensure_code;
	}
	xstrset(&f->text, NULL);
	f->text = err_format(&err);
	err_done(&err);
	return r;
}

static void setup_at(struct fixture *f, const char *path)
{
	*f = (struct fixture){ .loop = fake_loop_new() };
	f->ca = fake_ca_new(f->loop);
	f->http = fake_ca_new_client(f->ca);
	f->host = notes_new_host(f->loop);
	f->conf = notes_load(f->host, CONF);
	assert_int_equal(store_open(&f->store, path, 0, NULL), 0);
	f->events = events_new(&(struct events_params){
		.store = f->store,
		.loop = f->loop,
		.keep = 100,
	});
	open_authority(f);
	assert_int_equal(ensure(f, 0), 0);
}

static void setup(struct fixture *f)
{
	setup_at(f, ":memory:");
}

static void teardown(struct fixture *f)
{
	authority_ensure_cancel(f->ensure);
	account_change_cancel(f->change);
	authority_free(f->authority);
	events_free(f->events);
	store_close(f->store);
	conf_unref(f->conf);
	plugin_host_free(f->host);
	http_client_free(f->http);
	fake_ca_free(f->ca);
	loop_free(f->loop);
	free(f->text);
}

static void on_changed(const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
	f->code = err ? err->code : 0;
	xstrset(&f->text, NULL);
	f->text = err ? err_format(err) : NULL;
	f->change = account_change_cancel(f->change);
}

static void start(struct fixture *f, enum account_change_kind kind)
{
	f->n_done = 0;
	assert_int_equal(account_change_start(
				 &f->change, f->authority, kind, on_changed, f, NULL),
		0);
	assert_int_equal(f->n_done, 0);
}

static void run_change(struct fixture *f, enum account_change_kind kind)
{
	start(f, kind);
	for (unsigned n = 0; f->n_done == 0; n++) {
		assert_true(n < TURNS_MAX);
		run_turn(f);
	}
}

static struct store_account load(struct fixture *f)
{
	struct store_account account = { 0 };

	assert_int_equal(
		store_account_load(f->store, "ca", FAKE_CA_DIRECTORY, &account, NULL),
		0);
	return account;
}

static bool ca_knows(struct fixture *f, const char *pem)
{
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(freep) char *jwk = NULL;

	if (!pem)
		return false;
	assert_int_equal(key_parse_pem(&key, pem, strlen(pem), NULL), 0);
	assert_int_equal(key_format_jwk(key, &jwk, NULL), 0);
	return fake_ca_accounts_knows(fake_ca_get_accounts(f->ca), jwk);
}

/* One of the keys in the store is the one that the CA knows: always, at any moment. */
static void expect_key_not_lost(struct fixture *f)
{
	struct store_account a = load(f);

	assert_int_equal(ca_knows(f, a.key_pem) + ca_knows(f, a.pending_key_pem), 1);
	assert_string_equal(a.url, "https://ca.test/account/1");
	store_account_done(&a);
}

static void expect_settled(struct fixture *f)
{
	struct store_account a = load(f);

	assert_int_equal(a.status, STORE_ACCOUNT_VALID);
	assert_true(ca_knows(f, a.key_pem));
	assert_null(a.pending_key_pem);
	assert_int_equal(a.pending_usec, 0);
	assert_int_equal(fake_ca_accounts_count(fake_ca_get_accounts(f->ca)), 1);
	assert_int_equal(fake_ca_count_accounts(f->ca), 1);
	store_account_done(&a);
}

static unsigned count_changes(struct fixture *f)
{
	return fake_ca_accounts_count_key_changes(fake_ca_get_accounts(f->ca));
}

/* --- the key, all well ------------------------------------------------------------------ */

static void test_key(void **state)
{
	struct fixture f;

	setup(&f);
	struct store_account before = load(&f);
	_cleanup_(freep) char *thumbprint =
		xstrdup(authority_get_thumbprint(f.authority));
	run_change(&f, ACCOUNT_CHANGE_KEY);
	assert_int_equal(f.code, 0);
	assert_int_equal(count_changes(&f), 1);
	expect_settled(&f);
	assert_string_not_equal(authority_get_thumbprint(f.authority), thumbprint);
	struct store_account after = load(&f);
	assert_int_equal(after.id, before.id);
	assert_string_equal(after.url, before.url);
	assert_string_not_equal(after.key_pem, before.key_pem);
	/* the key in use is the new one, and so after a restart */
	run_change(&f, ACCOUNT_CHANGE_KEY);
	assert_int_equal(f.code, 0);
	restart(&f);
	assert_int_equal(ensure(&f, 0), 0);
	run_change(&f, ACCOUNT_CHANGE_KEY);
	assert_int_equal(f.code, 0);
	assert_int_equal(count_changes(&f), 3);
	expect_settled(&f);
	store_account_done(&before);
	store_account_done(&after);
	teardown(&f);
}

static void on_granted(void *userdata)
{
	(*(unsigned *)userdata)++;
}

/* Orders under way end with the key that they began with; new ones wait. */
static void test_orders_end_first(void **state)
{
	struct fixture f;
	unsigned n_first = 0, n_second = 0;

	setup(&f);
	struct authority_ticket *first =
		authority_enter(f.authority, 0, on_granted, &n_first);
	fake_loop_run_ready(f.loop);
	assert_int_equal(n_first, 1);
	start(&f, ACCOUNT_CHANGE_KEY);
	fake_loop_run_until_idle(f.loop, USEC_PER_MIN);
	assert_int_equal(f.n_done, 0);
	struct authority_ticket *second =
		authority_enter(f.authority, 0, on_granted, &n_second);
	fake_loop_run_until_idle(f.loop, USEC_PER_MIN);
	assert_int_equal(n_second, 0);
	struct account_change *other = NULL;
	assert_int_equal(account_change_start(&other, f.authority, ACCOUNT_CHANGE_KEY,
				 on_changed, &f, NULL),
		-EBUSY);
	first = authority_leave(first);
	fake_loop_run_until_idle(f.loop, USEC_PER_MIN);
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.code, 0);
	assert_int_equal(n_second, 1);
	expect_settled(&f);
	/* one that gives up lets them in again */
	start(&f, ACCOUNT_CHANGE_KEY);
	fake_loop_run_ready(f.loop);
	f.change = account_change_cancel(f.change);
	first = authority_enter(f.authority, 0, on_granted, &n_first);
	fake_loop_run_ready(f.loop);
	assert_int_equal(n_first, 2);
	authority_leave(first);
	authority_leave(second);
	teardown(&f);
}

/* Orders that do not end: nothing is changed, and those that wait go on. */
static void test_orders_do_not_end(void **state)
{
	struct fixture f;
	unsigned n_first = 0, n_second = 0;

	setup(&f);
	struct authority_ticket *first =
		authority_enter(f.authority, 0, on_granted, &n_first);
	fake_loop_run_ready(f.loop);
	start(&f, ACCOUNT_CHANGE_END);
	fake_loop_run_ready(f.loop);
	struct authority_ticket *second =
		authority_enter(f.authority, 0, on_granted, &n_second);
	fake_loop_advance(f.loop, 4 * USEC_PER_MIN);
	assert_int_equal(f.n_done + n_second, 0);
	fake_loop_advance(f.loop, 2 * USEC_PER_MIN);
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.code, -EBUSY);
	assert_non_null(strstr(f.text, "1 orders are still under way"));
	assert_int_equal(n_second, 1);
	expect_settled(&f);
	assert_non_null(authority_get_client(f.authority));
	authority_leave(first);
	authority_leave(second);
	teardown(&f);
}

/* An answer that was given with the old key is taken back with it. */
static void test_answers_are_cleaned_up_first(void **state)
{
	struct fixture f;

	setup(&f);
	struct store_account account = load(&f);
	struct store_slot slot = {
		.domain = (char *)"one.test",
		.key_type = (char *)"ecdsa-p256",
		.names = (char *)"one.test",
		.authority = (char *)FAKE_CA_DIRECTORY,
	};
	assert_int_equal(store_slot_add(f.store, &slot, NULL), 0);
	struct store_order order = {
		.slot_id = slot.id,
		.account_id = account.id,
		.names = (char *)"one.test",
		.key_pem = (char *)"key",
		.state = (char *)"authorizations",
		.finished = true,
	};
	assert_int_equal(store_order_add(f.store, &order, NULL), 0);
	struct store_authorization row = {
		.order_id = order.id,
		.name = (char *)"one.test",
		.url = (char *)"https://ca.test/authz/0",
		.challenge = (char *)"http-01",
		.state = (char *)"solve",
		.presented = true,
	};
	assert_int_equal(store_authorization_save(f.store, &row, NULL), 0);
	start(&f, ACCOUNT_CHANGE_KEY);
	fake_loop_advance(f.loop, 4 * USEC_PER_MIN);
	assert_int_equal(f.n_done, 0);
	fake_loop_advance(f.loop, 2 * USEC_PER_MIN);
	assert_int_equal(f.code, -EBUSY);
	assert_non_null(strstr(f.text, "still stand"));
	assert_int_equal(count_changes(&f), 0);
	start(&f, ACCOUNT_CHANGE_KEY);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	row.presented = false;
	assert_int_equal(store_authorization_save(f.store, &row, NULL), 0);
	fake_loop_advance(f.loop, 10 * USEC_PER_SEC);
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.code, 0);
	expect_settled(&f);
	store_account_done(&account);
	teardown(&f);
}

/* After a restart it is settled without anybody's wanting to order. */
static void test_resumed(void **state)
{
	struct fixture f;

	setup(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_MUTE_KEY_CHANGE);
	start(&f, ACCOUNT_CHANGE_KEY);
	for (unsigned n = 0; count_changes(&f) == 0; n++) {
		assert_true(n < TURNS_MAX);
		run_turn(&f);
	}
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	restart(&f);
	authority_resume(f.authority);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_null(authority_get_client(f.authority));
	expect_key_not_lost(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	assert_non_null(authority_get_client(f.authority));
	expect_settled(&f);
	teardown(&f);
}

static void test_no_account(void **state)
{
	struct fixture f;
	struct err err = ERR_INIT;

	setup(&f);
	authority_free(f.authority);
	assert_int_equal(store_close(f.store) == NULL, 1);
	assert_int_equal(store_open(&f.store, ":memory:", 0, NULL), 0);
	open_authority(&f);
	assert_int_equal(account_change_start(&f.change, f.authority,
				 ACCOUNT_CHANGE_KEY, on_changed, &f, &err),
		-ENOENT);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	err_done(&err);
	teardown(&f);
}

/* --- the key, in trouble ----------------------------------------------------------------- */

static void test_refused(void **state)
{
	struct fixture f;

	setup(&f);
	struct store_account before = load(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_NO_KEY_CHANGE);
	run_change(&f, ACCOUNT_CHANGE_KEY);
	assert_int_equal(f.code, -EACCES);
	assert_non_null(strstr(f.text, "change of the account key: the CA refuses"));
	expect_settled(&f);
	struct store_account after = load(&f);
	assert_string_equal(after.key_pem, before.key_pem);
	assert_non_null(authority_get_client(f.authority));
	store_account_done(&before);
	store_account_done(&after);
	teardown(&f);
}

/* The CA takes it, and dies before it says so. */
static void test_taken_without_a_word(void **state)
{
	struct fixture f;

	setup(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_MUTE_KEY_CHANGE);
	run_change(&f, ACCOUNT_CHANGE_KEY);
	assert_int_equal(f.code, 0);
	expect_settled(&f);
	assert_int_equal(count_changes(&f), 1);
	teardown(&f);
}

/* It is not taken, or not yet: the present key works on, the other one is kept a while. */
static void test_not_heard(void **state)
{
	struct fixture f;

	setup(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_DEAF_KEY_CHANGE);
	run_change(&f, ACCOUNT_CHANGE_KEY);
	assert_int_equal(f.code, -ETIMEDOUT);
	assert_non_null(authority_get_client(f.authority));
	expect_key_not_lost(&f);
	struct store_account a = load(&f);
	assert_non_null(a.pending_key_pem);
	store_account_done(&a);
	run_change(&f, ACCOUNT_CHANGE_KEY);
	assert_int_equal(f.code, -EBUSY);
	fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
	expect_settled(&f);
	assert_int_equal(count_changes(&f), 0);
	teardown(&f);
}

/* The CA was slow, and takes it when it has said already that it knows the old key. */
static void test_taken_late(void **state)
{
	for (unsigned n_restarts = 0; n_restarts < 2; n_restarts++) {
		struct fixture f;

		setup(&f);
		fake_ca_set_trouble(f.ca, FAKE_CA_DEAF_KEY_CHANGE);
		run_change(&f, ACCOUNT_CHANGE_KEY);
		assert_int_equal(f.code, -ETIMEDOUT);
		fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
		if (n_restarts)
			restart(&f);
		assert_int_equal(ensure(&f, 0), 0);
		fake_ca_obey_late(f.ca);
		expect_key_not_lost(&f);
		fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
		assert_int_equal(ensure(&f, 0), 0);
		expect_settled(&f);
		assert_int_equal(count_changes(&f), 1);
		teardown(&f);
	}
}

/* Nobody can say which key it is: both stay, and nothing is ordered. */
static void test_ca_goes_away(void **state)
{
	struct fixture f;

	setup(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_MUTE_KEY_CHANGE);
	start(&f, ACCOUNT_CHANGE_KEY);
	for (unsigned n = 0; count_changes(&f) == 0; n++) {
		assert_true(n < TURNS_MAX);
		run_turn(&f);
	}
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
	assert_int_equal(f.n_done, 1);
	assert_true(f.code < 0);
	assert_non_null(strstr(f.text, "both are kept"));
	assert_null(authority_get_client(f.authority));
	expect_key_not_lost(&f);
	assert_true(ensure(&f, 0) < 0);
	restart(&f);
	assert_true(ensure(&f, 0) < 0);
	expect_key_not_lost(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	assert_int_equal(ensure(&f, 0), 0);
	expect_settled(&f);
	teardown(&f);
}

/* --- killed after every turn ---------------------------------------------------------------- */

/* False: it had ended before. */
static bool kill_after(enum fake_ca_trouble trouble, unsigned n)
{
	struct fixture f;

	setup(&f);
	fake_ca_set_trouble(f.ca, trouble);
	start(&f, ACCOUNT_CHANGE_KEY);
	for (unsigned i = 0; i < n && f.n_done == 0; i++)
		run_turn(&f);
	const bool is_cut = f.n_done == 0;
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	restart(&f);
	expect_key_not_lost(&f);
	/* and once more while it finds out */
	if (authority_ensure_start(&f.ensure, f.authority, 0, on_ensured, &f, NULL) >=
		0)
		for (unsigned i = 0; i < n * 7 % 13; i++)
			run_turn(&f);
	restart(&f);
	expect_key_not_lost(&f);
	assert_int_equal(ensure(&f, 0), 0);
	fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
	assert_int_equal(ensure(&f, 0), 0);
	expect_settled(&f);
	/* it is of use */
	run_change(&f, ACCOUNT_CHANGE_KEY);
	assert_int_equal(f.code, 0);
	expect_settled(&f);
	teardown(&f);
	return is_cut;
}

static void test_killed_after_each_turn(void **state)
{
	static const enum fake_ca_trouble troubles[] = { FAKE_CA_WELL,
		FAKE_CA_MUTE_KEY_CHANGE, FAKE_CA_DEAF_KEY_CHANGE,
		FAKE_CA_NO_KEY_CHANGE };

	for (size_t i = 0; i < ARRAY_SIZE(troubles); i++) {
		unsigned n = 0;

		while (kill_after(troubles[i], n))
			n++;
		assert_true(n > 5);
	}
}

/* --- the disk fails at the nth change, once or for good ---------------------------------------- */

static const struct {
	const char *name;
	enum fault_vfs_kind kind;
	bool for_ever;
} disks[] = {
	{ "full, once", FAULT_VFS_FULL, false },
	{ "broken, once", FAULT_VFS_IO, false },
	{ "full", FAULT_VFS_FULL, true },
	{ "broken", FAULT_VFS_IO, true },
	{ "read-only", FAULT_VFS_READ_ONLY, true },
};

static void ignore(enum log_level level, const char *text, void *userdata)
{
}

/* False: the nth change was never made. */
static bool fail_disk(struct fault_vfs *vfs, size_t i, unsigned n)
{
	_cleanup_(test_tmpdir_freep) char *directory = test_tmpdir_new();
	_cleanup_(freep) char *path = xasprintf("%s/state.db", directory);
	struct fixture f;

	setup_at(&f, path);
	fault_vfs_arm(vfs, disks[i].kind, n, disks[i].for_ever);
	start(&f, ACCOUNT_CHANGE_KEY);
	fake_loop_run_until_idle(f.loop, 5 * USEC_PER_SEC);
	const bool has_failed = fault_vfs_has_failed(vfs);
	expect_key_not_lost(&f);
	fault_vfs_arm(vfs, disks[i].kind, 0, false);
	if (n % 2 == 0)
		restart(&f);
	expect_key_not_lost(&f);
	assert_int_equal(ensure(&f, 0), 0);
	fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
	assert_int_equal(ensure(&f, 0), 0);
	expect_settled(&f);
	teardown(&f);
	return has_failed;
}

static void test_store_fails(void **state)
{
	struct fault_vfs *vfs = fault_vfs_new();

	log_capture(ignore, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		unsigned n = 1;

		test_case(disks[i].name);
		while (fail_disk(vfs, i, n))
			n++;
		assert_true(n > 3);
	}
	fault_vfs_free(vfs);
}

/* --- the configuration changes ----------------------------------------------------------------- */

static void test_authority_goes(void **state)
{
	bool is_cut = true;

	for (unsigned n = 0; is_cut; n++) {
		struct fixture f;

		setup(&f);
		start(&f, ACCOUNT_CHANGE_KEY);
		for (unsigned i = 0; i < n && f.n_done == 0; i++)
			run_turn(&f);
		is_cut = f.n_done == 0;
		assert_true(is_cut || n > 5);
		if (!is_cut) {
			teardown(&f);
			break;
		}
		f.authority = authority_free(f.authority);
		assert_int_equal(f.n_done, 0);
		fake_loop_run_ready(f.loop);
		assert_int_equal(f.n_done, 1);
		assert_int_equal(f.code, -ECANCELED);
		expect_key_not_lost(&f);
		teardown(&f);
	}
}

/* --- the end of an account ------------------------------------------------------------------------ */

static void test_end(void **state)
{
	struct fixture f;

	setup(&f);
	test_log_expect(LOG_LEVEL_ERROR, "is deactivated: it was given up");
	run_change(&f, ACCOUNT_CHANGE_END);
	assert_int_equal(f.code, 0);
	assert_null(authority_get_client(f.authority));
	struct store_account a = load(&f);
	assert_int_equal(a.status, STORE_ACCOUNT_DEACTIVATED);
	assert_false(ca_knows(&f, a.key_pem));
	/* nobody makes another one in silence */
	assert_int_equal(ensure(&f, 0), -EACCES);
	_cleanup_(freep) char *hold = authority_format_hold(f.authority);
	assert_non_null(strstr(hold, "is deactivated: it was given up"));
	assert_non_null(strstr(f.text, "postsealctl account create ca"));
	restart(&f);
	assert_int_equal(ensure(&f, 0), -EACCES);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	/* on the operator's word, with another key */
	assert_int_equal(ensure(&f, AUTHORITY_CREATE), 0);
	struct store_account next = load(&f);
	assert_string_not_equal(next.key_pem, a.key_pem);
	assert_string_not_equal(next.url, a.url);
	assert_int_equal(fake_ca_count_accounts(f.ca), 2);
	store_account_done(&next);
	store_account_done(&a);
	teardown(&f);
}

/* Killed before the answer was stored: the CA says it when it is next asked. */
static void test_end_is_found_out(void **state)
{
	struct fixture f;
	const struct acme_problem problem = {
		.type = ACME_PROBLEM_UNAUTHORIZED,
		.urn = (char *)ACME_URN "unauthorized",
		.status = 401,
	};

	setup(&f);
	fake_ca_accounts_deactivate(fake_ca_get_accounts(f.ca));
	restart(&f);
	assert_int_equal(ensure(&f, 0), 0);
	authority_hear_refusal(f.authority, &problem, false);
	assert_non_null(authority_get_client(f.authority));
	authority_hear_refusal(f.authority, &problem, true);
	assert_null(authority_get_client(f.authority));
	test_log_expect(LOG_LEVEL_ERROR, "is deactivated");
	assert_int_equal(ensure(&f, 0), -EACCES);
	struct store_account a = load(&f);
	assert_int_equal(a.status, STORE_ACCOUNT_DEACTIVATED);
	store_account_done(&a);
	assert_int_equal(ensure(&f, 0), -EACCES);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	teardown(&f);
}

static void test_end_twice(void **state)
{
	struct fixture f;

	setup(&f);
	fake_ca_accounts_deactivate(fake_ca_get_accounts(f.ca));
	test_log_expect(LOG_LEVEL_ERROR, "is deactivated");
	run_change(&f, ACCOUNT_CHANGE_END);
	assert_int_equal(f.code, -EACCES);
	assert_non_null(strstr(f.text, "is deactivated"));
	struct store_account a = load(&f);
	assert_int_equal(a.status, STORE_ACCOUNT_DEACTIVATED);
	store_account_done(&a);
	teardown(&f);
}

/* --- an account that the CA does not know ------------------------------------------------------------ */

static void test_unknown_at_key_change(void **state)
{
	struct fixture f;

	setup(&f);
	fake_ca_accounts_forget(fake_ca_get_accounts(f.ca));
	test_log_expect(LOG_LEVEL_ERROR, "is stopped");
	run_change(&f, ACCOUNT_CHANGE_KEY);
	assert_true(f.code < 0);
	struct store_account a = load(&f);
	assert_int_equal(a.status, STORE_ACCOUNT_STOPPED);
	store_account_done(&a);
	assert_int_equal(ensure(&f, 0), -EACCES);
	assert_non_null(strstr(f.text, "postsealctl account create ca"));
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	/* the operator's word */
	assert_int_equal(ensure(&f, AUTHORITY_CREATE), 0);
	assert_int_equal(fake_ca_count_accounts(f.ca), 2);
	assert_non_null(authority_get_client(f.authority));
	teardown(&f);
}

static void test_doubt_without_cause(void **state)
{
	struct fixture f;
	const struct acme_problem problem = {
		.type = ACME_PROBLEM_UNAUTHORIZED,
		.urn = (char *)ACME_URN "unauthorized",
		.status = 403,
	};

	setup(&f);
	authority_hear_refusal(f.authority, &problem, true);
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	assert_true(ensure(&f, 0) < 0);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	assert_int_equal(ensure(&f, 0), 0);
	assert_non_null(authority_get_client(f.authority));
	expect_settled(&f);
	teardown(&f);
}

int main(void)
{
	/* Thousands of syncs, and none of them has to survive anything. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	const struct CMUnitTest tests[] = {
		test_with_log(test_key),
		test_with_log(test_orders_end_first),
		test_with_log(test_orders_do_not_end),
		test_with_log(test_answers_are_cleaned_up_first),
		test_with_log(test_resumed),
		test_with_log(test_no_account),
		test_with_log(test_refused),
		test_with_log(test_taken_without_a_word),
		test_with_log(test_not_heard),
		test_with_log(test_taken_late),
		test_with_log(test_ca_goes_away),
		test_with_log(test_killed_after_each_turn),
		cmocka_unit_test(test_store_fails),
		test_with_log(test_authority_goes),
		test_with_log(test_end),
		test_with_log(test_end_is_found_out),
		test_with_log(test_end_twice),
		test_with_log(test_unknown_at_key_change),
		test_with_log(test_doubt_without_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
