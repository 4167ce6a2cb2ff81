/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/wanted/slots and core/workers/served: what the store holds follows the configuration. */
#include <string.h>

#include "core/wanted/settings.h"
#include "core/wanted/slots.h"
#include "core/workers/served.h"
#include "link/message.h"
#include "store/accepted.h"
#include "store/account.h"
#include "store/certificate.h"
#include "store/order.h"
#include "tests/lib/test_log.h"
#include "util/buf.h"
#include "util/mem.h"

#define NOW ((usec_t)1800000000 * USEC_PER_SEC)

#define HEAD                                                          \
	"authority ca {\n directory = https://ca.test/dir\n}\n"       \
	"authority other {\n directory = https://other.test/dir\n}\n" \
	"policy default {\n authority = ca\n}\n"

struct fixture {
	struct store *store;
	struct conf_schema *schema;
	struct conf *conf;
};

static void load(struct fixture *f, const char *text)
{
	_cleanup_(conf_report_done) struct conf_report report;

	conf_report_init(&report);
	conf_unref(f->conf);
	f->conf = NULL;
	assert_int_equal(conf_load_text(&f->conf, f->schema, "t", text, &report), 0);
}

static void open_fixture(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	f->schema = settings_new_schema(NULL);
	conf_schema_add_value(f->schema, "policy", "challenge", "http-01");
	conf_schema_add_value(f->schema, "policy", "challenge", "tls-alpn-01");
	conf_schema_add_value(f->schema, "domain", "challenge", "http-01");
	conf_schema_add_value(f->schema, "domain", "challenge", "tls-alpn-01");
}

static void close_fixture(struct fixture *f)
{
	conf_unref(f->conf);
	conf_schema_free(f->schema);
	store_close(f->store);
}

static struct slots_change follow(struct fixture *f, const char *text, usec_t now)
{
	struct slots_change change;

	load(f, text);
	assert_int_equal(slots_follow(f->store, f->conf, now, &change, NULL), 0);
	return change;
}

static void assert_change(
	struct slots_change c, unsigned added, unsigned changed, unsigned removed)
{
	assert_int_equal(c.added, added);
	assert_int_equal(c.changed, changed);
	assert_int_equal(c.removed, removed);
}

static usec_t find_due(struct fixture *f, const char *domain, const char *type)
{
	struct store_slot slot = { 0 };

	if (store_slot_find(f->store, domain, type, &slot, NULL) != 0)
		return 0;
	usec_t due = slot.due_usec;
	store_slot_done(&slot);
	return due;
}

static void set_due(struct fixture *f, const char *domain, const char *type, usec_t due)
{
	struct store_slot slot = { 0 };

	assert_int_equal(store_slot_find(f->store, domain, type, &slot, NULL), 0);
	slot.due_usec = due;
	assert_int_equal(store_slot_save(f->store, &slot, NULL), 0);
	store_slot_done(&slot);
}

/* --- following ---------------------------------------------------------------------------- */

static void test_new_is_due(void **state)
{
	struct fixture f;

	open_fixture(&f);
	assert_change(follow(&f, HEAD "domain a.test {\n}\ndomain b.test {\n}\n", NOW),
		2, 0, 0);
	assert_int_equal(find_due(&f, "a.test", "ecdsa-p256"), NOW);
	close_fixture(&f);
}

static void test_same_is_left_alone(void **state)
{
	struct fixture f;
	const char *text = HEAD "domain a.test {\n names = b.a.test a.a.test\n}\n";

	open_fixture(&f);
	follow(&f, text, NOW);
	set_due(&f, "a.test", "ecdsa-p256", NOW + 99);
	assert_change(follow(&f, text, NOW + 5), 0, 0, 0);
	assert_int_equal(find_due(&f, "a.test", "ecdsa-p256"), NOW + 99);
	/* another order of the names is the same set */
	assert_change(
		follow(&f, HEAD "domain a.test {\n names = a.a.test b.a.test\n}\n",
			NOW),
		0, 0, 0);
	close_fixture(&f);
}

struct change_case {
	const char *name;
	const char *text;
};

static const struct change_case change_cases[] = {
	{ "names", HEAD "domain a.test {\n names = a.test x.a.test\n}\n" },
	{ "authority", HEAD "domain a.test {\n authority = other\n}\n" },
	{ "profile", HEAD "domain a.test {\n profile = short\n}\n" },
	{ "directory of the authority",
		"authority ca {\n directory = https://ca.test/production\n}\n"
		"policy default {\n authority = ca\n}\ndomain a.test {\n}\n" },
};

static void test_changed_is_due(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(change_cases); i++) {
		struct fixture f;

		test_case(change_cases[i].name);
		open_fixture(&f);
		follow(&f, HEAD "domain a.test {\n}\n", NOW);
		set_due(&f, "a.test", "ecdsa-p256", NOW + 99);
		assert_change(follow(&f, change_cases[i].text, NOW + 5), 0, 1, 0);
		assert_int_equal(find_due(&f, "a.test", "ecdsa-p256"), NOW + 5);
		close_fixture(&f);
	}
}

static void test_key_types_are_slots(void **state)
{
	struct fixture f;

	open_fixture(&f);
	follow(&f, HEAD "domain a.test {\n}\n", NOW);
	assert_change(
		follow(&f, HEAD "domain a.test {\n key_type = ecdsa-p256 rsa-2048\n}\n",
			NOW + 1),
		1, 0, 0);
	assert_int_equal(find_due(&f, "a.test", "rsa-2048"), NOW + 1);
	assert_change(
		follow(&f, HEAD "domain a.test {\n key_type = rsa-2048\n}\n", NOW), 0,
		0, 1);
	assert_int_equal(find_due(&f, "a.test", "ecdsa-p256"), 0);
	close_fixture(&f);
}

static void test_removed_comes_back(void **state)
{
	struct fixture f;

	open_fixture(&f);
	follow(&f, HEAD "domain a.test {\n}\n", NOW);
	assert_change(follow(&f, HEAD, NOW), 0, 0, 1);
	assert_change(follow(&f, HEAD, NOW), 0, 0, 0);
	assert_change(follow(&f, HEAD "domain a.test {\n}\n", NOW + 7), 0, 1, 0);
	assert_int_equal(find_due(&f, "a.test", "ecdsa-p256"), NOW + 7);
	close_fixture(&f);
}

/* --- in portions --------------------------------------------------------------------------- */

#define N_MANY 3000 /* more than fits into a portion */

static char *format_many(const char *more)
{
	struct buf text = BUF_INIT(1024 * 1024);

	buf_append_str(&text, HEAD);
	for (unsigned i = 0; i < N_MANY; i++)
		(void)buf_printf(&text, "domain d%04u.test {\n%s}\n", i, more);
	return buf_steal(&text);
}

static struct plan *make_plan(struct fixture *f, const char *text)
{
	struct plan *plan = NULL;

	load(f, text);
	assert_int_equal(plan_new(&plan, f->store, f->conf, NOW, NULL), 0);
	return plan;
}

static struct slots_following *begin(struct fixture *f, const struct plan *plan)
{
	const struct slots_params params = {
		.store = f->store,
		.conf = f->conf,
		.plan = plan,
		.is_accepted = true,
		.wall_now_usec = NOW + 1,
	};

	return slots_following_new(&params);
}

static unsigned finish(struct slots_following *following)
{
	unsigned n = 0;
	int r;

	do {
		r = slots_following_step(following, NULL);
		n++;
	} while (r == 1);
	assert_int_equal(r, 0);
	return n;
}

/* What a job has stored between the plan and its turn stays. */
static void test_jobs_go_on(void **state)
{
	struct fixture f;
	_cleanup_(freep) char *before = format_many("");
	_cleanup_(freep) char *after = format_many(" profile = short\n");
	struct store_slot slot = { 0 };

	open_fixture(&f);
	follow(&f, before, NOW);
	_cleanup_(plan_freep) struct plan *plan = make_plan(&f, after);
	assert_int_equal(plan->count[PLAN_CHANGE], N_MANY);
	_cleanup_(slots_following_freep) struct slots_following *following =
		begin(&f, plan);
	assert_int_equal(slots_following_step(following, NULL), 1);
	assert_true(store_accepted_is(f.store, plan->digest));
	assert_int_equal(
		store_slot_find(f.store, "d2999.test", "ecdsa-p256", &slot, NULL), 0);
	assert_null(slot.profile);
	xstrset(&slot.challenges, "by http-01");
	assert_int_equal(store_slot_save(f.store, &slot, NULL), 0);
	store_slot_done(&slot);
	assert_true(finish(following) > 1);
	assert_change(*slots_following_get_change(following), 0, N_MANY, 0);
	assert_int_equal(
		store_slot_find(f.store, "d2999.test", "ecdsa-p256", &slot, NULL), 0);
	assert_string_equal(slot.profile, "short");
	assert_string_equal(slot.challenges, "by http-01");
	assert_int_equal(slot.due_usec, NOW + 1);
	store_slot_done(&slot);
	assert_false(store_accepted_is(f.store, plan->digest));
	close_fixture(&f);
}

/* A death between two portions: what was said yes to is known again. */
static void test_the_rest_is_made_up_for(void **state)
{
	struct fixture f;
	_cleanup_(freep) char *before = format_many("");
	_cleanup_(freep) char *after = format_many(" profile = short\n");

	open_fixture(&f);
	follow(&f, before, NOW);
	_cleanup_(plan_freep) struct plan *plan = make_plan(&f, after);
	struct slots_following *following = begin(&f, plan);
	assert_int_equal(slots_following_step(following, NULL), 1);
	slots_following_free(following);
	_cleanup_(plan_freep) struct plan *rest = make_plan(&f, after);
	assert_in_range(rest->count[PLAN_CHANGE], 1, N_MANY - 1);
	assert_true(store_accepted_is(f.store, rest->digest));
	_cleanup_(plan_freep) struct plan *other = make_plan(&f, before);
	assert_false(store_accepted_is(f.store, other->digest));
	load(&f, after);
	following = begin(&f, rest);
	finish(following);
	slots_following_free(following);
	_cleanup_(plan_freep) struct plan *none = make_plan(&f, after);
	assert_int_equal(none->n, 0);
	close_fixture(&f);
}

/* --- after a crash ------------------------------------------------------------------------- */

static void add_account(struct fixture *f)
{
	struct store_account account = {
		.authority = (char *)"ca",
		.directory = (char *)"https://ca.test/dir",
		.key_pem = (char *)"k",
		.created_usec = NOW,
	};

	assert_int_equal(store_account_add(f->store, &account, NULL), 0);
}

static void test_recover(void **state)
{
	struct fixture f;
	struct store_slot slot = { 0 };

	open_fixture(&f);
	follow(&f, HEAD "domain a.test {\n}\ndomain b.test {\n}\n", NOW);
	add_account(&f);
	assert_int_equal(
		store_slot_find(f.store, "a.test", "ecdsa-p256", &slot, NULL), 0);
	slot.attempts = 1;
	slot.due_usec = NOW + USEC_PER_MIN;
	assert_int_equal(store_slot_save(f.store, &slot, NULL), 0);
	struct store_order order = {
		.slot_id = slot.id,
		.account_id = 1,
		.names = (char *)"a.test",
		.key_pem = (char *)"k",
		.state = (char *)"pending",
	};
	assert_int_equal(store_order_add(f.store, &order, NULL), 0);
	set_due(&f, "b.test", "ecdsa-p256", NOW + 99);
	assert_int_equal(slots_recover(f.store, NOW, NULL), 1);
	assert_int_equal(find_due(&f, "a.test", "ecdsa-p256"), NOW);
	assert_int_equal(find_due(&f, "b.test", "ecdsa-p256"), NOW + 99);
	store_slot_done(&slot);
	close_fixture(&f);
}

/* --- served -------------------------------------------------------------------------------- */

struct lookup_case {
	const char *name;
	const char *sni;
	unsigned client;
	uint64_t wanted;
};

static const struct lookup_case lookup_cases[] = {
	{ "ECDSA client", "a.test", LINK_CLIENT_ECDSA | LINK_CLIENT_RSA, 11 },
	{ "RSA client", "a.test", LINK_CLIENT_RSA, 12 },
	{ "client that says nothing", "a.test", 0, 11 },
	{ "wildcard", "x.w.test", LINK_CLIENT_ECDSA, 13 },
	{ "two labels below a wildcard", "y.x.w.test", LINK_CLIENT_ECDSA, 0 },
	{ "the wildcard's own name", "w.test", LINK_CLIENT_ECDSA, 0 },
	{ "name without a certificate", "b.test", LINK_CLIENT_ECDSA, 0 },
	{ "unknown name", "z.test", LINK_CLIENT_ECDSA, 0 },
};

static void test_served_choice(void **state)
{
	struct fixture f;
	char *a[] = { (char *)"a.test", NULL }, *w[] = { (char *)"*.w.test", NULL };
	char *gone[] = { (char *)"gone.test", NULL };

	open_fixture(&f);
	load(&f, HEAD
		"domain a.test {\n}\ndomain b.test {\n}\ndomain w.test {\n names = *.w.test\n}\n");
	_cleanup_(served_freep) struct served *served = served_new(f.store);
	served_follow(served, f.conf);
	served_set(served, a, false, 11);
	served_set(served, a, true, 12);
	served_set(served, w, false, 13);
	served_set(served, gone, false, 14);
	assert_int_equal(served_count(served), 3);
	assert_int_equal(served_find(served, "a.test", false), 11);
	assert_int_equal(served_find(served, "gone.test", false), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lookup_cases); i++) {
		const struct lookup_case *c = &lookup_cases[i];

		test_case(c->name);
		assert_int_equal(served_choose(served, c->sni, c->client), c->wanted);
	}
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_new_is_due),
		test_with_log(test_same_is_left_alone),
		test_with_log(test_changed_is_due),
		test_with_log(test_key_types_are_slots),
		test_with_log(test_removed_comes_back),
		test_with_log(test_jobs_go_on),
		test_with_log(test_the_rest_is_made_up_for),
		test_with_log(test_recover),
		test_with_log(test_served_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
