/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An authority at work against a CA without a network: its account, a key that somebody
 * brings along, and the gate of max_orders. */
#include <errno.h>
#include <string.h>

#include "core/accounts/authorities.h"
#include "pki/key.h"
#include "tests/lib/fake_ca.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/unit/core/notes.h"
#include "util/mem.h"

#define CONF(max_orders)                                  \
	"authority ca {\n directory = " FAKE_CA_DIRECTORY \
	"\n agree_to_terms = yes\n max_orders = " #max_orders "\n}\n"

struct fixture {
	struct loop *loop;
	struct fake_ca *ca;
	struct http_client *http;
	struct store *store;
	struct plugin_host *host;
	struct conf *conf;
	struct events *events;
	struct authority *authority;
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

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .loop = fake_loop_new() };
	f->ca = fake_ca_new(f->loop);
	f->http = fake_ca_new_client(f->ca);
	f->host = notes_new_host(f->loop);
	f->conf = notes_load(f->host, CONF(2));
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	f->events = events_new(&(struct events_params){
		.store = f->store,
		.loop = f->loop,
		.keep = 100,
	});
	open_authority(f);
}

static void teardown(struct fixture *f)
{
	authority_free(f->authority);
	events_free(f->events);
	store_close(f->store);
	conf_unref(f->conf);
	plugin_host_free(f->host);
	http_client_free(f->http);
	fake_ca_free(f->ca);
	loop_free(f->loop);
}

/* --- waiting for the account ------------------------------------------------------------- */

struct waiter {
	struct authority_ensure *op;
	unsigned n_done;
	int code;
	char *text;
	bool drops; /* cancels inside done */
};

static void on_ensured(const struct err *err, void *userdata)
{
	struct waiter *w = userdata;

	w->n_done++;
	w->code = err ? err->code : 0;
	free(w->text);
	w->text = err ? err_format(err) : NULL;
	if (w->drops)
		w->op = authority_ensure_cancel(w->op);
}

static int ensure(struct fixture *f, struct waiter *w, unsigned flags)
{
	struct err err = ERR_INIT;
	int r = authority_ensure_start(
		&w->op, f->authority, flags, on_ensured, w, &err);

	if (r < 0) {
		free(w->text);
		w->text = err_format(&err);
	}
	err_done(&err);
	return r;
}

static void waiter_done(struct waiter *w)
{
	authority_ensure_cancel(w->op);
	free(w->text);
	*w = (struct waiter){ 0 };
}

static void ensure_now(struct fixture *f)
{
	struct waiter w = { 0 };

	assert_int_equal(ensure(f, &w, 0), 0);
	fake_loop_run_until_idle(f->loop, USEC_PER_MIN);
	assert_int_equal(w.n_done, 1);
	assert_int_equal(w.code, 0);
	waiter_done(&w);
}

static void assert_row(struct fixture *f, enum store_account_status status)
{
	struct store_account account = { 0 };

	assert_int_equal(
		store_account_load(f->store, "ca", FAKE_CA_DIRECTORY, &account, NULL),
		0);
	assert_int_equal(account.status, status);
	assert_int_equal(account.url != NULL, status != STORE_ACCOUNT_NEW);
	store_account_done(&account);
}

static void test_one_registration_for_all(void **state)
{
	struct fixture f;
	struct waiter w[3] = { { .drops = true } };

	setup(&f);
	for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
		assert_int_equal(ensure(&f, &w[i], 0), 0);
		assert_int_equal(w[i].n_done, 0);
	}
	assert_null(authority_get_client(f.authority));
	w[1].op = authority_ensure_cancel(w[1].op);
	fake_loop_run_until_idle(f.loop, USEC_PER_MIN);
	assert_int_equal(w[0].n_done, 1);
	assert_int_equal(w[1].n_done, 0);
	assert_int_equal(w[2].n_done, 1);
	assert_int_equal(w[2].code, 0);
	assert_null(w[0].op);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	assert_non_null(authority_get_client(f.authority));
	assert_non_null(authority_get_thumbprint(f.authority));
	assert_row(&f, STORE_ACCOUNT_VALID);
	/* one that comes later hears it on a later turn, too */
	waiter_done(&w[2]);
	assert_int_equal(ensure(&f, &w[2], 0), 0);
	assert_int_equal(w[2].n_done, 0);
	fake_loop_run_ready(f.loop);
	assert_int_equal(w[2].n_done, 1);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		waiter_done(&w[i]);
	teardown(&f);
}

/* Everybody who waited may have gone: the account is still found and kept. */
static void test_nobody_waits_any_more(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };

	setup(&f);
	assert_int_equal(ensure(&f, &w, 0), 0);
	waiter_done(&w);
	fake_loop_run_until_idle(f.loop, USEC_PER_MIN);
	assert_row(&f, STORE_ACCOUNT_VALID);
	assert_non_null(authority_get_client(f.authority));
	teardown(&f);
}

static void test_key_is_stored_first(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };
	struct store_account before = { 0 }, after = { 0 };

	setup(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	assert_int_equal(ensure(&f, &w, 0), 0);
	/* the key is made and stored, and the CA has not answered yet */
	assert_true(fake_loop_run_one(f.loop));
	assert_row(&f, STORE_ACCOUNT_NEW);
	store_account_load(f.store, "ca", FAKE_CA_DIRECTORY, &before, NULL);
	fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
	assert_int_equal(w.n_done, 1);
	assert_true(w.code < 0);
	assert_row(&f, STORE_ACCOUNT_NEW);
	assert_null(authority_get_client(f.authority));
	waiter_done(&w);
	/* killed, and started anew: the same key */
	authority_free(f.authority);
	open_authority(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	ensure_now(&f);
	store_account_load(f.store, "ca", FAKE_CA_DIRECTORY, &after, NULL);
	assert_string_equal(before.key_pem, after.key_pem);
	assert_int_equal(before.id, after.id);
	store_account_done(&before);
	store_account_done(&after);
	teardown(&f);
}

static void test_stored_account_needs_no_request(void **state)
{
	struct fixture f;

	setup(&f);
	ensure_now(&f);
	authority_free(f.authority);
	open_authority(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	ensure_now(&f);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	teardown(&f);
}

static void test_stopped(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };

	setup(&f);
	authority_stop_account(f.authority, "there is none yet");
	ensure_now(&f);
	test_log_expect(LOG_LEVEL_ERROR, "is stopped: it is not known");
	authority_stop_account(f.authority, "it is not known");
	authority_stop_account(f.authority, "a second time says nothing");
	assert_row(&f, STORE_ACCOUNT_STOPPED);
	assert_null(authority_get_client(f.authority));
	assert_int_equal(ensure(&f, &w, 0), -EACCES);
	assert_non_null(strstr(w.text, "it is not known"));
	assert_non_null(strstr(w.text, "postsealctl account create ca"));
	/* also after a restart */
	authority_free(f.authority);
	open_authority(&f);
	assert_int_equal(ensure(&f, &w, 0), -EACCES);
	assert_null(w.op);
	assert_int_equal(ensure(&f, &w, AUTHORITY_CREATE), 0);
	fake_loop_run_until_idle(f.loop, USEC_PER_MIN);
	assert_int_equal(w.n_done, 1);
	assert_int_equal(w.code, 0);
	assert_row(&f, STORE_ACCOUNT_VALID);
	waiter_done(&w);
	teardown(&f);
}

/* What the CA said and the store did not take is asked again, not half believed. */
static void test_answer_that_cannot_be_stored(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };

	setup(&f);
	assert_int_equal(ensure(&f, &w, 0), 0);
	/* a rollback inside fails the outermost commit: as good as a full disk */
	assert_int_equal(store_begin(f.store, NULL), 0);
	fake_loop_run_until_idle(f.loop, USEC_PER_MIN);
	store_rollback(f.store);
	waiter_done(&w);
	authority_free(f.authority);
	open_authority(&f);
	ensure_now(&f);
	assert_row(&f, STORE_ACCOUNT_VALID);
	teardown(&f);
}

/* --- the configuration changes -------------------------------------------------------------- */

static void test_gone_while_waiting(void **state)
{
	struct fixture f;
	struct waiter w[3] = { { .drops = true } };

	setup(&f);
	ensure_now(&f);
	/* one is about to hear that all is well */
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		assert_int_equal(ensure(&f, &w[i], 0), 0);
	f.authority = authority_free(f.authority);
	w[1].op = authority_ensure_cancel(w[1].op);
	fake_loop_run_ready(f.loop);
	assert_int_equal(w[0].code, -ECANCELED);
	assert_int_equal(w[1].n_done, 0);
	assert_int_equal(w[2].code, -ECANCELED);
	assert_non_null(strstr(w[2].text, "has changed"));
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		waiter_done(&w[i]);
	teardown(&f);
}

static void test_follow(void **state)
{
	struct fixture f;
	struct authorities *all;
	struct conf *same, *other;

	setup(&f);
	same = notes_load(f.host, "admin_contact = a@b.test\n" CONF(2));
	other = notes_load(f.host, CONF(3));
	all = authorities_new(&(struct authorities_params){
		.loop = f.loop,
		.store = f.store,
		.events = f.events,
	});
	assert_false(authorities_is_stale(all, other));
	struct authority *a = authorities_get(
		all, f.conf, conf_get_block(f.conf, "authority", 0), NULL);
	assert_non_null(a);
	assert_string_equal(authority_get_name(a), "ca");
	assert_ptr_equal(authorities_get(all, f.conf, authority_get_block(a), NULL), a);
	assert_false(authorities_is_stale(all, same));
	assert_true(authorities_is_stale(all, other));
	authorities_follow(all, same);
	assert_true(authorities_is_stale(all, other));
	authorities_follow(all, other);
	assert_false(authorities_is_stale(all, other));
	authorities_free(all);
	assert_true(authority_is_current(
		f.authority, conf_get_block(same, "authority", 0)));
	assert_false(authority_is_current(
		f.authority, conf_get_block(other, "authority", 0)));
	conf_unref(same);
	conf_unref(other);
	teardown(&f);
}

/* --- a key that somebody brings along --------------------------------------------------------- */

static char *make_key(void)
{
	_cleanup_(key_freep) struct key *key = NULL;
	char *pem = NULL;

	assert_int_equal(key_generate(&key, KEY_ECDSA_P256, NULL), 0);
	assert_int_equal(key_format_pem(key, &pem, NULL), 0);
	return pem;
}

static int import(struct fixture *f, const char *pem)
{
	return authority_import_key(f->authority, pem, strlen(pem), NULL);
}

static void assert_key(struct fixture *f, const char *pem)
{
	struct store_account account = { 0 };

	assert_int_equal(
		store_account_load(f->store, "ca", FAKE_CA_DIRECTORY, &account, NULL),
		0);
	assert_string_equal(account.key_pem, pem);
	store_account_done(&account);
}

static int count_row(const struct store_account *account, void *userdata)
{
	(*(unsigned *)userdata)++;
	return 0;
}

static void test_import(void **state)
{
	struct fixture f;
	_cleanup_(secret_freep) char *first = make_key();
	_cleanup_(secret_freep) char *second = make_key();
	struct waiter w = { 0 };
	unsigned n = 0;

	setup(&f);
	assert_true(import(&f, "no key at all") < 0);
	assert_int_equal(store_account_each(f.store, count_row, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(import(&f, first), 0);
	assert_key(&f, first);
	/* nothing was registered with it: another may take its place */
	assert_int_equal(import(&f, second), 0);
	assert_key(&f, second);
	assert_int_equal(store_account_each(f.store, count_row, &n, NULL), 0);
	assert_int_equal(n, 2);
	/* not under a registration */
	assert_int_equal(ensure(&f, &w, 0), 0);
	assert_int_equal(import(&f, first), -EBUSY);
	fake_loop_run_until_idle(f.loop, USEC_PER_MIN);
	assert_int_equal(w.n_done, 1);
	assert_int_equal(w.code, 0);
	waiter_done(&w);
	assert_key(&f, second);
	/* and never over a valid one */
	assert_int_equal(import(&f, first), -EEXIST);
	assert_key(&f, second);
	assert_row(&f, STORE_ACCOUNT_VALID);
	teardown(&f);
}

static void on_granted_silently(void *userdata)
{
}

static void test_import_for_a_stopped_account(void **state)
{
	struct fixture f;
	_cleanup_(secret_freep) char *key = make_key();

	setup(&f);
	ensure_now(&f);
	test_log_expect(LOG_LEVEL_ERROR, "is stopped");
	authority_stop_account(f.authority, "it is not known");
	struct authority_ticket *ticket =
		authority_enter(f.authority, 0, on_granted_silently, NULL);
	assert_int_equal(import(&f, key), -EBUSY);
	authority_leave(ticket);
	assert_true(import(&f, "no key at all") < 0);
	assert_row(&f, STORE_ACCOUNT_STOPPED);
	assert_int_equal(import(&f, key), 0);
	assert_key(&f, key);
	ensure_now(&f);
	assert_key(&f, key);
	assert_row(&f, STORE_ACCOUNT_VALID);
	teardown(&f);
}

/* --- the gate of max_orders -------------------------------------------------------------------- */

struct visitor {
	struct fixture *f;
	struct authority_ticket *ticket;
	usec_t urgency;
	unsigned n_granted;
	bool leaves; /* inside granted */
};

static void on_granted(void *userdata)
{
	struct visitor *v = userdata;

	v->n_granted++;
	if (v->leaves)
		v->ticket = authority_leave(v->ticket);
}

static void enter(struct fixture *f, struct visitor *v)
{
	v->f = f;
	v->ticket = authority_enter(f->authority, v->urgency, on_granted, v);
	assert_int_equal(v->n_granted, 0); /* never before it returned */
}

static void test_gate(void **state)
{
	struct fixture f;
	struct visitor v[6] = { 0 };

	setup(&f);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		enter(&f, &v[i]);
	fake_loop_run_ready(f.loop);
	assert_int_equal(v[0].n_granted + v[1].n_granted, 2);
	assert_int_equal(v[2].n_granted, 0);
	/* one that waits gives up: nobody is let in for it */
	v[3].ticket = authority_leave(v[3].ticket);
	fake_loop_run_ready(f.loop);
	assert_int_equal(v[2].n_granted, 0);
	/* in the order in which they came */
	v[0].ticket = authority_leave(v[0].ticket);
	v[1].ticket = authority_leave(v[1].ticket);
	/* let in, and gone before it heard */
	v[2].ticket = authority_leave(v[2].ticket);
	fake_loop_run_ready(f.loop);
	assert_int_equal(v[2].n_granted, 0);
	assert_int_equal(v[3].n_granted, 0);
	assert_int_equal(v[4].n_granted, 1);
	assert_int_equal(v[5].n_granted, 1);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		authority_leave(v[i].ticket);
	teardown(&f);
}

/* Whoever comes late with a certificate that ends soon goes before those that can wait. */
static void test_gate_by_urgency(void **state)
{
	static const usec_t urgencies[] = { 50, 50, 40, 30, 40, 0, USEC_NEVER, 30 };
	static const unsigned order[] = { 5, 3, 7, 2, 4, 6 };
	struct fixture f;
	struct visitor v[ARRAY_SIZE(urgencies)] = { 0 };

	setup(&f);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i].urgency = urgencies[i];
		enter(&f, &v[i]);
	}
	fake_loop_run_ready(f.loop);
	/* the two places were taken by the first two */
	assert_int_equal(v[0].n_granted + v[1].n_granted, 2);
	v[0].ticket = authority_leave(v[0].ticket);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		fake_loop_run_ready(f.loop);
		assert_int_equal(v[order[i]].n_granted, 1);
		if (i + 1 < ARRAY_SIZE(order))
			assert_int_equal(v[order[i + 1]].n_granted, 0);
		v[order[i]].ticket = authority_leave(v[order[i]].ticket);
	}
	authority_leave(v[1].ticket);
	teardown(&f);
}

static void test_gate_left_inside_granted(void **state)
{
	struct fixture f;
	struct visitor v[50] = { 0 };

	setup(&f);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i].leaves = true;
		enter(&f, &v[i]);
	}
	fake_loop_run_ready(f.loop);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		assert_int_equal(v[i].n_granted, 1);
		assert_null(v[i].ticket);
	}
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_one_registration_for_all),
		test_with_log(test_nobody_waits_any_more),
		test_with_log(test_key_is_stored_first),
		test_with_log(test_stored_account_needs_no_request),
		test_with_log(test_stopped),
		test_with_log(test_answer_that_cannot_be_stored),
		test_with_log(test_gone_while_waiting),
		test_with_log(test_follow),
		test_with_log(test_import),
		test_with_log(test_import_for_a_stopped_account),
		test_with_log(test_gate),
		test_with_log(test_gate_by_urgency),
		test_with_log(test_gate_left_inside_granted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
