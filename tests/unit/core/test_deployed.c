/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A certificate goes where its domain wants it, without a new one: what is new where,
 * and on a virtual clock what becomes of it.
 */
#include <string.h>

#include "core/wanted/deployed.h"
#include "core/wanted/plan.h"
#include "tests/unit/core/life.h"
#include "util/mem.h"

#define HEAD                                              \
	"authority ca {\n directory = " FAKE_CA_DIRECTORY \
	"\n agree_to_terms = yes\n}\n"                    \
	"policy default {\n challenge = http-01\n}\n"
#define MAIL(deploy) HEAD "domain mail.test {\n deploy = " deploy "\n}\n"
#define OTHER(path)  "deploy other {\n file = " path "\n}\n"

/* --- what is new, and what is too much --------------------------------------------------- */

struct row {
	const char *target, *address;
	bool is_done, has_other_settings;
};

struct new_case {
	const char *name;
	struct row rows[4];
	const char *added, *unwanted;
};

/* clang-format off */
static const struct new_case new_cases[] = {
	{ "nothing known", { { NULL } }, "files other", "" },
	{ "all there", { { "files", "", true, false }, { "other", "", true, false } }, "", "" },
	{ "one is new", { { "files", "", true, false } }, "other", "" },
	{ "one has failed, and is tried again", { { "files", "", true, false }, { "other", "", false, false } }, "", "" },
	{ "other settings", { { "files", "", true, false }, { "other", "", true, true } }, "other", "" },
	{ "one too much", { { "files", "", true, false }, { "other", "", true, false },
	  { "old", "", true, false } }, "", "old" },
};

/* clang-format on */

static void test_new(void **state)
{
	struct life f;

	life_init(&f);
	f.text = MAIL("files other") OTHER("/a");
	life_start(&f);
	for (size_t i = 0; i < ARRAY_SIZE(new_cases); i++) {
		const struct new_case *c = &new_cases[i];
		_cleanup_(deployed_conf_done) struct deployed_conf targets = { f.conf,
			NULL };
		_cleanup_(deployed_done) struct deployed deployed = { 0 };
		const struct conf_block *domain = conf_get_block(f.conf, "domain", 0);

		test_case(c->name);
		for (size_t k = 0; c->rows[k].target; k++) {
			const struct row *r = &c->rows[k];
			const char *settings = deployed_conf_get(&targets, r->target);

			deployed_add(&deployed,
				&(struct store_install){
					.target = (char *)r->target,
					.address = (char *)r->address,
					.done_usec = r->is_done,
					.settings = (char *)(r->has_other_settings
								     ? "x"
								     : settings),
				});
		}
		_cleanup_(freep) char *added =
			deployed_format_new(&deployed, &targets, domain);
		_cleanup_(freep) char *unwanted =
			deployed_format_unwanted(&deployed, domain);
		assert_string_equal(added, c->added);
		assert_string_equal(unwanted, c->unwanted);
	}
	life_done(&f);
}

/* --- what becomes of it ------------------------------------------------------------------------ */

static void start_served(struct life *f)
{
	life_init(f);
	f->text = MAIL("files");
	life_start(f);
	fake_loop_advance(f->loop, USEC_PER_MIN);
	life_expect_served(f, true);
	assert_int_equal(f->told.n_installed, 1);
}

static void restart_with(struct life *f, const char *text)
{
	life_kill(f);
	f->text = text;
	life_start(f);
}

static void expect_plan(struct life *f, const char *text, const char *told)
{
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(conf_unrefp) struct conf *conf = NULL;
	_cleanup_(plan_freep) struct plan *plan = NULL;

	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, f->schema, "t", text, &report), 0);
	assert_int_equal(
		plan_new(&plan, f->store, conf, loop_wall_now(f->loop), NULL), 0);
	assert_int_equal(plan->n, told ? 1 : 0);
	assert_int_equal(plan->n_orders, 0);
	assert_int_equal(plan->n_upset, 0);
	if (!told)
		return;
	const struct plan_entry *e = &plan->entry[0];
	_cleanup_(freep) char *shown =
		xasprintf("%s: %s", plan_action_names[e->action], e->why);
	assert_string_equal(shown, told);
}

struct change_case {
	const char *name;
	const char *text, *plan;
	unsigned n_installed; /* besides the first one */
};

/* clang-format off */
static const struct change_case change_cases[] = {
	{ "the same", MAIL("files"), NULL, 0 },
	{ "an empty block says nothing new of another", MAIL("files") OTHER("/a"), NULL, 0 },
	{ "one more", MAIL("files other"), "install: install at other, no order", 1 },
	{ "another", MAIL("other"),
	  "install: install at other, no order; no longer installed, and left as it is, at files", 1 },
};

/* clang-format on */

static void test_change(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(change_cases); i++) {
		const struct change_case *c = &change_cases[i];
		struct life f;

		test_case(c->name);
		start_served(&f);
		fake_loop_advance(f.loop, USEC_PER_DAY);
		expect_plan(&f, c->text, c->plan);
		restart_with(&f, c->text);
		fake_loop_advance(f.loop, 10 * USEC_PER_SEC);
		assert_int_equal(f.told.n_installed, 1 + c->n_installed);
		assert_int_equal(fake_ca_count_orders(f.ca), 1);
		life_expect_served(&f, true);
		assert_in_range(life_due_in(&f), 50 * USEC_PER_DAY, 60 * USEC_PER_DAY);
		expect_plan(&f, c->text, NULL);
		/* renewed once, everywhere */
		fake_loop_advance(f.loop, 70 * USEC_PER_DAY);
		assert_int_equal(fake_ca_count_orders(f.ca), 2);
		life_done(&f);
	}
}

/* A deployer that is set up anew gets it anew, and the one beside it does not. */
static void test_settings(void **state)
{
	struct life f;

	start_served(&f);
	restart_with(&f, MAIL("files other") OTHER("/a"));
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(f.told.n_other, 1);
	expect_plan(&f, MAIL("files other") OTHER("/b"),
		"install: install at other, no order");
	restart_with(&f, MAIL("files other") OTHER("/b"));
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(f.told.n_other, 2);
	assert_int_equal(f.told.n_installed, 3);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	life_done(&f);
}

static void test_removed(void **state)
{
	struct life f;

	start_served(&f);
	restart_with(&f, MAIL("files other"));
	fake_loop_advance(f.loop, USEC_PER_MIN);
	expect_plan(&f, MAIL("files"),
		"leave: no longer installed, and left as it is, at other");
	usec_t due = life_due_in(&f);
	restart_with(&f, MAIL("files"));
	assert_int_equal(life_due_in(&f), due);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(f.told.n_installed, 2);
	expect_plan(&f, MAIL("files"), NULL);
	/* and in again: it may have changed meanwhile */
	expect_plan(&f, MAIL("files other"), "install: install at other, no order");
	life_done(&f);
}

/* Its deployer is mended: the reload tries at once, whatever the back-off was. */
static void test_mended(void **state)
{
	struct life f;

	start_served(&f);
	f.told.other_fails = true;
	restart_with(&f, MAIL("files other") OTHER("/a"));
	fake_loop_advance(f.loop, 2 * USEC_PER_DAY);
	f.told.other_fails = false;
	expect_plan(&f, MAIL("files other") OTHER("/a"), NULL);
	expect_plan(&f, MAIL("files other") OTHER("/b"),
		"install: install at other, no order");
	expect_plan(&f, MAIL("files"),
		"leave: no longer installed, and left as it is, at other");
	restart_with(&f, MAIL("files other") OTHER("/b"));
	fake_loop_advance(f.loop, USEC_PER_MIN);
	life_expect_served(&f, true);
	assert_int_equal(f.told.n_other, 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	life_done(&f);
}

/* And so it does when the target that fails is given up. */
static void test_given_up(void **state)
{
	struct life f;

	start_served(&f);
	f.told.other_fails = true;
	restart_with(&f, MAIL("files other"));
	fake_loop_advance(f.loop, 2 * USEC_PER_DAY);
	restart_with(&f, MAIL("files"));
	fake_loop_advance(f.loop, USEC_PER_MIN);
	life_expect_served(&f, true);
	assert_false(life_has_error(&f, ""));
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	life_done(&f);
}

/* The target does not work: tries keep their distance, nothing is ordered for it, what is
 * served stays; and when it is time to renew, that is not held up. */
static void test_target_fails(void **state)
{
	struct life f;

	start_served(&f);
	f.told.other_fails = true;
	restart_with(&f, MAIL("files other"));
	fake_loop_advance(f.loop, 3 * USEC_PER_DAY);
	assert_true(life_has_error(&f, "out of order"));
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_int_equal(f.told.n_installed, 1);
	fake_loop_advance(f.loop, 60 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	assert_int_equal(f.told.n_installed, 2);
	f.told.other_fails = false;
	fake_loop_advance(f.loop, 2 * USEC_PER_DAY);
	life_expect_served(&f, true);
	assert_int_equal(f.told.n_other, 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

static void test_target_recovers(void **state)
{
	struct life f;

	start_served(&f);
	f.told.other_fails = true;
	restart_with(&f, MAIL("files other"));
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	f.told.other_fails = false;
	fake_loop_advance(f.loop, 2 * USEC_PER_HOUR);
	life_expect_served(&f, true);
	assert_int_equal(f.told.n_other, 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	life_done(&f);
}

/* Killed after each turn, and in the midst: installed there in the end, once or twice,
 * and never a reason to order. */
static void test_killed_after_each_turn(void **state)
{
	bool was_cut = true;

	for (unsigned turn = 1; was_cut; turn++) {
		struct life f;

		assert_true(turn < 40);
		start_served(&f);
		restart_with(&f, MAIL("files other"));
		for (unsigned i = 0; i < turn; i++)
			life_run_turn(&f);
		struct store_slot slot = life_load_slot(&f);
		was_cut = f.told.n_other == 0 || slot.attempts > 0;
		store_slot_done(&slot);
		restart_with(&f, MAIL("files other"));
		fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
		life_expect_served(&f, true);
		assert_in_range(f.told.n_other, 1, 2);
		assert_int_equal(fake_ca_count_orders(f.ca), 1);
		life_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_new),
		test_with_log(test_change),
		test_with_log(test_settings),
		test_with_log(test_removed),
		/* how often it warns is left open */
		cmocka_unit_test(test_mended),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_target_fails),
		cmocka_unit_test(test_target_recovers),
		test_with_log(test_killed_after_each_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
