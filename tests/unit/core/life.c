/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See life.h. */
#include "tests/unit/core/life.h"

#include <stdlib.h>
#include <string.h>

#include "core/wanted/slots.h"
#include "store/order.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define CONF                                                                 \
	"authority ca {\n directory = " FAKE_CA_DIRECTORY                    \
	"\n agree_to_terms = yes\n}\n"                                       \
	"policy default {\n authority = ca\n challenge = other-01 http-01\n" \
	" deploy = files\n}\n"                                               \
	"domain mail.test {\n}\n"

/* --- plugins that do as they are told ------------------------------------------------------- */

/* The instance finds what it is told through its host's settings: there are none, so the
 * one thing that a test of one thread may share is this. */
static struct life *living;

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
	living->told.n_presented++;
	finish(instance, call, POSTSEAL_OK, NULL);
}

static void challenge_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	living->told.n_cleaned++;
	finish(instance, call, POSTSEAL_OK, NULL);
}

static void deploy_install(void *instance, const struct postseal_bundle *bundle,
	struct postseal_call *call)
{
	living->told.n_installed += !living->told.deploy_fails;
	finish(instance, call,
		living->told.deploy_fails ? POSTSEAL_FAILED : POSTSEAL_OK,
		living->told.deploy_fails ? "the disk is full" : NULL);
}

static void other_install(void *instance, const struct postseal_bundle *bundle,
	struct postseal_call *call)
{
	if (living->told.other_fails) {
		finish(instance, call, POSTSEAL_FAILED, "the other is out of order");
		return;
	}
	living->told.n_other += !living->told.deploy_fails;
	deploy_install(instance, bundle, call);
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

static const struct postseal_deploy other_deploy = {
	.size = sizeof(struct postseal_deploy),
	.install = other_install,
};

static const struct postseal_setting other_settings[] = {
	{ .name = "file", .type = POSTSEAL_SETTING_STRING, .text = "A test." },
	{ .name = NULL },
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
	{ POSTSEAL_PLUGIN_ABI, .kind = POSTSEAL_KIND_DEPLOY, .name = "other",
		.summary = "a test", .version = "1", .settings = other_settings,
		.open = plugin_open, .deploy = &other_deploy },
};

static int no_state(void *userdata, const char *plugin, const char *name, char **ret,
	struct err *err)
{
	*ret = NULL;
	return 0;
}

static const struct plugin_backing backing = { .load_state = no_state };

/* --- a manager without a front ---------------------------------------------------------------- */

static struct authority *get_authority(
	const struct conf_block *block, void *userdata, struct err *err)
{
	struct life *f = userdata;
	struct authority_params params = {
		.loop = f->loop,
		.store = f->store,
		.events = f->events,
		.clock = f->clock,
		.conf = f->conf,
		.block = block,
		.http = f->http,
	};

	if (!f->authority)
		authority_new(&f->authority, &params, err);
	return f->authority;
}

static void open_conf(struct life *f)
{
	_cleanup_(conf_report_done) struct conf_report report;
	struct plugin_host_params params = { .loop = f->loop, .backing = &backing };

	conf_report_init(&report);
	assert_int_equal(plugin_host_new(&f->host, &params, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		assert_int_equal(plugin_host_add(f->host, &plugins[i], NULL), 0);
	f->schema = settings_new_schema(f->host);
	assert_int_equal(conf_load_text(&f->conf, f->schema, "t",
				 f->text ? f->text : CONF, &report),
		0);
	f->instances = instances_new(f->host, NULL);
	instances_follow(f->instances, f->conf);
}

/* As the manager does it. */
static void on_clock_set(usec_t back_usec, void *userdata)
{
	struct life *f = userdata;

	if (back_usec > USEC_PER_SEC)
		assert_true(
			store_slot_rewind(f->store, loop_wall_now(f->loop), NULL) >= 0);
	if (f->schedule)
		schedule_run(f->schedule);
}

/* As the manager does it. */
static void on_store_well(void *userdata)
{
	struct life *f = userdata;

	assert_true(slots_recover(f->store, loop_wall_now(f->loop), NULL) >= 0);
	leftovers_run(f->leftovers);
	schedule_run(f->schedule);
}

static void open_store_watch(struct life *f)
{
	struct store_watch_params params = {
		.loop = f->loop,
		.store = f->store,
		.events = f->events,
		.on_well = on_store_well,
		.userdata = f,
	};

	f->store_watch = store_watch_new(&params);
}

static struct authority *find_authority(
	const char *directory, void *userdata, struct err *err)
{
	struct life *f = userdata;

	assert_string_equal(directory, FAKE_CA_DIRECTORY);
	return get_authority(conf_get_block(f->conf, "authority", 0), f, err);
}

void life_start(struct life *f)
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
	struct clock_watch_params clock = {
		.loop = f->loop,
		.events = f->events,
		.build_usec = FAKE_LOOP_START_WALL_USEC - USEC_PER_DAY,
		.tolerance_usec = USEC_PER_HOUR,
		.on_set = on_clock_set,
		.userdata = f,
	};
	assert_int_equal(clock_watch_new(&f->clock, &clock, NULL), 0);
	open_store_watch(f);
	f->served = served_new(f->store);
	struct leftovers_params leftovers = {
		.loop = f->loop,
		.store = f->store,
		.instances = f->instances,
	};
	f->leftovers = leftovers_new(&leftovers);
	struct revocations_params revocations = {
		.loop = f->loop,
		.store = f->store,
		.events = f->events,
		.get_authority = find_authority,
		.userdata = f,
	};
	f->revocations = revocations_new(&revocations);
	f->env = (struct job_env){
		.loop = f->loop,
		.store = f->store,
		.conf = f->conf,
		.events = f->events,
		.clock = f->clock,
		.store_watch = f->store_watch,
		.instances = f->instances,
		.served = f->served,
		.leftovers = f->leftovers,
		.revocations = f->revocations,
		.get_authority = get_authority,
		.userdata = f,
	};
	usec_t now = loop_wall_now(f->loop);
	assert_int_equal(slots_follow(f->store, f->conf, now, &change, NULL), 0);
	assert_true(slots_recover(f->store, now, NULL) >= 0);
	assert_true(store_slot_rewind(f->store, now, NULL) >= 0);
	f->schedule = schedule_new(&f->env);
	leftovers_run(f->leftovers);
	revocations_run(f->revocations);
	schedule_run(f->schedule);
}

/* What kill -9 leaves is what the store has: nothing is said to anybody. */
void life_kill(struct life *f)
{
	f->schedule = schedule_free(f->schedule);
	leftovers_free(f->leftovers);
	revocations_free(f->revocations);
	f->authority = authority_free(f->authority);
	clock_watch_free(f->clock);
	store_watch_free(f->store_watch);
	served_free(f->served);
	events_free(f->events);
	instances_free(f->instances);
	conf_unref(f->conf);
	conf_schema_free(f->schema);
	plugin_host_free(f->host);
	store_close(f->store);
	http_client_free(f->http);
}

void life_init(struct life *f)
{
	*f = (struct life){ 0 };
	living = f;
	f->loop = fake_loop_new();
	/* certificates of the test CA are made by the real clock's day */
	f->ca = fake_ca_new(f->loop);
	f->directory = test_tmpdir_new();
	f->path = xasprintf("%s/state.db", f->directory);
}

void life_done(struct life *f)
{
	life_kill(f);
	fake_ca_free(f->ca);
	free(f->path);
	test_tmpdir_free(f->directory);
	loop_free(f->loop);
}

struct store_slot life_load_slot(struct life *f)
{
	struct store_slot slot = { 0 };

	assert_int_equal(
		store_slot_find(f->store, "mail.test", "ecdsa-p256", &slot, NULL), 0);
	return slot;
}

void life_expect_served(struct life *f, bool wanted)
{
	struct store_slot slot = life_load_slot(f);

	assert_int_equal(slot.certificate_id > 0 && slot.pending_id == 0, wanted);
	store_slot_done(&slot);
}

bool life_has_error(struct life *f, const char *text)
{
	struct store_slot slot = life_load_slot(f);
	bool has = slot.error && strstr(slot.error, text);

	if (!has)
		print_message("error is: %s\n", slot.error ? slot.error : "(none)");
	store_slot_done(&slot);
	return has;
}

static int on_presented(const struct store_authorization *a, void *userdata)
{
	unsigned *n = userdata;

	(*n)++;
	return 0;
}

unsigned life_count_presented(struct life *f)
{
	unsigned n = 0;

	assert_int_equal(
		store_authorization_each_presented(f->store, on_presented, &n, NULL),
		0);
	return n;
}

usec_t life_due_in(struct life *f)
{
	struct store_slot slot = life_load_slot(f);
	usec_t in = usec_sub(slot.due_usec, loop_wall_now(f->loop));

	store_slot_done(&slot);
	return in;
}

void life_run_turn(struct life *f)
{
	assert_true(fake_loop_run_next(f->loop));
}
