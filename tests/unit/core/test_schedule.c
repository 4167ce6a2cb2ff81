/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When jobs are started, how many, who hears of their end, and what a reload and the end
 * do to them. The jobs are real; their CA is one that never answers, unless told. */
#include <errno.h>
#include <string.h>

#include "core/accounts/authority.h"
#include "core/schedule.h"
#include "core/wanted/slots.h"
#include "store/certificate.h"
#include "store/slot.h"
#include "tests/lib/fake_ca.h"
#include "tests/lib/fake_http.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/unit/core/notes.h"
#include "util/mem.h"

#define AUTHORITY                                         \
	"authority ca {\n directory = " FAKE_CA_DIRECTORY \
	"\n agree_to_terms = yes\n max_orders = 1\n}\n"   \
	"policy default {\n authority = ca\n}\n"
#define AUTHORITY_SLOW                                    \
	"authority ca {\n directory = " FAKE_CA_DIRECTORY \
	"\n agree_to_terms = yes\n max_orders = 2\n}\n"   \
	"policy default {\n authority = ca\n}\n"
#define ONE   "domain one.test {\n}\n"
#define TWO   "domain two.test {\n}\n"
#define THREE "domain three.test {\n}\n"

struct fixture {
	struct loop *loop;
	struct fake_ca *ca;
	struct http_client *http;
	struct store *store;
	struct plugin_host *host;
	struct conf *conf;
	struct instances *instances;
	struct events *events;
	struct served *served;
	struct authority *authority;
	bool has_no_authority;
	struct job_env env;
	struct schedule *schedule;
};

static void never_answer(const struct fake_http_request *req,
	struct fake_http_answer *answer, void *userdata)
{
	answer->is_never = true;
}

static struct authority *get_authority(
	const struct conf_block *block, void *userdata, struct err *err)
{
	struct fixture *f = userdata;
	struct authority_params params = {
		.loop = f->loop,
		.store = f->store,
		.events = f->events,
		.conf = f->conf,
		.block = block,
		.http = f->http,
	};

	if (f->has_no_authority) {
		err_set(err, -EIO, "there is no authority today");
		return NULL;
	}
	if (!f->authority)
		assert_int_equal(authority_new(&f->authority, &params, err), 0);
	return f->authority;
}

static void follow_slots(struct fixture *f)
{
	struct slots_change change;

	assert_int_equal(
		slots_follow(f->store, f->conf, loop_wall_now(f->loop), &change, NULL),
		0);
}

/* has_ca: one that answers. */
static void setup(struct fixture *f, const char *conf, bool has_ca)
{
	*f = (struct fixture){ .loop = fake_loop_new() };
	f->ca = fake_ca_new(f->loop);
	f->http = has_ca ? fake_ca_new_client(f->ca)
			 : fake_http_new(f->loop, never_answer, NULL);
	f->host = notes_new_host(f->loop);
	f->conf = notes_load(f->host, conf);
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	f->instances = instances_new(f->host, NULL);
	instances_follow(f->instances, f->conf);
	f->events = events_new(&(struct events_params){
		.store = f->store,
		.loop = f->loop,
		.keep = 1000,
	});
	f->served = served_new(f->store);
	f->env = (struct job_env){
		.loop = f->loop,
		.store = f->store,
		.conf = f->conf,
		.events = f->events,
		.instances = f->instances,
		.served = f->served,
		.get_authority = get_authority,
		.userdata = f,
	};
	follow_slots(f);
	f->schedule = schedule_new(&f->env);
}

static void teardown(struct fixture *f)
{
	schedule_free(f->schedule);
	authority_free(f->authority);
	served_free(f->served);
	events_free(f->events);
	instances_free(f->instances);
	store_close(f->store);
	conf_unref(f->conf);
	plugin_host_free(f->host);
	http_client_free(f->http);
	fake_ca_free(f->ca);
	loop_free(f->loop);
	notes_reset();
}

static struct store_slot find_slot(struct fixture *f, const char *domain)
{
	struct store_slot slot = { 0 };

	assert_int_equal(
		store_slot_find(f->store, domain, "ecdsa-p256", &slot, NULL), 0);
	return slot;
}

static int64_t find_id(struct fixture *f, const char *domain)
{
	struct store_slot slot = find_slot(f, domain);
	int64_t id = slot.id;

	store_slot_done(&slot);
	return id;
}

static void set_due_in(struct fixture *f, const char *domain, usec_t usec)
{
	assert_int_equal(store_slot_set_due(f->store, find_id(f, domain),
				 loop_wall_now(f->loop) + usec, NULL),
		0);
}

static bool is_running(struct fixture *f, const char *domain)
{
	return schedule_find(f->schedule, find_id(f, domain)) != NULL;
}

/* --- when ------------------------------------------------------------------------------------ */

static void test_each_at_its_time(void **state)
{
	struct fixture f;

	setup(&f, AUTHORITY ONE TWO, false);
	set_due_in(&f, "one.test", 2 * USEC_PER_HOUR);
	set_due_in(&f, "two.test", USEC_PER_HOUR);
	schedule_run(f.schedule);
	assert_int_equal(schedule_count(f.schedule), 0);
	/* one timer, however many wait */
	assert_int_equal(fake_loop_count(f.loop), 1);
	fake_loop_advance(f.loop, USEC_PER_HOUR - 1);
	assert_int_equal(schedule_count(f.schedule), 0);
	fake_loop_advance(f.loop, 1);
	assert_true(is_running(&f, "two.test"));
	assert_false(is_running(&f, "one.test"));
	assert_string_equal(
		job_get_state_text(schedule_find(f.schedule, find_id(&f, "two.test"))),
		"making sure of the account");
	teardown(&f);
}

static void test_clock_is_set(void **state)
{
	struct fixture f;

	setup(&f, AUTHORITY ONE, false);
	set_due_in(&f, "one.test", 30 * USEC_PER_DAY);
	schedule_run(f.schedule);
	fake_loop_set_wall(f.loop, loop_wall_now(f.loop) + 31 * USEC_PER_DAY);
	fake_loop_run_ready(f.loop);
	assert_true(is_running(&f, "one.test"));
	teardown(&f);
}

static void test_nothing_is_due_ever(void **state)
{
	struct fixture f;

	setup(&f, AUTHORITY, false);
	schedule_run(f.schedule);
	assert_int_equal(fake_loop_next(f.loop), USEC_NEVER);
	teardown(&f);
}

/* More than JOBS_MAX are due at once. */
static void test_bounded(void **state)
{
	_cleanup_(freep) char *text = NULL;
	struct fixture f;

	for (unsigned i = 0; i < 600; i++) {
		_cleanup_(freep) char *before = text;
		text = xasprintf(
			"%sdomain d%u.test {\n}\n", before ? before : AUTHORITY, i);
	}
	setup(&f, text, false);
	schedule_run(f.schedule);
	assert_int_equal(schedule_count(f.schedule), 512);
	/* those that are left come in when there is room */
	fake_loop_advance(f.loop, 40 * USEC_PER_SEC);
	assert_int_equal(schedule_count(f.schedule), 88);
	teardown(&f);
}

static void test_put_off(void **state)
{
	struct fixture f;
	struct store_slot slot;

	setup(&f, AUTHORITY ONE, false);
	f.has_no_authority = true;
	test_log_expect(LOG_LEVEL_ERROR, "put off for an hour: there is no authority");
	schedule_run(f.schedule);
	assert_int_equal(schedule_count(f.schedule), 0);
	slot = find_slot(&f, "one.test");
	assert_int_equal(slot.due_usec, loop_wall_now(f.loop) + USEC_PER_HOUR);
	store_slot_done(&slot);
	f.has_no_authority = false;
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	assert_int_equal(schedule_count(f.schedule), 1);
	teardown(&f);
}

/* --- the operator's word ------------------------------------------------------------------------ */

static void test_start(void **state)
{
	struct fixture f;
	int64_t id;

	setup(&f, AUTHORITY ONE, false);
	id = find_id(&f, "one.test");
	set_due_in(&f, "one.test", USEC_PER_DAY);
	assert_int_equal(schedule_start(f.schedule, id, JOB_FORCED, NULL), 0);
	assert_int_equal(schedule_start(f.schedule, id, JOB_FORCED, NULL), -EBUSY);
	assert_int_equal(schedule_count(f.schedule), 1);
	assert_int_equal(schedule_start(f.schedule, id + 1, 0, NULL), -ENOENT);
	assert_int_equal(schedule_count(f.schedule), 1);
	schedule_stop(f.schedule);
	assert_int_equal(schedule_start(f.schedule, id, 0, NULL), -ESHUTDOWN);
	schedule_run(f.schedule);
	assert_int_equal(schedule_count(f.schedule), 0);
	assert_int_equal(fake_loop_next(f.loop), USEC_NEVER);
	teardown(&f);
}

struct watcher {
	struct schedule_watch *watch;
	struct watcher *other; /* dropped, too, when this one is told */
	unsigned n_told;
	bool ok;
};

static void on_told(bool ok, void *userdata)
{
	struct watcher *w = userdata;

	w->n_told++;
	w->ok = ok;
	w->watch = schedule_unwatch(w->watch);
	if (w->other)
		w->other->watch = schedule_unwatch(w->other->watch);
}

static void watch(struct fixture *f, struct watcher *w, const char *domain)
{
	w->watch = schedule_watch(f->schedule, find_id(f, domain), on_told, w);
}

static void test_watch(void **state)
{
	struct fixture f;
	struct watcher w[4] = { 0 };

	setup(&f, AUTHORITY ONE TWO, false);
	set_due_in(&f, "two.test", USEC_PER_DAY);
	schedule_run(f.schedule);
	w[0].other = &w[1];
	watch(&f, &w[0], "one.test");
	watch(&f, &w[1], "one.test");
	watch(&f, &w[2], "one.test");
	watch(&f, &w[3], "two.test");
	test_log_expect(LOG_LEVEL_WARNING, "next try");
	fake_loop_advance(f.loop, 40 * USEC_PER_SEC);
	assert_int_equal(w[0].n_told, 1);
	assert_false(w[0].ok);
	assert_int_equal(w[1].n_told, 0);
	assert_int_equal(w[2].n_told, 1);
	assert_int_equal(w[3].n_told, 0);
	/* told once, and the schedule's end tells nobody */
	f.schedule = schedule_free(f.schedule);
	assert_int_equal(w[3].n_told, 0);
	schedule_unwatch(w[3].watch);
	teardown(&f);
}

/* The handle belongs to who holds it, told or not. */
static void keep_watch(bool ok, void *userdata)
{
	(*(unsigned *)userdata)++;
}

static void test_watch_is_kept(void **state)
{
	struct fixture f;
	struct schedule_watch *kept;
	unsigned n = 0;

	setup(&f, AUTHORITY ONE, false);
	schedule_run(f.schedule);
	kept = schedule_watch(f.schedule, find_id(&f, "one.test"), keep_watch, &n);
	schedule_stop(f.schedule);
	assert_int_equal(n, 1);
	schedule_stop(f.schedule);
	assert_int_equal(n, 1);
	schedule_unwatch(kept);
	teardown(&f);
}

/* --- reload --------------------------------------------------------------------------------------- */

static void test_follow(void **state)
{
	struct fixture f;
	struct watcher w[3] = { 0 };
	struct store_slot slot;
	struct conf *conf;

	setup(&f, AUTHORITY ONE TWO THREE, false);
	schedule_run(f.schedule);
	assert_int_equal(schedule_count(f.schedule), 3);
	watch(&f, &w[0], "one.test");
	watch(&f, &w[1], "two.test");
	watch(&f, &w[2], "three.test");
	/* one as it was, two otherwise, three gone */
	conf = notes_load(
		f.host, AUTHORITY ONE "domain two.test {\n self_check = off\n}\n");
	schedule_follow(f.schedule, conf, false);
	assert_true(is_running(&f, "one.test"));
	assert_false(is_running(&f, "two.test"));
	assert_false(is_running(&f, "three.test"));
	assert_int_equal(w[0].n_told, 0);
	assert_int_equal(w[1].n_told, 1);
	assert_false(w[1].ok);
	assert_int_equal(w[2].n_told, 1);
	/* what was charged before the CA was asked is not held against it */
	slot = find_slot(&f, "two.test");
	assert_int_equal(slot.due_usec, loop_wall_now(f.loop));
	store_slot_done(&slot);
	/* the authority's block is a part of the slice */
	conf_unref(conf);
	conf = notes_load(f.host, AUTHORITY_SLOW ONE);
	schedule_follow(f.schedule, conf, false);
	assert_int_equal(schedule_count(f.schedule), 0);
	assert_int_equal(w[0].n_told, 1);
	conf_unref(conf);
	teardown(&f);
}

static bool is_waiting(struct fixture *f, const char *domain)
{
	const struct job *job = schedule_find(f->schedule, find_id(f, domain));

	return job &&
	       strcmp(job_get_state_text(job), "waiting for a place at the CA") == 0;
}

/* However many reloads there are while it waits: the last configuration is what it goes on
 * with, and those between are not kept for it. */
static void test_follow_while_it_waits(void **state)
{
	static const char *const names[] = { "one.test", "two.test", "three.test" };
	struct fixture f;
	unsigned n_waiting = 0;

	setup(&f, AUTHORITY ONE TWO THREE, true);
	schedule_run(f.schedule);
	while (fake_ca_count_orders(f.ca) == 0)
		assert_true(fake_loop_run_next(f.loop));
	struct conf *conf = notes_load(f.host, AUTHORITY ONE TWO THREE);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool was_waiting = is_waiting(&f, names[i]);

		n_waiting += was_waiting;
		schedule_follow(f.schedule, conf, false);
		assert_ptr_equal(
			job_get_conf(schedule_find(f.schedule, find_id(&f, names[i]))),
			was_waiting ? conf : f.conf);
	}
	assert_in_range(n_waiting, 1, 2);
	conf_unref(f.conf);
	f.conf = f.env.conf = conf;
	/* To their end, which this CA makes the same for all. */
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		test_log_expect(LOG_LEVEL_ERROR, "no challenge is possible");
	fake_loop_advance(f.loop, 10 * USEC_PER_SEC);
	assert_int_equal(fake_ca_count_orders(f.ca), 3);
	teardown(&f);
}

/* --- jobs at one authority ---------------------------------------------------------------------------- */

/* The first finds out that the account is gone; the others, which have passed that check
 * and wait for their place, must not go on without it. All are held. */
static void test_account_goes_while_others_wait(void **state)
{
	struct fixture f;

	setup(&f, AUTHORITY ONE TWO THREE, true);
	fake_ca_set_trouble(f.ca, FAKE_CA_NO_ACCOUNT);
	test_log_expect(LOG_LEVEL_ERROR, "records that name it");
	for (unsigned i = 0; i < 3; i++)
		test_log_expect(LOG_LEVEL_ERROR, "register anew by");
	schedule_run(f.schedule);
	fake_loop_advance(f.loop, 10 * USEC_PER_SEC);
	assert_int_equal(schedule_count(f.schedule), 0);
	assert_int_equal(fake_ca_count_orders(f.ca), 0);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	teardown(&f);
}

static void give_certificate(struct fixture *f, const char *domain, usec_t ends_in)
{
	struct store_slot slot = find_slot(f, domain);
	usec_t now = loop_wall_now(f->loop);
	struct store_certificate c = {
		.slot_id = slot.id,
		.authority = (char *)"elsewhere",
		.names = slot.names,
		.chain_pem = (char *)"none",
		.key_pem = (char *)"none",
		.serial = (char *)"1",
		.fingerprint = (char *)"1",
		.issuer = (char *)"CN=x",
		.not_before_usec = now - USEC_PER_DAY,
		.not_after_usec = now + ends_in,
		.state = STORE_CERTIFICATE_SERVED,
	};

	assert_int_equal(store_certificate_add(f->store, &c, NULL), 0);
	slot.certificate_id = c.id;
	assert_int_equal(store_slot_save(f->store, &slot, NULL), 0);
	store_slot_done(&slot);
}

/* All are due at once: what ends first comes first to the CA, whoever was due first. */
static void test_most_urgent_first(void **state)
{
	struct fixture f;

	setup(&f, AUTHORITY ONE TWO THREE "domain four.test {\n}\n", true);
	give_certificate(&f, "one.test", 20 * USEC_PER_DAY);
	give_certificate(&f, "two.test", 2 * USEC_PER_DAY);
	give_certificate(&f, "three.test", 30 * USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	set_due_in(&f, "three.test", 0);
	schedule_run(f.schedule);
	/* it cannot be validated: the challenge here is none that the CA offers */
	fake_loop_advance(f.loop, 20 * USEC_PER_SEC);
	assert_string_equal(fake_ca_get_order_name(f.ca, 0), "four.test");
	assert_string_equal(fake_ca_get_order_name(f.ca, 1), "two.test");
	assert_string_equal(fake_ca_get_order_name(f.ca, 2), "one.test");
	assert_string_equal(fake_ca_get_order_name(f.ca, 3), "three.test");
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_each_at_its_time),
		test_with_log(test_clock_is_set),
		test_with_log(test_nothing_is_due_ever),
		/* hundreds of jobs fail, and say so */
		cmocka_unit_test(test_bounded),
		test_with_log(test_put_off),
		test_with_log(test_start),
		test_with_log(test_watch),
		test_with_log(test_watch_is_kept),
		test_with_log(test_follow),
		test_with_log(test_follow_while_it_waits),
		test_with_log(test_account_goes_while_others_wait),
		/* as above */
		cmocka_unit_test(test_most_urgent_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
