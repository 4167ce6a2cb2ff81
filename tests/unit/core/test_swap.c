/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One worker first, a look at it, then the rest: with real front workers. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/workers/sight.h"
#include "core/workers/swap.h"
#include "pki/cert.h"
#include "tests/lib/test_ca.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/core/notes.h"
#include "util/hash.h"
#include "util/mem.h"

#define PROGRAM   "./postseal-front"
#define N_WORKERS 2

struct fixture {
	struct loop *loop;
	struct loop_timer *turn;
	char *directory;
	struct plugin_host *host;
	struct conf *conf;
	struct listeners *listeners;
	struct fleet *fleet;
	struct test_ca *ca;
	struct store_certificate old, new;
	const struct store_certificate *served; /* what look-ups find */
	unsigned n_lookups;
	bool is_ready;

	/* what came of it */
	unsigned n_done;
	char *error;
	bool is_seen, has_looked;
};

static void on_turn(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 0);
}

static void turn(struct fixture *f)
{
	loop_timer_set_after(f->turn, USEC_PER_MSEC);
	assert_int_equal(loop_run(f->loop, NULL), 0);
}

#define until(f, condition)                                        \
	do {                                                       \
		for (int _i = 0; _i < 30000 && !(condition); _i++) \
			turn(f);                                   \
		assert_true(condition);                            \
	} while (0)

static void certify(
	struct fixture *f, struct store_certificate *ret, int64_t id, unsigned flags)
{
	char *const names[] = { (char *)"a.test", (char *)"*.b.test", NULL };
	const struct test_ca_leaf leaf = { .names = names, .flags = flags };
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	char fingerprint[2 * CERT_FINGERPRINT_BYTES + 1];

	*ret = (struct store_certificate){ .id = id };
	test_ca_issue(f->ca, &leaf, &ret->chain_pem, &ret->key_pem);
	assert_int_equal(cert_chain_parse_pem(
				 &chain, ret->chain_pem, strlen(ret->chain_pem), NULL),
		0);
	for (size_t i = 0; i < CERT_FINGERPRINT_BYTES; i++)
		snprintf(fingerprint + 2 * i, 3, "%02x",
			cert_chain_get_fingerprint(chain)[i]);
	ret->fingerprint = xstrdup(fingerprint);
}

static int lookup(const char *name, unsigned client, struct fleet_found *ret,
	void *userdata, struct err *err)
{
	struct fixture *f = userdata;

	f->n_lookups++;
	*ret = (struct fleet_found){
		.certificate_id = (uint64_t)f->served->id,
		.chain_pem = xstrdup(f->served->chain_pem),
		.key_pem = xstrdup(f->served->key_pem),
	};
	return 0;
}

static void names(void (*add)(const char *name, void *add_userdata), void *add_userdata,
	void *userdata)
{
	add("a.test", add_userdata);
	add("*.b.test", add_userdata);
}

static void on_ready(const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	assert_null(err);
	f->is_ready = true;
}

static void setup(struct fixture *f, const char *protocol, unsigned flags)
{
	*f = (struct fixture){ .directory = test_tmpdir_new() };
	_cleanup_(freep) char *text = xasprintf(
		"listener web {\n address = unix:%s/web\n protocol = http\n}\n"
		"listener front {\n address = unix:%s/front\n protocol = %s\n"
		" backend = 127.0.0.1:1\n}\n",
		f->directory, f->directory, protocol);

	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	f->turn = loop_timer_new(f->loop, on_turn, f->loop);
	f->host = notes_new_host(f->loop);
	f->conf = notes_load(f->host, text);
	f->listeners = listeners_new(NULL);
	assert_int_equal(listeners_prepare(f->listeners, f->conf, NULL), 0);
	listeners_commit(f->listeners);
	f->ca = test_ca_new();
	certify(f, &f->old, 1, 0);
	certify(f, &f->new, 2, flags);
	f->served = &f->old;
	const struct fleet_params params = {
		.loop = f->loop,
		.program = PROGRAM,
		.n_workers = N_WORKERS,
		.listeners = f->listeners,
		.lookup = lookup,
		.names = names,
		.userdata = f,
		.max_contexts = 10,
		.max_connections = 10,
	};
	assert_int_equal(fleet_new(&f->fleet, &params, NULL), 0);
	assert_int_equal(fleet_start(f->fleet, on_ready, f, NULL), 0);
	until(f, f->is_ready);
}

static void teardown(struct fixture *f)
{
	fleet_free(f->fleet);
	listeners_free(f->listeners);
	conf_unref(f->conf);
	plugin_host_free(f->host);
	store_certificate_done(&f->old);
	store_certificate_done(&f->new);
	test_ca_free(f->ca);
	test_tmpdir_free(f->directory);
	loop_timer_free(f->turn);
	loop_free(f->loop);
	free(f->error);
}

static void on_done(const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
	f->error = err ? err_format(err) : NULL;
}

static struct swap *start(struct fixture *f, bool is_rsa)
{
	static char *const list[] = { (char *)"a.test", (char *)"*.b.test", NULL };
	const struct swap_params params = {
		.loop = f->loop,
		.fleet = f->fleet,
		.listeners = f->listeners,
		.certificate = &f->new,
		.names = list,
		.is_rsa = is_rsa,
	};
	struct swap *op;

	assert_int_equal(swap_start(&op, &params, on_done, f, NULL), 0);
	assert_int_equal(f->n_done, 0);
	return op;
}

static void swap(struct fixture *f, bool is_rsa)
{
	struct swap *op = start(f, is_rsa);

	until(f, f->n_done > 0);
	swap_cancel(op);
}

static void on_sight(const char *reason, void *userdata)
{
	struct fixture *f = userdata;

	f->is_seen = !reason;
	f->has_looked = true;
}

/* Whoever of the workers takes the connection: often enough, it is each of them. */
static bool is_served(
	struct fixture *f, const struct store_certificate *certificate, bool is_rsa)
{
	_cleanup_(freep) char *text = xasprintf("unix:%s/front", f->directory);
	struct sight_params params = {
		.loop = f->loop,
		.name = "x.b.test",
		.fingerprint = certificate->fingerprint,
		.is_rsa = is_rsa,
	};
	struct sight *op;

	assert_int_equal(address_parse(text, &params.address, NULL), 0);
	f->has_looked = false;
	assert_int_equal(sight_start(&op, &params, on_sight, f, NULL), 0);
	until(f, f->has_looked);
	sight_cancel(op);
	return f->is_seen;
}

static bool is_always_served(
	struct fixture *f, const struct store_certificate *certificate, bool is_rsa)
{
	for (int i = 0; i < 10; i++)
		if (!is_served(f, certificate, is_rsa))
			return false;
	return true;
}

static void test_well(void **state)
{
	static const unsigned flags[] = { 0, TEST_CA_RSA };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		bool is_rsa = flags[i] == TEST_CA_RSA;
		struct fixture f;

		setup(&f, "imap", flags[i]);
		assert_true(is_always_served(&f, &f.old, false));
		swap(&f, is_rsa);
		assert_null(f.error);
		f.n_lookups = 0;
		assert_true(is_always_served(&f, &f.new, is_rsa));
		assert_int_equal(f.n_lookups, 0);
		teardown(&f);
	}
}

/* The worker shows another certificate than the one that is wanted: it forgets it, no
 * other ever has it, and what was served before is served again. */
static void test_not_seen(void **state)
{
	struct fixture f;

	setup(&f, "imap", 0);
	memset(f.new.fingerprint, 'a', 2 * CERT_FINGERPRINT_BYTES);
	swap(&f, false);
	assert_non_null(strstr(
		f.error, "a.test, at the first worker: another certificate is served"));
	assert_true(is_always_served(&f, &f.old, false));
	teardown(&f);
}

/* What a worker does not take is not looked at. */
static void test_refused(void **state)
{
	struct fixture f;

	setup(&f, "imap", TEST_CA_WRONG_KEY);
	swap(&f, false);
	assert_non_null(strstr(f.error, "front worker 1: "));
	assert_true(is_always_served(&f, &f.old, false));
	teardown(&f);
}

static void test_nothing_to_look_at(void **state)
{
	struct fixture f;

	setup(&f, "http", 0);
	memset(f.new.fingerprint, 'a', 2 * CERT_FINGERPRINT_BYTES);
	swap(&f, false);
	assert_null(f.error);
	teardown(&f);
}

static void test_cancel(void **state)
{
	struct fixture f;

	for (int turns = 0; turns < 12; turns++) {
		setup(&f, "imap", 0);
		struct swap *op = start(&f, false);
		for (int i = 0; i < turns && f.n_done == 0; i++)
			turn(&f);
		unsigned n_done = f.n_done;
		swap_cancel(op);
		for (int i = 0; i < 5; i++)
			turn(&f);
		assert_int_equal(f.n_done, n_done);
		teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_well),
		test_with_log(test_not_seen),
		test_with_log(test_refused),
		test_with_log(test_nothing_to_look_at),
		test_with_log(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
