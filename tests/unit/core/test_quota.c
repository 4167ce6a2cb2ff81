/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plan takes of a CA's limits: a plan as it could be, and a ledger behind it. */
#include <string.h>

#include "core/wanted/quota.h"
#include "store/store.h"
#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/mem.h"

#define CA    "https://ca.test/d"
#define NOW   (1000 * USEC_PER_DAY)
#define WEEK  (7 * USEC_PER_DAY)
#define OTHER "https://other.test/d"

struct entry {
	const char *names;
	bool is_renewal;
};

struct quota_case {
	const char *name;
	struct entry issued[4];  /* days ago, one after the other: 1, 2, 3 */
	struct entry ordered[4]; /* by the plan */
	const char *domains;     /* "name new+renewals counted, " */
	const char *sets;
};

/* clang-format off */
static const struct quota_case quota_cases[] = {
	{ "nothing", { { NULL } }, { { NULL } }, "", "" },
	{ "one new", { { NULL } }, { { "a.example.org", false } },
	  "example.org 1+0 0, ", "" },
	{ "one new of two domains", { { NULL } }, { { "a.example.org b.example.net", false } },
	  "example.net 1+0 0, example.org 1+0 0, ", "" },
	{ "many of one domain, and one that was counted",
	  { { "x.example.org", false } },
	  { { "a.example.org", false }, { "b.example.org", false }, { "c.example.net", false } },
	  "example.org 2+0 1, example.net 1+0 0, ", "" },
	{ "renewals are not new", { { "a.example.org", true } }, { { "a.example.org b.example.org", true } },
	  "example.org 0+1 0, ", "" },
	{ "two key types have the same names", { { NULL } },
	  { { "a.example.org", false }, { "a.example.org", false } },
	  "example.org 1+1 0, ", "a.example.org 2+0 0, " },
	{ "names that were issued are a renewal", { { "a.example.org", false } }, { { "a.example.org", false } },
	  "example.org 0+1 1, ", "a.example.org 1+0 1, " },
	{ "the second of the same names is not new", { { "a.example.org", false }, { "a.example.org", false } },
	  { { "a.example.org", false }, { "b.example.org", false } },
	  "example.org 1+1 1, ", "a.example.org 1+0 2, " },
};

/* clang-format on */

static char *format_rows(const struct quota_rows *rows)
{
	struct buf text = BUF_INIT(4096);

	for (size_t i = 0; i < rows->n; i++)
		buf_printf(&text, "%s %zu+%zu %d, ", rows->row[i].name,
			rows->row[i].n_new, rows->row[i].n_renewals,
			(int)rows->row[i].n_counted);
	return buf_steal(&text);
}

static void save_issued(struct store *store, const struct entry *issued)
{
	for (size_t i = 0; issued[i].names; i++) {
		const struct quota_issued one = {
			.directory = CA,
			.names = issued[i].names,
			.is_renewal = issued[i].is_renewal,
			.at_usec = NOW - (3 - i) * USEC_PER_DAY,
		};
		assert_int_equal(quota_save(store, &one, NULL), 0);
	}
}

static void fill_plan(
	struct plan *plan, struct plan_entry *entries, const struct entry *ordered)
{
	plan->entry = entries;
	for (size_t i = 0; ordered[i].names; i++)
		entries[plan->n++] = (struct plan_entry){
			.slot = { .names = (char *)ordered[i].names },
			.authority = (char *)"ca",
			.needs_order = true,
			.is_renewal = ordered[i].is_renewal,
		};
	entries[plan->n++] = (struct plan_entry){
		.slot = { .names = (char *)"not.ordered.test" },
		.authority = (char *)"ca",
	};
	entries[plan->n++] = (struct plan_entry){
		.slot = { .names = (char *)"elsewhere.test" },
		.authority = (char *)"other",
		.needs_order = true,
	};
}

static void test_quota(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(quota_cases); i++) {
		const struct quota_case *c = &quota_cases[i];
		_cleanup_(store_closep) struct store *store = NULL;
		struct plan_entry entries[8];
		struct plan plan = { 0 };
		test_case(c->name);
		assert_int_equal(store_open(&store, ":memory:", 0, NULL), 0);
		save_issued(store, c->issued);
		fill_plan(&plan, entries, c->ordered);
		const struct quota_params params = {
			.store = store,
			.plan = &plan,
			.authority = "ca",
			.directory = CA,
			.since_usec = NOW - WEEK,
		};
		_cleanup_(quota_freep) struct quota *quota = quota_new(&params);
		while (quota_step(quota, NULL) == 1)
			continue;
		assert_int_equal(quota_step(quota, NULL), 0);
		_cleanup_(freep) char *domains = format_rows(quota_get_domains(quota));
		_cleanup_(freep) char *sets = format_rows(quota_get_sets(quota));
		assert_string_equal(domains, c->domains);
		assert_string_equal(sets, c->sets);
	}
}

struct renewal_case {
	const char *name;
	int64_t id;
	const char *authority, *names;
	bool is_renewal;
};

static const struct renewal_case renewal_cases[] = {
	{ "no certificate", 0, NULL, NULL, false },
	{ "the same names", 1, CA, "a.test b.test", true },
	{ "one of the names", 1, CA, "b.test c.test", true },
	{ "other names", 1, CA, "c.test", false },
	{ "another CA", 1, OTHER, "a.test b.test", false },
};

static void test_renewal(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(renewal_cases); i++) {
		const struct renewal_case *c = &renewal_cases[i];
		const struct store_certificate before = {
			.id = c->id,
			.authority = (char *)c->authority,
			.names = (char *)c->names,
		};

		test_case(c->name);
		assert_int_equal(
			quota_is_renewal(&before, CA, "a.test b.test"), c->is_renewal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_renewal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
