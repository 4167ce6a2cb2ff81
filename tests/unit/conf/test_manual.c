/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/schema.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

static const char *const lines[] = {
	".Sh SETTINGS\n.Ss Outside of all blocks\n",
	".It Ic workers No = Ar \\&whole number\nHow many front workers run.\n"
	"From 1 to 64.\nDefault:\n.Ql \\&2 .\n",
	".It Ic log_level No = Ar \\&keyword\n"
	"What is logged: this and what is worse.\nOne of\n"
	".Ql \\&error ,\n.Ql \\&warning ,\n.Ql \\&info .\n",
	".It Ic drain_timeout No = Ar \\&duration\n"
	"How long old sessions last.\nFrom 0s to 1d.\nDefault:\n.Ql \\&10m .\n",
	"Has to be set.\nA secret: best read from a file by\n.Ql </path .\n",
	".Ss domain NAME\nAn operator's unit.\n",
	"What it does not say is taken from the\n.Ic policy\nblock that\n.Ic policy\n"
	"names, or from\n.Ic policy No default ,\nif there is one.\n"
	"All settings of a\n.Ic policy\nblock may also stand here.\n",
	"Names\n.Ic deploy\nblocks.\nOr, without such a block,\n.Ql \\&front .\n",
	".Ss dns acmedns\nAn acme-dns.\n",
	"From 4k to 1M octets.\n",
	"Where the database lies.\nA change takes effect at the next start.\n",
};

static void test_lines(void **state)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema = fixture_new_schema();
	_cleanup_(buf_done) struct buf out = BUF_INIT(100000);

	assert_int_equal(conf_schema_format_manual(schema, &out), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		test_case(lines[i]);
		assert_non_null(strstr(buf_str(&out), lines[i]));
	}
}

static void test_texts_are_escaped(void **state)
{
	static const struct conf_setting settings[] = {
		{ .name = "a",
			.type = CONF_STRING,
			.fallback = "C:\\x No \"y\"",
			.text = ".so /etc/passwd \\n" },
	};
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		conf_schema_new(settings, 1);
	_cleanup_(buf_done) struct buf out = BUF_INIT(100000);

	assert_int_equal(conf_schema_format_manual(schema, &out), 0);
	assert_non_null(strstr(buf_str(&out), "\n\\&.so /etc/passwd \\en\n"));
	assert_non_null(
		strstr(buf_str(&out), "\n.Ql \\&C:\\ex \\&No \\&\\(dqy\\(dq .\n"));
}

static void test_does_not_fit(void **state)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema = fixture_new_schema();
	_cleanup_(buf_done) struct buf out = BUF_INIT(100);

	assert_int_equal(conf_schema_format_manual(schema, &out), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_texts_are_escaped),
		cmocka_unit_test(test_does_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
