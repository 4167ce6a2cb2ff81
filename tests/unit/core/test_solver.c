/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which challenge is taken, why the others are not, and what a solve leaves behind. Two
 * plugins do as the test's script says, and write down what they are asked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/solver.h"
#include "core/wanted/settings.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "util/buf.h"
#include "util/mem.h"

/* --- plugins that follow a script ----------------------------------------------------------- */

enum method {
	OFFERS,
	WANT,
	PRESENT,
	READY,
	CLEANUP,
	_METHOD_MAX,
};

static const char *const method_names[] = { "offers", "want", "present", "ready",
	"cleanup" };

struct actor {
	const char *name;
	const struct postseal_services *services;
	enum postseal_outcome outcome[_METHOD_MAX];
	bool hangs[_METHOD_MAX];
	bool cannot_open;
	unsigned ready_after; /* so many looks say NOT_YET first */
	usec_t retry_usec;
	char seen[256]; /* key authorization, saved */
};

/* What one test's plugins have in common; filled anew by setup. */
static struct {
	struct actor a, b;
	struct buf notes;
} stage = { .notes = BUF_INIT(64 * 1024) };

static void note(const struct actor *actor, const char *what)
{
	buf_printf(
		&stage.notes, "%s%s.%s", stage.notes.len ? " " : "", actor->name, what);
}

static int open_actor(struct actor *actor, const struct postseal_services *services,
	void **ret, char *detail, size_t size)
{
	if (actor->cannot_open) {
		snprintf(detail, size, "it is broken");
		return -EIO;
	}
	actor->services = services;
	*ret = actor;
	return 0;
}

static int open_a(struct postseal_host *host, const struct postseal_services *services,
	void **ret, char *detail, size_t size)
{
	return open_actor(&stage.a, services, ret, detail, size);
}

static int open_b(struct postseal_host *host, const struct postseal_services *services,
	void **ret, char *detail, size_t size)
{
	return open_actor(&stage.b, services, ret, detail, size);
}

static void close_actor(void *instance)
{
}

static void act(struct actor *actor, enum method method,
	const struct postseal_task *task, struct postseal_call *call)
{
	struct postseal_result result = {
		.size = sizeof(result),
		.outcome = actor->outcome[method],
		.retry_usec = actor->retry_usec,
		.saved = method == WANT ? "kept" : NULL,
	};

	note(actor, method_names[method]);
	if (method == PRESENT)
		snprintf(actor->seen, sizeof(actor->seen), "%s %s", task->saved,
			task->key_authorization ? task->key_authorization : "-");
	if (method == READY && actor->ready_after > 0) {
		actor->ready_after--;
		result.outcome = POSTSEAL_NOT_YET;
	}
	_cleanup_(freep) char *detail = xasprintf("%s says no", method_names[method]);
	if (result.outcome != POSTSEAL_OK)
		result.detail = detail;
	if (!actor->hangs[method])
		actor->services->complete(call, &result);
}

static void act_offers(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	act(instance, OFFERS, task, call);
}

static void act_want(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	act(instance, WANT, task, call);
}

static void act_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	act(instance, PRESENT, task, call);
}

static void act_ready(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	act(instance, READY, task, call);
}

static void act_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	act(instance, CLEANUP, task, call);
}

static void act_cancel(void *instance, struct postseal_call *call)
{
	note(instance, "cancel");
}

#define METHODS                                                          \
	.size = sizeof(struct postseal_challenge), .offers = act_offers, \
	.want = act_want, .present = act_present, .ready = act_ready,    \
	.cleanup = act_cleanup, .cancel = act_cancel

static const struct postseal_challenge methods_a = { METHODS, .type = "a-01" };
static const struct postseal_challenge methods_b = { METHODS, .type = "b-01",
	.flags = POSTSEAL_CHALLENGE_WILDCARD };

static const struct postseal_plugin plugins[] = {
	{ POSTSEAL_PLUGIN_ABI, .kind = POSTSEAL_KIND_CHALLENGE, .name = "a",
		.summary = "a test", .version = "1", .open = open_a,
		.close = close_actor, .challenge = &methods_a },
	{ POSTSEAL_PLUGIN_ABI, .kind = POSTSEAL_KIND_CHALLENGE, .name = "b",
		.summary = "a test", .version = "1", .open = open_b,
		.close = close_actor, .challenge = &methods_b },
};

/* --- a solver on them -------------------------------------------------------------------------- */

struct fixture {
	struct loop *loop;
	struct plugin_host *host;
	struct conf *conf;
	struct instances *instances;
	struct solver *solver;

	/* what came of the solve */
	void *op;
	unsigned n_done;
	int index;
	char *error;
	bool drops; /* inside done */
};

static const struct plugin_backing backing;

static struct conf *load(struct plugin_host *host, const char *settings)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		settings_new_schema(host);
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(freep) char *text = xasprintf("authority ca {\n"
						" directory = https://ca.test/\n}\n"
						"domain mail.test {\n"
						" authority = ca\n%s}\n",
		settings);
	struct conf *conf = NULL;

	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, schema, "t", text, &report), 0);
	return conf;
}

/* Actors are scripted before; settings are those of the domain. */
static void open_fixture(struct fixture *f, const char *settings)
{
	const struct plugin_host_params host = { .backing = &backing };
	struct plugin_host_params params = host;

	*f = (struct fixture){ .loop = fake_loop_new() };
	params.loop = f->loop;
	assert_int_equal(plugin_host_new(&f->host, &params, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		assert_int_equal(plugin_host_add(f->host, &plugins[i], NULL), 0);
	f->conf = load(f->host, settings);
	f->instances = instances_new(f->host, NULL);
	instances_follow(f->instances, f->conf);
	f->solver = solver_new(&(struct solver_params){
		.loop = f->loop,
		.domain = conf_get_block(f->conf, "domain", 0),
		.instances = f->instances,
	});
}

static void reset_stage(void)
{
	buf_reset(&stage.notes);
	stage.a = (struct actor){ .name = "a" };
	stage.b = (struct actor){ .name = "b" };
}

static void cancel(struct fixture *f)
{
	const struct acme_solver *solver;

	if (!f->op)
		return;
	solver = solver_get(f->solver);
	solver->solve_cancel(solver->userdata, f->op);
	f->op = NULL;
}

static void close_fixture(struct fixture *f)
{
	cancel(f);
	solver_free(f->solver);
	instances_free(f->instances);
	conf_unref(f->conf);
	plugin_host_free(f->host);
	loop_free(f->loop);
	free(f->error);
	buf_done(&stage.notes);
}

static const struct acme_challenge challenges[] = {
	{ .type = "other-01", .url = "https://ca.test/0" },
	{ .type = "b-01", .url = "https://ca.test/1", .token = "tok-b" },
	{ .type = "a-01", .url = "https://ca.test/2", .token = "tok-a" },
};

static struct acme_offer make_offer(void)
{
	return (struct acme_offer){
		.name = "mail.test",
		.challenge = challenges,
		.n_challenges = ARRAY_SIZE(challenges),
		.account_url = "https://ca.test/acct/1",
		.thumbprint = "thumb",
	};
}

static void on_solved(const struct acme_solved *solved, void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
	f->index = solved->index;
	assert_int_equal(solved->index < 0, solved->err != NULL);
	free(f->error);
	f->error = solved->err ? err_format(solved->err) : NULL;
	if (f->drops)
		cancel(f);
}

static void start(struct fixture *f, const struct acme_offer *offer)
{
	const struct acme_solver *solver = solver_get(f->solver);

	assert_int_equal(solver->solve_start(
				 solver->userdata, &f->op, offer, on_solved, f, NULL),
		0);
	assert_int_equal(f->n_done, 0);
}

static void solve(struct fixture *f, const struct acme_offer *offer)
{
	start(f, offer);
	fake_loop_run_until_idle(f->loop, USEC_PER_DAY);
	assert_int_equal(f->n_done, 1);
}

static void assert_notes(const char *wanted)
{
	assert_string_equal(buf_str(&stage.notes), wanted);
}

/* --- which one is taken ------------------------------------------------------------------------- */

struct choice_case {
	const char *name;
	const char *settings;
	void (*script)(struct acme_offer *offer);
	int index;         /* into challenges; < 0: none */
	const char *note;  /* of the solver */
	const char *notes; /* of the plugins */
};

static void script_nothing(struct acme_offer *offer)
{
}

static void script_wildcard(struct acme_offer *offer)
{
	offer->is_wildcard = true;
}

static void script_not_offered(struct acme_offer *offer)
{
	offer->n_challenges = 2;
}

static void script_nothing_offered(struct acme_offer *offer)
{
	offer->n_challenges = 0;
}

static void script_a_refuses(struct acme_offer *offer)
{
	stage.a.outcome[OFFERS] = POSTSEAL_REFUSED;
}

static void script_a_wants(struct acme_offer *offer)
{
	stage.a.outcome[WANT] = POSTSEAL_NOT_YET;
}

static void script_a_cannot_present(struct acme_offer *offer)
{
	stage.a.outcome[PRESENT] = POSTSEAL_FAILED;
}

static void script_a_is_broken(struct acme_offer *offer)
{
	stage.a.cannot_open = true;
	test_log_expect(LOG_LEVEL_ERROR, "it is broken");
}

#define A_ALL "a.offers a.want a.present a.ready"
#define B_ALL "b.offers b.want b.present b.ready"

/* clang-format off */
static const struct choice_case choice_cases[] = {
	{ "the policy's order", " challenge = a b\n", script_nothing, 2, "a", A_ALL },
	{ "not the CA's", " challenge = b a\n", script_nothing, 1, "b", B_ALL },
	{ "all that are installed", "", script_nothing, 2, "a", A_ALL },
	{ "a wildcard", " challenge = a b\n", script_wildcard, 1,
	  "b (a: cannot validate a wildcard name)", B_ALL },
	{ "not offered", " challenge = a b\n", script_not_offered, 1,
	  "b (a: not offered by the CA)", B_ALL },
	{ "nothing offered", " challenge = a b\n", script_nothing_offered, -1,
	  "a: not offered by the CA; b: not offered by the CA", "" },
	{ "a plugin that cannot", " challenge = a b\n", script_a_refuses, 1,
	  "b (a: offers says no)", "a.offers " B_ALL },
	{ "what must stand outside does not", " challenge = a b\n", script_a_wants, 1,
	  "b (a: want says no)", "a.offers a.want " B_ALL },
	{ "half presented", " challenge = a b\n", script_a_cannot_present, 1,
	  "b (a: present says no)", "a.offers a.want a.present a.cleanup " B_ALL },
	{ "a plugin that is not open", " challenge = a b\n", script_a_is_broken, 1,
	  "b (a: its plugin could not be opened)", B_ALL },
	{ "no look", " challenge = a b\n self_check = off\n", script_nothing, 2,
	  "a", "a.offers a.want a.present" },
};

/* clang-format on */

static void test_choice(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(choice_cases); i++) {
		const struct choice_case *c = &choice_cases[i];
		struct acme_offer offer = make_offer();
		struct fixture f;

		test_case(c->name);
		reset_stage();
		c->script(&offer);
		open_fixture(&f, c->settings);
		f.drops = i % 2;
		solve(&f, &offer);
		assert_int_equal(f.index, c->index);
		assert_string_equal(solver_get_note(f.solver), c->note);
		assert_notes(c->notes);
		assert_true(solver_is_idle(f.solver));
		if (c->index < 0)
			assert_non_null(strstr(f.error, c->note));
		close_fixture(&f);
	}
}

static void test_what_the_plugin_is_told(void **state)
{
	struct acme_offer offer = make_offer();
	struct fixture f;

	reset_stage();
	open_fixture(&f, " challenge = a\n");
	solve(&f, &offer);
	assert_string_equal(stage.a.seen, "kept tok-a.thumb");
	close_fixture(&f);
}

/* --- our own eyes -------------------------------------------------------------------------------- */

static unsigned count_looks(void)
{
	unsigned n = 0;

	for (const char *p = buf_str(&stage.notes); (p = strstr(p, "a.ready")); p++)
		n++;
	return n;
}

static void test_seen_later(void **state)
{
	struct acme_offer offer = make_offer();
	struct fixture f;
	usec_t began;

	reset_stage();
	stage.a.ready_after = 5;
	open_fixture(&f, " challenge = a b\n self_check = require\n");
	began = loop_now(f.loop);
	solve(&f, &offer);
	assert_int_equal(f.index, 2);
	assert_int_equal(count_looks(), 6);
	assert_in_range(loop_now(f.loop) - began, USEC_PER_SEC, 2 * USEC_PER_SEC);
	close_fixture(&f);
}

static void test_plugin_says_when_to_look(void **state)
{
	struct acme_offer offer = make_offer();
	struct fixture f;
	usec_t began;

	reset_stage();
	stage.a.ready_after = 1;
	stage.a.retry_usec = 3 * USEC_PER_SEC;
	open_fixture(&f, " challenge = a\n");
	began = loop_now(f.loop);
	solve(&f, &offer);
	assert_int_equal(count_looks(), 2);
	assert_int_equal(loop_now(f.loop) - began, 3 * USEC_PER_SEC);
	close_fixture(&f);
}

/* A wish to be asked after the deadline still gets one look at the deadline. */
static void test_last_look_at_the_deadline(void **state)
{
	struct acme_offer offer = make_offer();
	struct fixture f;
	usec_t began;

	reset_stage();
	stage.a.ready_after = 1;
	stage.a.retry_usec = USEC_PER_HOUR;
	open_fixture(&f, " challenge = a\n self_check = require\n");
	began = loop_now(f.loop);
	solve(&f, &offer);
	assert_int_equal(f.index, 2);
	assert_int_equal(loop_now(f.loop) - began, 10 * USEC_PER_SEC);
	close_fixture(&f);
}

static void test_never_seen_advise(void **state)
{
	struct acme_offer offer = make_offer();
	struct fixture f;
	usec_t began;

	reset_stage();
	stage.a.ready_after = 1000;
	test_log_expect(LOG_LEVEL_WARNING, "own look at the a answer failed");
	open_fixture(&f, " challenge = a b\n self_check_timeout = 2s\n");
	began = loop_now(f.loop);
	solve(&f, &offer);
	assert_int_equal(f.index, 2);
	assert_int_equal(loop_now(f.loop) - began, 2 * USEC_PER_SEC);
	assert_string_equal(solver_get_note(f.solver), "a");
	assert_null(strstr(buf_str(&stage.notes), "cleanup"));
	close_fixture(&f);
}

static void test_never_seen_require(void **state)
{
	struct acme_offer offer = make_offer();
	struct fixture f;

	reset_stage();
	stage.a.ready_after = 1000;
	open_fixture(&f,
		" challenge = a b\n self_check = require\n self_check_timeout = 2s\n");
	solve(&f, &offer);
	assert_int_equal(f.index, 1);
	assert_string_equal(solver_get_note(f.solver), "b (a: ready says no)");
	assert_non_null(strstr(buf_str(&stage.notes), "a.ready a.cleanup " B_ALL));
	close_fixture(&f);
}

static void test_nothing_is_possible(void **state)
{
	struct acme_offer offer = make_offer();
	struct fixture f;

	reset_stage();
	stage.a.outcome[PRESENT] = POSTSEAL_FAILED;
	stage.b.outcome[READY] = POSTSEAL_FAILED;
	open_fixture(&f,
		" challenge = a b\n self_check = require\n self_check_timeout = 1s\n");
	solve(&f, &offer);
	assert_true(f.index < 0);
	assert_string_equal(f.error, "no challenge is possible for mail.test: "
				     "a: present says no; b: ready says no");
	close_fixture(&f);
}

/* A plugin that does not answer is given up by the call's own deadline. */
static void test_plugin_hangs(void **state)
{
	struct acme_offer offer = make_offer();
	struct fixture f;

	reset_stage();
	stage.a.hangs[PRESENT] = true;
	open_fixture(&f, " challenge = a b\n");
	start(&f, &offer);
	fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.index, 1);
	assert_non_null(
		strstr(buf_str(&stage.notes), "a.present a.cancel a.cleanup " B_ALL));
	close_fixture(&f);
}

/* --- dropped ---------------------------------------------------------------------------------------- */

static void test_cancel_in_each_state(void **state)
{
	for (unsigned method = OFFERS; method < CLEANUP; method++) {
		struct acme_offer offer = make_offer();
		struct fixture f;

		test_case(method_names[method]);
		reset_stage();
		stage.a.hangs[method] = true;
		open_fixture(&f, " challenge = a b\n");
		start(&f, &offer);
		fake_loop_run_ready(f.loop);
		assert_int_equal(f.n_done, 0);
		cancel(&f);
		assert_non_null(strstr(buf_str(&stage.notes), "a.cancel"));
		fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
		assert_int_equal(f.n_done, 0);
		close_fixture(&f);
	}
}

static void test_cancel_between(void **state)
{
	struct acme_offer offer = make_offer();
	struct fixture f;

	/* before the first turn, between two looks, and by the solver's end */
	reset_stage();
	stage.a.ready_after = 1000;
	open_fixture(&f, " challenge = a b\n");
	start(&f, &offer);
	cancel(&f);
	assert_int_equal(fake_loop_run_ready(f.loop), 0);
	start(&f, &offer);
	fake_loop_advance(f.loop, USEC_PER_SEC);
	cancel(&f);
	fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
	start(&f, &offer);
	fake_loop_run_ready(f.loop);
	f.solver = solver_free(f.solver);
	f.op = NULL;
	assert_int_equal(fake_loop_count(f.loop), 0);
	assert_int_equal(f.n_done, 0);
	close_fixture(&f);
}

/* --- cleaning up -------------------------------------------------------------------------------------- */

static void test_cleanup(void **state)
{
	struct acme_offer offer = make_offer();
	const struct acme_solver *solver;
	struct fixture f;

	reset_stage();
	stage.a.outcome[CLEANUP] = POSTSEAL_FAILED;
	stage.b.hangs[CLEANUP] = true;
	open_fixture(&f, "");
	solver = solver_get(f.solver);
	/* nobody of ours presents this one */
	solver->cleanup(solver->userdata, &offer, 0);
	assert_true(solver_is_idle(f.solver));
	solver->cleanup(solver->userdata, &offer, 2);
	assert_false(solver_is_idle(f.solver));
	fake_loop_run_ready(f.loop);
	assert_true(solver_is_idle(f.solver));
	/* twice is allowed; what hangs goes with the solver */
	solver->cleanup(solver->userdata, &offer, 1);
	solver->cleanup(solver->userdata, &offer, 1);
	fake_loop_run_ready(f.loop);
	assert_false(solver_is_idle(f.solver));
	assert_notes("a.cleanup b.cleanup b.cleanup");
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_choice),
		test_with_log(test_what_the_plugin_is_told),
		test_with_log(test_seen_later),
		test_with_log(test_plugin_says_when_to_look),
		test_with_log(test_last_look_at_the_deadline),
		test_with_log(test_never_seen_advise),
		test_with_log(test_never_seen_require),
		test_with_log(test_nothing_is_possible),
		/* whether the host warns of it is the host's */
		cmocka_unit_test(test_plugin_hangs),
		test_with_log(test_cancel_in_each_state),
		test_with_log(test_cancel_between),
		test_with_log(test_cleanup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
