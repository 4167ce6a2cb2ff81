/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "conf/conf.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

static const char good[] =
	"config_version = 1\n"
	"admin_contact = a@example.org\n"
	"authority le {\n\tdirectory = https://ca.example/d\n\tagree_to_terms = yes\n}\n"
	"policy default {\n\tauthority = le\n\trenew_before = 10d\n}\n"
	"policy customers {\n\tnames = mail.%d *.%d\n\tdns = second\n}\n"
	"domain a.de {\n\tpolicy = customers\n\trenew_before = 5d\n}\n"
	"domain b.de {\n\tnote = x\n}\n"
	"domain *.c.de {\n\tpolicy = customers\n}\n"
	"listener imaps {\n\taddress = [::]:993\n\tprotocol = smtp\n\tsocket_mode = 0600\n}\n"
	"dns acmedns {\n\tapi = https://a\n\ttoken = b\n}\n"
	"dns acmedns second {\n\tapi = https://c\n\ttoken = d\n}\n";

static void test_blocks(void **state)
{
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(good);
	const struct conf_block *block = conf_find_block(conf, "domain", "a.de");

	assert_int_equal(conf_count_blocks(conf, "domain"), 3);
	assert_int_equal(conf_count_blocks(conf, "nothing"), 0);
	assert_ptr_equal(conf_get_block(conf, "domain", 0), block);
	assert_null(conf_get_block(conf, "domain", 3));
	assert_null(conf_get_block(conf, "nothing", 0));
	assert_null(conf_find_block(conf, "domain", "x.de"));
	assert_string_equal(conf_block_get_kind(block), "domain");
	assert_string_equal(conf_block_get_name(block), "a.de");
	assert_null(conf_block_get_plugin(block));
	assert_string_equal(conf_block_get_file(block), "t.conf");
	assert_int_equal(conf_block_get_line(block), 15);
	assert_null(conf_block_get_kind(conf_get_root(conf)));
	assert_ptr_equal(conf_block_get_base(block),
		conf_find_block(conf, "policy", "customers"));
	assert_ptr_equal(conf_block_get_base(conf_block_get_base(block)),
		conf_find_block(conf, "policy", "default"));
	assert_null(conf_block_get_base(conf_find_block(conf, "policy", "default")));
}

static void test_plugins(void **state)
{
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(good);
	const struct conf_block *first = conf_find_block(conf, "dns", "acmedns");
	const struct conf_block *second =
		conf_find_block(conf, "dns", "acmedns second");

	assert_string_equal(conf_block_get_name(first), "acmedns");
	assert_string_equal(conf_block_get_plugin(first), "acmedns");
	assert_string_equal(conf_block_get_name(second), "second");
	assert_string_equal(conf_block_get_plugin(second), "acmedns");
	assert_ptr_equal(conf_find_block(conf, "dns", "second"), second);
	assert_string_equal(conf_get_string(second, "api"), "https://c");
	assert_string_equal(
		conf_get_string(conf_find_block(conf, "domain", "a.de"), "dns"),
		"second");
}

static void assert_names(const struct conf_block *block, const char *a, const char *b)
{
	char *const *names = conf_get_list(block, "names");

	assert_string_equal(names[0], a);
	assert_string_equal(names[1], b);
	assert_null(names[2]);
}

static void test_inheritance(void **state)
{
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(good);
	const struct conf_block *a = conf_find_block(conf, "domain", "a.de");
	const struct conf_block *b = conf_find_block(conf, "domain", "b.de");
	const struct conf_block *policy = conf_find_block(conf, "policy", "customers");

	assert_int_equal(conf_get_duration(a, "renew_before"), 5 * USEC_PER_DAY);
	assert_int_equal(conf_get_duration(policy, "renew_before"), 10 * USEC_PER_DAY);
	assert_int_equal(conf_get_duration(b, "renew_before"), 10 * USEC_PER_DAY);
	assert_string_equal(conf_get_list(a, "authority")[0], "le");
	/* %d is the domain: from a policy, and from the default. */
	assert_names(a, "mail.a.de", "*.a.de");
	assert_names(b, "b.de", "mail.b.de");
	assert_names(policy, "mail.%d", "*.%d");
	assert_names(conf_find_block(conf, "domain", "*.c.de"), "mail.%d", "*.%d");
	assert_string_equal(conf_get_text(a, "names"), "mail.a.de *.a.de");
}

static void test_is_set_and_place(void **state)
{
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(good);
	const struct conf_block *a = conf_find_block(conf, "domain", "a.de");
	const struct conf_block *b = conf_find_block(conf, "domain", "b.de");
	const char *file = "x";
	unsigned line = 1;

	assert_true(conf_is_set(a, "names"));
	assert_false(conf_is_set(b, "names"));
	assert_true(conf_is_set(b, "renew_before"));
	assert_false(conf_is_set(b, "dns"));
	conf_get_place(a, "names", &file, &line);
	assert_string_equal(file, "t.conf");
	assert_int_equal(line, 12);
	conf_get_place(b, "names", &file, &line);
	assert_null(file);
	assert_int_equal(line, 0);
}

static void test_values(void **state)
{
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(good);
	const struct conf_block *root = conf_get_root(conf);
	const struct conf_block *listener = conf_find_block(conf, "listener", "imaps");

	assert_string_equal(conf_get_string(root, "admin_contact"), "a@example.org");
	assert_null(conf_get_string(root, "greeting"));
	assert_null(conf_get_text(root, "greeting"));
	assert_int_equal(conf_get_int(root, "workers"), 2);
	assert_int_equal(conf_get_duration(root, "drain_timeout"), 10 * USEC_PER_MIN);
	assert_string_equal(conf_get_string(root, "log_level"), "info");
	assert_int_equal(conf_get_int(root, "log_level"), 2);
	assert_int_equal(conf_get_int(listener, "protocol"), 1);
	assert_int_equal(conf_get_int(listener, "buffer"), 16384);
	assert_int_equal(conf_get_int(listener, "socket_mode"), 0600);
	assert_null(conf_get_list(listener, "trusted")[0]);
	assert_true(
		conf_get_bool(conf_get_block(conf, "authority", 0), "agree_to_terms"));
	assert_int_equal(conf_block_find_setting(root, "workers")->max, 64);
	assert_null(conf_block_find_setting(root, "names"));
	assert_string_equal(conf_block_get_setting(root, 0)->name, "admin_contact");
	assert_string_equal(conf_block_get_setting(listener, 0)->name, "address");
	assert_null(conf_block_get_setting(root, 1000));
}

static void test_match(void **state)
{
	static const char *const cases[][2] = {
		{ "a.de", "a.de" },
		{ "x.c.de", "*.c.de" },
		{ "*.c.de", "*.c.de" },
		{ "x.y.c.de", NULL },
		{ "c.de", NULL },
		{ ".c.de", NULL },
		{ "x.a.de", NULL },
		{ "", NULL },
	};
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(good);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct conf_block *block =
			conf_match_block(conf, "domain", cases[i][0]);
		test_case(cases[i][0]);
		assert_int_equal(block != NULL, cases[i][1] != NULL);
		if (block)
			assert_string_equal(conf_block_get_name(block), cases[i][1]);
	}
}

struct equal_row {
	const char *name;
	const char *from, *to; /* replaced in the text above */
	bool is_equal;         /* the slice of a.de */
};

/* clang-format off */
static const struct equal_row equals[] = {
	{ "other spelling",     "renew_before = 5d",  "renew_before = 120h",          true },
	{ "said or default",    "policy = customers", "policy = customers\n\tkey_type = ecdsa-p256", true },
	{ "another domain",     "note = x",           "note = y",                     true },
	{ "own value",          "renew_before = 5d",  "renew_before = 6d",            false },
	{ "policy's value",     "mail.%d",            "smtp.%d",                      false },
	{ "default policy's",   "authority = le",     "authority = le\n\tkey_type = rsa-2048", false },
	{ "hidden by own",      "renew_before = 10d", "renew_before = 20d",           true },
	{ "becomes set",        "policy = customers", "policy = customers\n\tnote = n", false },
};

/* clang-format on */

static char *replace(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void test_equal(void **state)
{
	_cleanup_(conf_unrefp) struct conf *before = fixture_load_good(good);
	const struct conf_block *a = conf_find_block(before, "domain", "a.de");

	for (size_t i = 0; i < ARRAY_SIZE(equals); i++) {
		_cleanup_(freep) char *text =
			replace(good, equals[i].from, equals[i].to);
		_cleanup_(conf_unrefp) struct conf *after = fixture_load_good(text);
		const struct conf_block *b = conf_find_block(after, "domain", "a.de");
		test_case(equals[i].name);
		assert_int_equal(conf_block_is_equal(a, b), equals[i].is_equal);
		assert_int_equal(conf_block_is_equal(b, a), equals[i].is_equal);
	}
	assert_false(conf_block_is_equal(a, conf_find_block(before, "domain", "b.de")));
	assert_false(conf_block_is_equal(a, conf_get_root(before)));
	assert_true(conf_block_is_equal(conf_get_root(before), conf_get_root(before)));
}

static void test_ref(void **state)
{
	struct conf *conf = fixture_load_good(good);

	assert_ptr_equal(conf_ref(conf), conf);
	assert_null(conf_unref(conf));
	assert_int_equal(conf_count_blocks(conf, "domain"), 3);
	assert_null(conf_unref(conf));
	assert_null(conf_unref(NULL));
}

static void test_overrides(void **state)
{
	static const char *const overrides[] = { "workers=7", "log_level = \"error\"",
		"domain a.de/renew_before=1d", "dns acmedns second/token=$$e", NULL };
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "other.conf", good);
	_cleanup_(freep) char *report = NULL;
	_cleanup_(conf_unrefp) struct conf *conf =
		fixture_load(dir, "other.conf", overrides, &report);
	const char *file;
	unsigned line;

	assert_string_equal(report, "");
	const struct conf_block *root = conf_get_root(conf);
	assert_int_equal(conf_get_int(root, "workers"), 7);
	assert_string_equal(conf_get_string(root, "log_level"), "error");
	assert_int_equal(conf_get_duration(conf_find_block(conf, "domain", "a.de"),
				 "renew_before"),
		USEC_PER_DAY);
	assert_string_equal(
		conf_get_string(conf_find_block(conf, "dns", "second"), "token"), "$e");
	conf_get_place(root, "workers", &file, &line);
	assert_string_equal(file, "-o");
	assert_int_equal(line, 0);
}

static void test_wrong_overrides(void **state)
{
	static const char *const overrides[] = { "workers=x", "nothing=1", "workers",
		"=1", "domain x.de/note=1", "demain a.de/note=1", "domain a.de/notes=1",
		"greeting=\"a", "greeting=a\nb", NULL };
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "postseal.conf", good);
	_cleanup_(freep) char *report = NULL;
	_cleanup_(conf_unrefp) struct conf *conf =
		fixture_load(dir, NULL, overrides, &report);

	assert_null(conf);
	assert_string_equal(report,
		"-o: nothing: unknown setting\n"
		"-o: \"workers\": write name=value or \"kind name/setting=value\"\n"
		"-o: \"=1\": write name=value or \"kind name/setting=value\"\n"
		"-o: domain x.de: there is no such block\n"
		"-o: demain a.de: there is no such kind of block\n"
		"-o: domain a.de: notes: unknown setting; did you mean \"note\"?\n"
		"-o: greeting: a quote is not closed\n"
		"-o: greeting: holds more than one line\n"
		"-o: workers: \"x\" is not a whole number\n");
}

/* 20,000 domains in a moment: far from a measurement, but a square would be felt. */
static void test_many_domains(void **state)
{
	struct buf text = BUF_INIT(8 * 1024 * 1024);

	(void)buf_append_str(&text, FIXTURE_BASE);
	for (unsigned i = 0; i < 20000; i++)
		(void)buf_printf(
			&text, "domain d%u.example {\n\tnote = n%u\n}\n", i, i);
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(buf_str(&text));
	buf_done(&text);
	assert_int_equal(conf_count_blocks(conf, "domain"), 20000);
	const struct conf_block *last =
		conf_find_block(conf, "domain", "d19999.example");
	assert_string_equal(conf_get_list(last, "names")[1], "mail.d19999.example");
	assert_ptr_equal(conf_get_block(conf, "domain", 19999), last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_plugins),
		cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_is_set_and_place),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_ref),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_wrong_overrides),
		cmocka_unit_test(test_many_domains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
