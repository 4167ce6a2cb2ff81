/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "conf/snapshot.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

struct row {
	const char *name;
	const char *text;
	const char *report;
};

/* clang-format off */
static const struct row rows[] = {
	{ "all there", FIXTURE_BASE "domain a.de {\n}\n", "" },
	{ "required outside", "", "t.conf: admin_contact: must be set\n" },
	{ "required in a block", FIXTURE_BASE "listener a {\n\tprotocol = imap\n}\n",
	  "t.conf line 8: listener a: address: must be set\n" },
	{ "required by inheritance", FIXTURE_MIN "policy default {\n}\ndomain a.de {\n}\n",
	  "t.conf line 4: domain a.de: authority: must be set\n" },
	{ "policy without it", FIXTURE_MIN "policy default {\n}\n", "" },
	{ "no policy at all", FIXTURE_MIN "domain a.de {\n}\n",
	  "t.conf line 2: domain a.de: authority: must be set\n" },
	{ "wrong policy: one error", FIXTURE_BASE "domain a.de {\n\tpolicy = other\n}\n",
	  "t.conf line 9: domain a.de: policy: \"other\": there is no block \"policy other\"\n" },
	{ "wrong value is set", FIXTURE_BASE
	  "listener a {\n\tprotocol = imap\n\taddress = x y z\n}\n",
	  "t.conf line 10: listener a: address: "
	  "\"x\": a port is missing; write 127.0.0.1:993, [::1]:993 or unix:/path; "
	  "\"y\": a port is missing; write 127.0.0.1:993, [::1]:993 or unix:/path; "
	  "\"z\": a port is missing; write 127.0.0.1:993, [::1]:993 or unix:/path\n" },
	{ "empty but required", FIXTURE_BASE
	  "dns acmedns {\n\tapi = https://x\n\ttoken = \"\"\n}\n",
	  "t.conf line 10: dns acmedns: token: has no value; it takes a text\n" },
	{ "inherited name too long here", FIXTURE_BASE
	  "policy a {\n\tnames = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-%d\n}\n"
	  "domain aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.de {\n\tpolicy = a\n}\n",
	  "t.conf line 9: domain aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.de: names: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-%d\" with this domain for %d is not a DNS name\n" },
};

/* clang-format on */

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(freep) char *report = NULL;
		test_case(rows[i].name);
		_cleanup_(conf_unrefp) struct conf *conf =
			fixture_load_text(rows[i].text, &report);
		assert_string_equal(report, rows[i].report);
	}
}

static void test_circle_of_bases(void **state)
{
	static const struct conf_setting settings[] = {
		{ .name = "like", .type = CONF_REF, .refers = "thing", .text = "." },
		{ .name = "size",
			.type = CONF_INT,
			.flags = CONF_INHERITED,
			.text = "." },
	};
	static const struct conf_kind kind = {
		.name = "thing",
		.settings = settings,
		.n_settings = 2,
		.base_kind = "thing",
		.base_setting = "like",
	};
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		conf_schema_new(NULL, 0);
	struct conf_report report;
	struct conf *conf = NULL;

	conf_schema_add_kind(schema, &kind);
	conf_report_init(&report);
	int r = conf_load_text(&conf, schema, "t.conf",
		"thing a {\n\tlike = b\n}\nthing b {\n\tlike = a\n}\n"
		"thing c {\n\tlike = c\n}\nthing d {\n\tsize = $size\n}\n",
		&report);
	assert_int_equal(r, -EINVAL);
	assert_null(conf);
	_cleanup_(freep) char *text = fixture_format_report(&report);
	conf_report_done(&report);
	assert_string_equal(text,
		"t.conf line 1: thing a: like: inherits from itself, or through too "
		"many blocks\n"
		"t.conf line 7: thing c: like: inherits from itself, or through too "
		"many blocks\n"
		"t.conf line 11: thing d: size: $size is not defined\n");
}

static void test_wrong_defaults_are_told(void **state)
{
	static const struct conf_setting settings[] = {
		{ .name = "size", .type = CONF_INT, .fallback = "big", .text = "." },
		{ .name = "word",
			.type = CONF_STRING,
			.fallback = "\"open",
			.text = "." },
		{ .name = "cost", .type = CONF_STRING, .fallback = "$5", .text = "." },
	};
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		conf_schema_new(settings, ARRAY_SIZE(settings));
	struct conf_report report;
	struct conf *conf = NULL;

	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, schema, "t", "", &report), -EINVAL);
	_cleanup_(freep) char *text = fixture_format_report(&report);
	conf_report_done(&report);
	assert_string_equal(text,
		"schema: size: its default is wrong: \"big\" is not a whole number\n"
		"schema: word: its default is wrong: \"open\n");
}

static void test_default_reference_is_checked(void **state)
{
	static const struct conf_setting settings[] = {
		{ .name = "main",
			.type = CONF_REF,
			.refers = "thing",
			.fallback = "one",
			.text = "." },
	};
	static const struct conf_kind kind = { .name = "thing" };
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		conf_schema_new(settings, 1);
	struct conf_report report;
	_cleanup_(conf_unrefp) struct conf *conf = NULL;

	conf_schema_add_kind(schema, &kind);
	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, schema, "t", "", &report), -EINVAL);
	_cleanup_(freep) char *text = fixture_format_report(&report);
	assert_string_equal(text,
		"t: main: it is not set, and its default is \"one\": there "
		"is no block \"thing one\"\n");
	conf_report_done(&report);
	assert_int_equal(
		conf_load_text(&conf, schema, "t", "thing one {}\n", &report), 0);
	conf_report_done(&report);
	assert_string_equal(conf_get_string(conf_get_root(conf), "main"), "one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_circle_of_bases),
		cmocka_unit_test(test_wrong_defaults_are_told),
		cmocka_unit_test(test_default_reference_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
