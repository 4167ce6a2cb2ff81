/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a configuration wants of the store, and what becomes of certificates when it
 * changes: on a virtual clock, with a CA that counts.
 */
#include <string.h>
#include <time.h>

#include "core/wanted/slots.h"
#include "store/account.h"
#include "store/certificate.h"
#include "store/order.h"
#include "tests/unit/core/life.h"
#include "util/buf.h"
#include "util/mem.h"

#define HEAD                                                        \
	"authority ca {\n directory = " FAKE_CA_DIRECTORY           \
	"\n agree_to_terms = yes\n}\n"                              \
	"authority other {\n directory = https://other.test/d\n}\n" \
	"policy default {\n authority = ca\n challenge = http-01\n" \
	" deploy = files\n}\n"
#define MAIL(settings) HEAD "domain mail.test {\n" settings "}\n"

/* --- what differs, and why ------------------------------------------------------------------ */

static struct plan *make_plan(struct life *f, const char *text)
{
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(conf_unrefp) struct conf *conf = NULL;
	struct plan *plan = NULL;

	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, f->schema, "t", text, &report), 0);
	assert_int_equal(
		plan_new(&plan, f->store, conf, loop_wall_now(f->loop), NULL), 0);
	return plan;
}

struct plan_case {
	const char *name;
	const char *text;
	const char *told; /* "action domain key_type order|none: why", one a line */
	size_t n_upset;
};

/* clang-format off */
static const struct plan_case plan_cases[] = {
	{ "nothing", MAIL(""), "", 0 },
	{ "what costs nothing", MAIL(" renew_before = 40d\n"), "", 0 },
	{ "a name more", MAIL(" names = mail.test imap.test\n"),
	  "change mail.test ecdsa-p256 order: names added: imap.test\n", 1 },
	{ "another name", MAIL(" names = imap.test pop.test\n"),
	  "change mail.test ecdsa-p256 order: names added: imap.test pop.test; names removed: mail.test\n", 1 },
	{ "another CA", MAIL(" authority = other\n"),
	  "change mail.test ecdsa-p256 order: directory https://other.test/d instead of " FAKE_CA_DIRECTORY "\n", 1 },
	{ "a profile", MAIL(" profile = shortlived\n"),
	  "change mail.test ecdsa-p256 order: profile shortlived instead of none\n", 1 },
	{ "another key type", MAIL(" key_type = rsa-2048\n"),
	  "add mail.test rsa-2048 order: new: mail.test\n"
	  "remove mail.test ecdsa-p256 none: key type ecdsa-p256 is no longer wanted\n", 1 },
	{ "one key type more", MAIL(" key_type = ecdsa-p256 rsa-2048\n"),
	  "add mail.test rsa-2048 order: new: mail.test\n", 0 },
	{ "no domain", HEAD, "remove mail.test ecdsa-p256 none: the domain is gone\n", 1 },
	{ "another domain", MAIL("") "domain new.test {\n}\n",
	  "add new.test ecdsa-p256 order: new: new.test\n", 0 },
};

/* clang-format on */

static char *format_plan(const struct plan *plan)
{
	struct buf text = BUF_INIT(65536);

	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_entry *e = &plan->entry[i];

		buf_printf(&text, "%s %s %s %s: %s\n", plan_action_names[e->action],
			e->slot.domain, e->slot.key_type,
			e->needs_order ? "order" : "none", e->why);
	}
	return buf_steal(&text);
}

static void start_served(struct life *f)
{
	life_init(f);
	f->text = MAIL("");
	life_start(f);
	fake_loop_advance(f->loop, USEC_PER_MIN);
	life_expect_served(f, true);
	assert_int_equal(fake_ca_count_orders(f->ca), 1);
}

static void test_plan(void **state)
{
	struct life f;

	start_served(&f);
	for (size_t i = 0; i < ARRAY_SIZE(plan_cases); i++) {
		const struct plan_case *c = &plan_cases[i];
		_cleanup_(plan_freep) struct plan *plan = make_plan(&f, c->text);
		_cleanup_(freep) char *told = format_plan(plan);

		test_case(c->name);
		assert_string_equal(told, c->told);
		assert_int_equal(plan->n_upset, c->n_upset);
		assert_int_equal(plan->n_slots, 1);
	}
	life_done(&f);
}

/* --- what becomes of it ----------------------------------------------------------------------- */

static void restart_with(struct life *f, const char *text)
{
	life_kill(f);
	f->text = text;
	life_start(f);
}

struct becomes_case {
	const char *name;
	const char *text;
	unsigned n_orders;
	const char *names; /* of the certificate at the end */
};

static const struct becomes_case becomes_cases[] = {
	{ "the same", MAIL(""), 1, "mail.test" },
	{ "a name more", MAIL(" names = mail.test imap.test\n"), 2,
		"imap.test mail.test" },
	{ "another name", MAIL(" names = imap.test\n"), 2, "imap.test" },
};

static void expect_names(struct life *f, const char *names)
{
	struct store_certificate c = { 0 };
	struct store_slot slot = life_load_slot(f);

	assert_int_equal(
		store_certificate_load(f->store, slot.certificate_id, &c, NULL), 0);
	assert_string_equal(c.names, names);
	assert_string_equal(c.authority, FAKE_CA_DIRECTORY);
	store_certificate_done(&c);
	store_slot_done(&slot);
}

static void test_changed_is_ordered(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(becomes_cases); i++) {
		const struct becomes_case *c = &becomes_cases[i];
		struct life f;

		test_case(c->name);
		start_served(&f);
		restart_with(&f, c->text);
		fake_loop_advance(f.loop, USEC_PER_MIN);
		life_expect_served(&f, true);
		assert_int_equal(fake_ca_count_orders(f.ca), c->n_orders);
		expect_names(&f, c->names);
		life_done(&f);
	}
}

/* Ordered as something else: the profile is a fact of the certificate. */
static void test_profile_is_remembered(void **state)
{
	struct life f;

	start_served(&f);
	restart_with(&f, MAIL(" profile = shortlived\n"));
	_cleanup_(plan_freep) struct plan *same =
		make_plan(&f, MAIL(" profile = shortlived\n"));
	assert_int_equal(same->n, 0);
	/* back before it was ordered: what there is will do */
	_cleanup_(plan_freep) struct plan *back = make_plan(&f, MAIL(""));
	assert_int_equal(back->n, 1);
	assert_false(back->entry[0].needs_order);
	assert_int_equal(back->n_upset, 0);
	life_done(&f);
}

static void test_out_and_in_again(void **state)
{
	struct life f;

	start_served(&f);
	restart_with(&f, HEAD);
	fake_loop_advance(f.loop, 20 * USEC_PER_DAY);
	_cleanup_(plan_freep) struct plan *plan = make_plan(&f, MAIL(""));
	assert_int_equal(plan->count[PLAN_RETURN], 1);
	assert_int_equal(plan->n_orders, 0);
	restart_with(&f, MAIL(""));
	fake_loop_advance(f.loop, USEC_PER_DAY);
	life_expect_served(&f, true);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	life_done(&f);
}

static void test_forgotten(void **state)
{
	struct life f;
	struct store_slot slot = { 0 };

	start_served(&f);
	slot = life_load_slot(&f);
	int64_t id = slot.id, certificate_id = slot.certificate_id;
	store_slot_done(&slot);
	restart_with(&f, HEAD);
	fake_loop_advance(f.loop, PLAN_KEEP_USEC + USEC_PER_MIN);
	restart_with(&f, HEAD);
	assert_int_equal(store_slot_load(f.store, id, &slot, NULL), STORE_E_NOT_FOUND);
	struct store_certificate c = { 0 };
	assert_int_equal(store_certificate_load(f.store, certificate_id, &c, NULL),
		STORE_E_NOT_FOUND);
	restart_with(&f, MAIL(""));
	fake_loop_advance(f.loop, USEC_PER_MIN);
	life_expect_served(&f, true);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

/* What was begun for other names, or another profile, is not taken up again. */
static void test_open_order_is_dropped(void **state)
{
	struct life f;
	struct store_order order = { 0 };
	struct store_slot slot;

	life_init(&f);
	f.text = MAIL("");
	fake_ca_set_trouble(f.ca, FAKE_CA_MUTE_FINALIZE);
	life_start(&f);
	fake_loop_advance(f.loop, 5 * USEC_PER_SEC);
	slot = life_load_slot(&f);
	assert_int_equal(store_order_find_open(f.store, slot.id, &order, NULL), 0);
	store_order_done(&order);
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	restart_with(&f, MAIL(" profile = shortlived\n"));
	assert_int_equal(store_order_find_open(f.store, slot.id, &order, NULL),
		STORE_E_NOT_FOUND);
	store_slot_done(&slot);
	life_done(&f);
}

/* --- ten thousand domains: figures, no limits -------------------------------------------------- */

#define N_DOMAINS 10000

static char *format_domains(const char *policy, const char *one)
{
	struct buf text = BUF_INIT(8 * 1024 * 1024);

	buf_printf(&text,
		"authority ca {\n directory = https://ca.test/dir\n}\n"
		"policy default {\n authority = ca\n%s}\n",
		policy);
	for (unsigned i = 0; i < N_DOMAINS; i++)
		buf_printf(&text,
			"domain d%u.test {\n names = mail.%%d imap.%%d\n%s}\n", i,
			i == N_DOMAINS / 2 ? one : "");
	return buf_steal(&text);
}

static int give_certificate(const struct store_slot *slot, void *userdata)
{
	_cleanup_(freep) char *fingerprint = xasprintf("%064d", (int)slot->id);
	struct store_certificate c = {
		.slot_id = slot->id,
		.authority = slot->authority,
		.names = slot->names,
		.chain_pem = (char *)"c",
		.key_pem = (char *)"k",
		.serial = (char *)"01",
		.fingerprint = fingerprint,
		.issuer = (char *)"a test",
		.not_before_usec = 1,
		.not_after_usec = 3,
		.issued_usec = 1,
		.state = STORE_CERTIFICATE_SERVED,
	};
	struct store_slot changed = *slot;

	assert_int_equal(store_certificate_add(userdata, &c, NULL), 0);
	changed.certificate_id = c.id;
	return store_slot_save(userdata, &changed, NULL);
}

static unsigned long long elapsed_msec(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)((now.tv_sec - since->tv_sec) * 1000 +
				    (now.tv_nsec - since->tv_nsec) / 1000000);
}

static struct conf *load_text(const char *text)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		settings_new_schema(NULL);
	_cleanup_(conf_report_done) struct conf_report report;
	struct conf *conf = NULL;

	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, schema, "t", text, &report), 0);
	return conf;
}

static struct plan *time_plan(struct store *store, const char *what, const char *text)
{
	struct plan *plan = NULL;
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	_cleanup_(conf_unrefp) struct conf *conf = load_text(text);
	unsigned long long loaded = elapsed_msec(&start);
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(plan_new(&plan, store, conf, 2, NULL), 0);
	print_message("%d domains, %s: read in %llu ms, planned in %llu ms\n",
		N_DOMAINS, what, loaded, elapsed_msec(&start));
	return plan;
}

static void time_save(struct store *store, const struct plan *plan, const char *text)
{
	_cleanup_(conf_unrefp) struct conf *conf = load_text(text);
	const struct slots_params params = {
		.store = store,
		.conf = conf,
		.plan = plan,
		.wall_now_usec = 1,
	};
	struct slots_change change;
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(slots_follow_plan(&params, &change, NULL), 0);
	assert_int_equal(change.added + change.changed, N_DOMAINS);
	print_message("%d slots stored in %llu ms\n", N_DOMAINS, elapsed_msec(&start));
}

static void test_ten_thousand(void **state)
{
	_cleanup_(freep) char *before = format_domains("", "");
	_cleanup_(freep) char *one = format_domains("", " profile = other\n");
	_cleanup_(freep) char *all = format_domains(" profile = other\n", "");
	struct store *store = NULL;

	assert_int_equal(store_open(&store, ":memory:", 0, NULL), 0);
	_cleanup_(plan_freep) struct plan *first = time_plan(store, "all new", before);
	assert_int_equal(first->count[PLAN_ADD], N_DOMAINS);
	time_save(store, first, before);
	assert_int_equal(
		store_slot_each(store, NULL, give_certificate, store, NULL), 0);
	_cleanup_(plan_freep) struct plan *none =
		time_plan(store, "none changed", before);
	assert_int_equal(none->n, 0);
	_cleanup_(plan_freep) struct plan *single =
		time_plan(store, "one changed", one);
	assert_int_equal(single->n, 1);
	assert_string_equal(single->entry[0].slot.domain, "d5000.test");
	_cleanup_(plan_freep) struct plan *every =
		time_plan(store, "a policy changed", all);
	assert_int_equal(every->n_orders, N_DOMAINS);
	assert_true(plan_is_braked(every, 20));
	time_save(store, every, all);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_plan),
		test_with_log(test_changed_is_ordered),
		test_with_log(test_profile_is_remembered),
		test_with_log(test_out_and_in_again),
		test_with_log(test_forgotten),
		test_with_log(test_open_order_is_dropped),
		test_with_log(test_ten_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
