/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "conf/schema_priv.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

static void test_views(void **state)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema = fixture_new_schema();
	const struct schema_kind *domain = schema_find_kind(schema, "domain");
	const struct schema_kind *policy = schema_find_kind(schema, "policy");
	const struct schema_kind *dns = schema_find_kind(schema, "dns");

	/* The domain was added before the policy, and has its settings all the same. */
	assert_int_equal(schema_view_find(domain->view, "policy"), 0);
	assert_true(schema_view_find(domain->view, "names") >= 0);
	assert_int_equal(domain->view->n_own, 2);
	assert_int_equal(domain->view->n_rows, 2 + policy->view->n_rows);
	assert_int_equal(schema_view_find(policy->view, "note"), -1);
	assert_true(policy->is_base);
	assert_false(domain->is_base);
	assert_null(schema_find_kind(schema, "nothing"));
	assert_non_null(schema_find_plugin(dns, "acmedns"));
	assert_null(schema_find_plugin(dns, "files"));
}

static void test_added_values(void **state)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema = fixture_new_schema();

	assert_string_equal(
		schema_find_value(schema, "policy", "deploy", "front"), "front");
	assert_non_null(schema_find_value(schema, "domain", "deploy", "front"));
	assert_null(schema_find_value(schema, "listener", "deploy", "front"));
	assert_null(schema_find_value(schema, NULL, "deploy", "front"));
	assert_null(schema_find_value(schema, "policy", "challenge", "front"));
	conf_schema_add_value(schema, NULL, "log_level", "loud");
	assert_non_null(schema_find_value(schema, NULL, "log_level", "loud"));
}

static void test_is_kept_by_snapshots(void **state)
{
	struct conf_schema *schema = fixture_new_schema();
	struct conf_report report;
	_cleanup_(conf_unrefp) struct conf *conf = NULL;

	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, schema, "t", FIXTURE_BASE, &report), 0);
	conf_report_done(&report);
	conf_schema_free(schema);
	assert_string_equal(conf_get_string(conf_get_root(conf), "log_level"), "info");
	assert_null(conf_schema_free(NULL));
}

static void test_limits_in_words(void **state)
{
	static const struct {
		enum conf_type type;
		int64_t limit;
		const char *text;
	} rows[] = {
		{ CONF_INT, -5, "-5" },
		{ CONF_SIZE, 0, "0" },
		{ CONF_SIZE, 1000, "1000" },
		{ CONF_SIZE, 4096, "4k" },
		{ CONF_SIZE, INT64_C(5) << 30, "5G" },
		{ CONF_SIZE, INT64_C(5) << 40, "5120G" },
		{ CONF_MODE, 0640, "0640" },
		{ CONF_DURATION, INT64_C(43200000000), "12h" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct conf_setting row = { .type = rows[i].type };
		_cleanup_(freep) char *text = schema_format_limit(&row, rows[i].limit);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_added_values),
		cmocka_unit_test(test_is_kept_by_snapshots),
		cmocka_unit_test(test_limits_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
