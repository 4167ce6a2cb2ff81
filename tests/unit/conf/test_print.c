/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/snapshot.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

static const char good[] =
	"admin_contact = a@example.org\n"
	"base = \"a  # \\\"b\\\"\"\n"
	"greeting = $base cost $$5\n"
	"pin = geheim\n"
	"authority le {\n\tdirectory = https://ca.example/d\n\teab_key = x$pin\n}\n"
	"policy default {\n\tauthority = le\n}\n"
	"policy p {\n\tnames = $names b\xc3\xbc.%d\n}\n"
	"domain a.de {\n\tpolicy = p\n\tnote = \"\"\n}\n"
	"domain *.b.de {\n}\n"
	"listener l {\n\taddress = [::]:1, unix:/x\n\tprotocol = imap\n"
	"\ttrusted = \"a b\" \"c,d\" \"\" \"<e\" f\\ \\\n  g\n}\n"
	"dns acmedns two {\n\tapi = https://x\n\ttoken = <@DIR@/token\n}\n";

static struct conf *load_good(const char *dir)
{
	static const char mark[] = "@DIR@";
	const char *at = strstr(good, mark);
	_cleanup_(freep) char *text =
		xasprintf("%.*s%s%s", (int)(at - good), good, dir, at + strlen(mark));
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "postseal.conf", text);
	_cleanup_(freep) char *token = test_tmpdir_write(dir, "token", "t $x\n");
	_cleanup_(freep) char *report = NULL;
	struct conf *conf = fixture_load(dir, NULL, NULL, &report);

	assert_string_equal(report, "");
	return conf;
}

struct row {
	unsigned flags;
	const char *name;
	const char *text; /* NULL = -ENOENT */
};

/* clang-format off */
static const struct row rows[] = {
	{ 0, "workers", "workers = 2\n" },
	{ 0, "greeting", "greeting = $base cost $$5\n" },
	{ CONF_PRINT_EXPANDED, "greeting", "greeting = \"a  # \\\"b\\\" cost $$5\"\n" },
	{ CONF_PRINT_EXPANDED | CONF_PRINT_VALUES, "workers", "2\n" },
	{ 0, "hostname", "hostname =\n" },
	{ CONF_PRINT_VALUES, "hostname", "\n" },
	{ CONF_PRINT_CHANGED, "workers", "" },
	{ CONF_PRINT_CHANGED, "base", "base = \"a  # \\\"b\\\"\"\n" },
	{ CONF_PRINT_DEFAULTS, "base", "base = example.org\n" },
	{ CONF_PRINT_DEFAULTS, "admin_contact", "admin_contact =\n" },
	{ 0, "pin", "pin = #hidden_use-P_to_show#\n" },
	{ CONF_PRINT_SECRETS, "pin", "pin = geheim\n" },
	{ CONF_PRINT_VALUES, "authority le/eab_key", "#hidden_use-P_to_show#\n" },
	{ CONF_PRINT_EXPANDED | CONF_PRINT_SECRETS, "authority le/eab_key", "\teab_key = xgeheim\n" },
	/* Where a secret lies may be seen. */
	{ CONF_PRINT_EXPANDED, "dns acmedns two/token", "\ttoken = #hidden_use-P_to_show#\n" },
	{ CONF_PRINT_EXPANDED | CONF_PRINT_SECRETS, "dns two/token", "\ttoken = t $$x\n" },
	{ CONF_PRINT_CHANGED, "domain a.de", "domain a.de {\n\tpolicy = p\n\tnote = \"\"\n}\n" },
	{ 0, "domain a.de",
	  "domain a.de {\n\tpolicy = p\n\tnote = \"\"\n\tauthority = le\n\tchallenge = http-01\n"
	  /* Inherited with a `$` in it: expanded, since its names belong to the policy. */
	  "\tnames = a.de mail.a.de xn--b-eha.a.de\n\tdeploy = front\n\tkey_type = ecdsa-p256\n}\n" },
	{ CONF_PRINT_VALUES | CONF_PRINT_CHANGED, "domain a.de", "p\n\"\"\n" },
	{ CONF_PRINT_DEFAULTS, "listener l", "listener l {\n\tbuffer = 16k\n\tsocket_mode = 0660\n}\n" },
	{ 0, "nothing", NULL },
	{ 0, "domain x.de", NULL },
	{ 0, "domain a.de/nothing", NULL },
	{ 0, "nothing a", NULL },
	{ 0, "", NULL },
};

/* clang-format on */

static void test_rows(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(conf_unrefp) struct conf *conf = load_good(dir);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(buf_done) struct buf out = BUF_INIT(10000);
		test_case(rows[i].name);
		int r = conf_print(conf, rows[i].flags, rows[i].name, &out);
		assert_int_equal(r, rows[i].text ? 0 : -ENOENT);
		if (rows[i].text)
			assert_string_equal(buf_str(&out), rows[i].text);
	}
}

static void assert_same_blocks(
	const struct conf *a, const struct conf *b, const char *kind)
{
	assert_int_equal(conf_count_blocks(a, kind), conf_count_blocks(b, kind));
	for (size_t i = 0; i < conf_count_blocks(a, kind); i++)
		assert_true(conf_block_is_equal(
			conf_get_block(a, kind, i), conf_get_block(b, kind, i)));
}

static void test_can_be_read_again(void **state)
{
	static const unsigned flags[] = { 0, CONF_PRINT_CHANGED, CONF_PRINT_EXPANDED,
		CONF_PRINT_CHANGED | CONF_PRINT_EXPANDED };
	static const char *const kinds[] = { "authority", "policy", "domain",
		"listener", "dns" };
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(conf_unrefp) struct conf *conf = load_good(dir);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		_cleanup_(buf_done) struct buf out = BUF_INIT(10000);
		_cleanup_(freep) char *report = NULL;
		assert_int_equal(
			conf_print(conf, flags[i] | CONF_PRINT_SECRETS, NULL, &out), 0);
		_cleanup_(freep) char *path =
			test_tmpdir_write(dir, "again.conf", buf_str(&out));
		_cleanup_(conf_unrefp) struct conf *again =
			fixture_load(dir, "again.conf", NULL, &report);
		assert_string_equal(report, "");
		assert_true(
			conf_block_is_equal(conf_get_root(conf), conf_get_root(again)));
		for (size_t j = 0; j < ARRAY_SIZE(kinds); j++)
			assert_same_blocks(conf, again, kinds[j]);
	}
}

static void test_does_not_fit(void **state)
{
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(FIXTURE_BASE);
	_cleanup_(buf_done) struct buf out = BUF_INIT(20);

	assert_int_equal(conf_print(conf, 0, NULL, &out), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_can_be_read_again),
		cmocka_unit_test(test_does_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
