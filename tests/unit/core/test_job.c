/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * core/job and core/schedule on a virtual clock: months of a certificate's life, with a
 * CA that has its days. Nothing here is a mock of ours but the plugins: store, order
 * machine, account, checks and index are the real ones.
 */
#include <errno.h>
#include <string.h>

#include "core/authority.h"
#include "core/job.h"
#include "core/schedule.h"
#include "core/settings.h"
#include "core/slots.h"
#include "store/certificate.h"
#include "store/order.h"
#include "store/slot.h"
#include "tests/lib/fake_ca.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define CONF                                                                 \
	"authority ca {\n directory = " FAKE_CA_DIRECTORY                    \
	"\n agree_to_terms = yes\n}\n"                                       \
	"policy default {\n authority = ca\n challenge = other-01 http-01\n" \
	" deploy = files\n}\n"                                               \
	"domain mail.test {\n}\n"

/* --- plugins that do as they are told ------------------------------------------------------- */

struct told {
	bool deploy_fails;
	unsigned n_installed, n_presented, n_cleaned;
};

/* The instance finds what it is told through its host's settings: there are none, so the
 * one thing that a test of one thread may share is this. */
static struct told told;

static const struct postseal_services *services_of(void *instance)
{
	return instance;
}

static int plugin_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	*ret = (void *)services;
	return 0;
}

static void finish(void *instance, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	services_of(instance)->complete(call, &result);
}

static void challenge_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	told.n_presented++;
	finish(instance, call, POSTSEAL_OK, NULL);
}

static void challenge_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	told.n_cleaned++;
	finish(instance, call, POSTSEAL_OK, NULL);
}

static void deploy_install(void *instance, const struct postseal_bundle *bundle,
	struct postseal_call *call)
{
	told.n_installed += !told.deploy_fails;
	finish(instance, call, told.deploy_fails ? POSTSEAL_FAILED : POSTSEAL_OK,
		told.deploy_fails ? "the disk is full" : NULL);
}

static const struct postseal_challenge http_challenge = {
	.size = sizeof(struct postseal_challenge),
	.type = "http-01",
	.present = challenge_present,
	.cleanup = challenge_cleanup,
};

static const struct postseal_challenge other_challenge = {
	.size = sizeof(struct postseal_challenge),
	.type = "other-01",
	.present = challenge_present,
};

static const struct postseal_deploy files_deploy = {
	.size = sizeof(struct postseal_deploy),
	.install = deploy_install,
};

static const struct postseal_plugin plugins[] = {
	{ POSTSEAL_PLUGIN_ABI, .kind = POSTSEAL_KIND_CHALLENGE, .name = "http-01",
		.summary = "a test", .version = "1", .open = plugin_open,
		.challenge = &http_challenge },
	{ POSTSEAL_PLUGIN_ABI, .kind = POSTSEAL_KIND_CHALLENGE, .name = "other-01",
		.summary = "a test", .version = "1", .open = plugin_open,
		.challenge = &other_challenge },
	{ POSTSEAL_PLUGIN_ABI, .kind = POSTSEAL_KIND_DEPLOY, .name = "files",
		.summary = "a test", .version = "1", .open = plugin_open,
		.deploy = &files_deploy },
};

static int no_state(void *userdata, const char *plugin, const char *name, char **ret,
	struct err *err)
{
	*ret = NULL;
	return 0;
}

static const struct plugin_backing backing = { .load_state = no_state };

/* --- a manager without a front ---------------------------------------------------------------- */

struct fixture {
	struct loop *loop;
	struct fake_ca *ca;
	char *path; /* of the database: it outlives a crash */
	char *directory;

	struct http_client *http;
	struct store *store;
	struct plugin_host *host;
	struct conf_schema *schema;
	struct conf *conf;
	struct instances *instances;
	struct events *events;
	struct served *served;
	struct authority *authority;
	struct job_env env;
	struct schedule *schedule;
};

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

	if (!f->authority)
		authority_new(&f->authority, &params, err);
	return f->authority;
}

static void open_conf(struct fixture *f)
{
	_cleanup_(conf_report_done) struct conf_report report;
	struct plugin_host_params params = { .loop = f->loop, .backing = &backing };

	conf_report_init(&report);
	assert_int_equal(plugin_host_new(&f->host, &params, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		assert_int_equal(plugin_host_add(f->host, &plugins[i], NULL), 0);
	f->schema = settings_new_schema(f->host);
	assert_int_equal(conf_load_text(&f->conf, f->schema, "t", CONF, &report), 0);
	f->instances = instances_new(f->host, NULL);
	instances_follow(f->instances, f->conf);
}

static void start(struct fixture *f)
{
	struct slots_change change;

	f->http = fake_ca_new_client(f->ca);
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
	open_conf(f);
	struct events_params events = {
		.instances = f->instances,
		.store = f->store,
		.loop = f->loop,
	};
	f->events = events_new(&events);
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
	usec_t now = loop_wall_now(f->loop);
	assert_int_equal(slots_follow(f->store, f->conf, now, &change, NULL), 0);
	assert_true(slots_recover(f->store, now, NULL) >= 0);
	f->schedule = schedule_new(&f->env);
	schedule_run(f->schedule);
}

/* What kill -9 leaves is what the store has: nothing is said to anybody. */
static void stop(struct fixture *f)
{
	f->schedule = schedule_free(f->schedule);
	f->authority = authority_free(f->authority);
	served_free(f->served);
	events_free(f->events);
	instances_free(f->instances);
	conf_unref(f->conf);
	conf_schema_free(f->schema);
	plugin_host_free(f->host);
	store_close(f->store);
	http_client_free(f->http);
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	told = (struct told){ 0 };
	f->loop = fake_loop_new();
	/* certificates of the test CA are made by the real clock's day */
	f->ca = fake_ca_new(f->loop);
	f->directory = test_tmpdir_new();
	f->path = xasprintf("%s/state.db", f->directory);
}

static void teardown(struct fixture *f)
{
	stop(f);
	fake_ca_free(f->ca);
	free(f->path);
	test_tmpdir_free(f->directory);
	loop_free(f->loop);
}

static struct store_slot load_slot(struct fixture *f)
{
	struct store_slot slot = { 0 };

	assert_int_equal(
		store_slot_find(f->store, "mail.test", "ecdsa-p256", &slot, NULL), 0);
	return slot;
}

static void assert_served(struct fixture *f, bool wanted)
{
	struct store_slot slot = load_slot(f);

	assert_int_equal(slot.certificate_id > 0 && slot.pending_id == 0, wanted);
	store_slot_done(&slot);
}

static bool has_error(struct fixture *f, const char *text)
{
	struct store_slot slot = load_slot(f);
	bool has = slot.error && strstr(slot.error, text);

	if (!has)
		print_message("error is: %s\n", slot.error ? slot.error : "(none)");
	store_slot_done(&slot);
	return has;
}

static usec_t due_in(struct fixture *f)
{
	struct store_slot slot = load_slot(f);
	usec_t in = usec_sub(slot.due_usec, loop_wall_now(f->loop));

	store_slot_done(&slot);
	return in;
}

/* --- a good life --------------------------------------------------------------------------- */

static void test_issue(void **state)
{
	struct fixture f;
	struct store_slot slot;

	setup(&f);
	start(&f);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_served(&f, true);
	slot = load_slot(&f);
	assert_string_equal(
		slot.challenges, "http-01 (other-01: not offered by the CA)");
	assert_null(slot.error);
	store_slot_done(&slot);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_int_equal(told.n_presented, 1);
	assert_int_equal(told.n_cleaned, 1);
	assert_int_equal(told.n_installed, 1);
	/* a third of ninety days left, less the hour of back-dating, and some jitter */
	assert_in_range(due_in(&f), 57 * USEC_PER_DAY, 60 * USEC_PER_DAY);
	teardown(&f);
}

static void test_a_year_of_renewals(void **state)
{
	struct fixture f;

	setup(&f);
	start(&f);
	fake_loop_advance(f.loop, 365 * USEC_PER_DAY);
	assert_served(&f, true);
	assert_in_range(fake_ca_count_orders(f.ca), 6, 7);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	assert_int_equal(told.n_installed, fake_ca_count_orders(f.ca));
	teardown(&f);
}

static void test_short_lived(void **state)
{
	struct fixture f;

	setup(&f);
	fake_ca_set_lifetime(f.ca, 6 * USEC_PER_DAY);
	start(&f);
	fake_loop_advance(f.loop, 30 * USEC_PER_DAY);
	assert_served(&f, true);
	assert_in_range(fake_ca_count_orders(f.ca), 10, 12);
	teardown(&f);
}

static void test_forced(void **state)
{
	struct fixture f;
	struct store_slot slot;

	setup(&f);
	start(&f);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	slot = load_slot(&f);
	assert_int_equal(schedule_start(f.schedule, slot.id, JOB_FORCED, NULL), 0);
	assert_int_equal(schedule_start(f.schedule, slot.id, JOB_FORCED, NULL), -EBUSY);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	assert_served(&f, true);
	store_slot_done(&slot);
	teardown(&f);
}

/* --- ARI (RFC 9773) ------------------------------------------------------------------------- */

static void test_ari_window(void **state)
{
	struct fixture f;
	usec_t now;

	setup(&f);
	now = loop_wall_now(f.loop);
	fake_ca_set_window(f.ca, now + 20 * USEC_PER_DAY, now + 22 * USEC_PER_DAY);
	start(&f);
	fake_loop_advance(f.loop, 19 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	/* at least twice a day, and not more than its Retry-After asks for */
	assert_in_range(fake_ca_count_ari(f.ca), 38, 80);
	fake_loop_advance(f.loop, 3 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	teardown(&f);
}

static void test_ari_in_the_past_means_now(void **state)
{
	struct fixture f;
	usec_t now;

	setup(&f);
	now = loop_wall_now(f.loop);
	fake_ca_set_window(f.ca, now + 40 * USEC_PER_DAY, now + 41 * USEC_PER_DAY);
	start(&f);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	fake_ca_set_window(f.ca, now - 2 * USEC_PER_HOUR, now - USEC_PER_HOUR);
	fake_loop_advance(f.loop, 7 * USEC_PER_HOUR);
	assert_true(fake_ca_count_orders(f.ca) >= 2);
	teardown(&f);
}

/* --- trouble --------------------------------------------------------------------------------- */

/* What is served stays, and the tries keep their distance. */
static void test_weeks_without_the_ca(void **state)
{
	struct fixture f;

	setup(&f);
	start(&f);
	fake_loop_advance(f.loop, 50 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	fake_loop_advance(f.loop, 30 * USEC_PER_DAY);
	assert_served(&f, true);
	assert_true(has_error(&f, "told to"));
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	fake_loop_advance(f.loop, 28 * USEC_PER_HOUR);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	assert_served(&f, true);
	teardown(&f);
}

struct trouble_case {
	const char *name;
	enum fake_ca_trouble trouble;
	const char *error;
	usec_t least_wait, most_wait;
};

static const struct trouble_case trouble_cases[] = {
	{ "wrong answer to the challenge", FAKE_CA_INVALID, "wrong answer",
		50 * USEC_PER_SEC, 70 * USEC_PER_SEC },
	{ "rate limit", FAKE_CA_RATE_LIMITED, "rateLimited", 119 * USEC_PER_MIN,
		121 * USEC_PER_MIN },
	{ "NUL in the certificate", FAKE_CA_NUL, "certificate", 50 * USEC_PER_SEC,
		70 * USEC_PER_SEC },
	{ "certificate for another key", FAKE_CA_WRONG_KEY, "another key",
		50 * USEC_PER_SEC, 70 * USEC_PER_SEC },
};

static void test_trouble(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(trouble_cases); i++) {
		const struct trouble_case *c = &trouble_cases[i];
		struct fixture f;

		test_case(c->name);
		setup(&f);
		fake_ca_set_trouble(f.ca, c->trouble);
		test_log_expect(LOG_LEVEL_WARNING, "next try");
		start(&f);
		fake_loop_advance(f.loop, 5 * USEC_PER_SEC);
		assert_served(&f, false);
		assert_true(has_error(&f, c->error));
		assert_in_range(due_in(&f), c->least_wait, c->most_wait);
		fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
		fake_loop_advance(f.loop, c->most_wait + USEC_PER_MIN);
		assert_served(&f, true);
		assert_int_equal(fake_ca_count_accounts(f.ca), 1);
		teardown(&f);
	}
}

/* Never registered anew in silence. */
static void test_account_gone(void **state)
{
	struct fixture f;

	setup(&f);
	start(&f);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	fake_ca_set_trouble(f.ca, FAKE_CA_NO_ACCOUNT);
	fake_loop_advance(f.loop, 61 * USEC_PER_DAY);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	fake_loop_advance(f.loop, 3 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_true(has_error(&f, "postsealctl account create"));
	teardown(&f);
}

/* Issuing and installing fail apart: one order, however long the disk is full. */
static void test_install_is_retried_apart(void **state)
{
	struct fixture f;

	setup(&f);
	told.deploy_fails = true;
	for (unsigned i = 0; i < 6; i++)
		test_log_expect(LOG_LEVEL_WARNING, "the disk is full");
	start(&f);
	fake_loop_advance(f.loop, 3 * USEC_PER_DAY);
	assert_served(&f, false);
	assert_true(has_error(&f, "the disk is full"));
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	told.deploy_fails = false;
	fake_loop_advance(f.loop, 2 * USEC_PER_DAY);
	assert_served(&f, true);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_int_equal(told.n_installed, 1);
	teardown(&f);
}

/* --- crashes --------------------------------------------------------------------------------- */

/* One call of a callback; when none is ready, time jumps to the next timer. */
static void run_turn(struct loop *loop)
{
	if (!fake_loop_run_one(loop))
		fake_loop_advance(loop, usec_sub(fake_loop_next(loop), loop_now(loop)));
}

/* Killed after each single turn of the loop in turn, an order is neither lost nor made
 * twice: one account, one certificate. */
static void test_killed_after_each_turn(void **state)
{
	unsigned turn = 1;
	bool was_cut = true;

	for (; was_cut; turn++) {
		struct fixture f;

		setup(&f);
		start(&f);
		for (unsigned i = 0; i < turn; i++)
			run_turn(f.loop);
		struct store_slot slot = load_slot(&f);
		was_cut = slot.certificate_id == 0 && turn < 400;
		store_slot_done(&slot);
		stop(&f);
		start(&f);
		fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
		assert_served(&f, true);
		assert_in_range(fake_ca_count_certificates(f.ca), 1, 1);
		/* newOrder sent and its answer not stored: one orphan at the most */
		assert_in_range(fake_ca_count_orders(f.ca), 1, 2);
		teardown(&f);
	}
	assert_in_range(turn, 10, 400);
}

static void test_finalize_without_answer(void **state)
{
	struct fixture f;

	setup(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_MUTE_FINALIZE);
	start(&f);
	fake_loop_advance(f.loop, 10 * USEC_PER_SEC);
	stop(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	start(&f);
	fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
	assert_served(&f, true);
	assert_int_equal(fake_ca_count_certificates(f.ca), 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_issue),
		test_with_log(test_a_year_of_renewals),
		test_with_log(test_short_lived),
		test_with_log(test_forced),
		test_with_log(test_ari_window),
		test_with_log(test_ari_in_the_past_means_now),
		/* how often it warns is left open by those without a log */
		cmocka_unit_test(test_weeks_without_the_ca),
		test_with_log(test_trouble),
		cmocka_unit_test(test_account_gone),
		test_with_log(test_install_is_retried_apart),
		test_with_log(test_killed_after_each_turn),
		test_with_log(test_finalize_without_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
