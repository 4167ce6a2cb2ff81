/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "ctl/arguments.h"
#include "tests/lib/test.h"
#include "util/mem.h"

/* clang-format off */
static const struct arguments_option first[] = {
	{ "config", 'c', "DIR", "" },
	{ "option", 'o', "NAME=VALUE", "" },
	{ "help",    0,  NULL, "" },
	{ NULL,      0,  NULL, NULL },
};
static const struct arguments_option second[] = {
	{ "follow", 'f', NULL, "" },
	{ "number", 'n', "N",  "" },
	{ "json",    0,  NULL, "" },
	{ NULL,      0,  NULL, NULL },
};

/* `said` and `words` are joined by blanks; NULL for an error. */
static const struct line {
	const char *name;
	const char *argv[8];
	const char *said;
	const char *words;
	const char *detail;
} lines[] = {
	{ "nothing", { NULL }, "", "", NULL },
	{ "letters", { "-f", "-n", "5", "x", NULL }, "follow= number=5", "x", NULL },
	{ "letters in one", { "-fn5", NULL }, "follow= number=5", "", NULL },
	{ "letters and value behind", { "-fn", "5", NULL }, "follow= number=5", "", NULL },
	{ "names", { "--json", "--number", "5", NULL }, "json= number=5", "", NULL },
	{ "name and value in one", { "--number=5", NULL }, "number=5", "", NULL },
	{ "an empty value", { "--number=", NULL }, "number=", "", NULL },
	{ "a value that looks like an option", { "-c", "-x", NULL }, "config=-x", "", NULL },
	{ "a value with a sign", { "-o", "a=b=c", NULL }, "option=a=b=c", "", NULL },
	{ "words between", { "a", "-f", "b", NULL }, "follow=", "a b", NULL },
	{ "end of options", { "--", "-f", "--json", NULL }, "", "-f --json", NULL },
	{ "a dash is a word", { "-", NULL }, "", "-", NULL },
	{ "unknown name", { "--frob", NULL }, NULL, NULL, "there is no option --frob" },
	{ "nearest name", { "--jsno", NULL }, NULL, NULL,
	  "there is no option --jsno; did you mean --json?" },
	{ "unknown letter", { "-fx", NULL }, NULL, NULL, "there is no option -x here" },
	{ "no value", { "-n", NULL }, NULL, NULL, "option --number needs N" },
	{ "no value of a name", { "--config", NULL }, NULL, NULL, "option --config needs DIR" },
	{ "a value too much", { "--json=1", NULL }, NULL, NULL, "option --json takes no value" },
	{ "no abbreviations", { "--num=1", NULL }, NULL, NULL, NULL },
};

/* clang-format on */

static char *join(char *const *list)
{
	char *text = xstrdup("");

	for (size_t i = 0; list && list[i]; i++) {
		char *longer = xasprintf("%s%s%s", text, i ? " " : "", list[i]);
		free(text);
		text = longer;
	}
	return text;
}

static void check_line(const struct line *row)
{
	_cleanup_(arguments_done) struct arguments a = { .table = { first, second } };
	_cleanup_(err_done) struct err err = ERR_INIT;
	int pos = 0;

	int r = arguments_parse(&a, (char *const *)row->argv, &pos, 0, &err);
	assert_int_equal(r < 0, row->said == NULL);
	if (row->detail)
		assert_string_equal(err.detail, row->detail);
	if (r < 0)
		return;
	_cleanup_(freep) char *said = join(a.said);
	_cleanup_(freep) char *words = join(a.words);
	assert_string_equal(said, row->said);
	assert_string_equal(words, row->words);
}

static void test_lines(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		test_case(lines[i].name);
		check_line(&lines[i]);
	}
}

static void test_stop_at_word(void **state)
{
	static char *const argv[] = { "-c", "dir", "status", "--json", NULL };
	_cleanup_(arguments_done) struct arguments a = { .table = { first } };
	int pos = 0;

	assert_int_equal(
		arguments_parse(&a, argv, &pos, ARGUMENTS_STOP_AT_WORD, NULL), 0);
	assert_int_equal(pos, 2);
	assert_string_equal(arguments_get(&a, "config"), "dir");
	assert_null(arguments_word(&a, 0));
	a.table[1] = second;
	assert_int_equal(arguments_parse(&a, argv, &pos, 0, NULL), 0);
	assert_true(arguments_has(&a, "json"));
	assert_string_equal(arguments_word(&a, 0), "status");
	assert_null(arguments_word(&a, 1));
}

static void test_asking(void **state)
{
	static char *const argv[] = { "-o", "a=1", "-o", "b=2", "--config=x",
		"--config=y", NULL };
	_cleanup_(arguments_done) struct arguments a = { .table = { first } };
	int pos = 0;

	assert_int_equal(arguments_parse(&a, argv, &pos, 0, NULL), 0);
	assert_string_equal(arguments_get(&a, "config"), "y");
	assert_null(arguments_get(&a, "conf"));
	assert_false(arguments_has(&a, "help"));
	_cleanup_(strv_freep) char **all = arguments_copy_all(&a, "option");
	_cleanup_(freep) char *joined = join(all);
	assert_string_equal(joined, "a=1 b=2");
	assert_null(arguments_copy_all(&a, "help"));
}

/* clang-format off */
static const struct number {
	const char *text;
	bool is_good;
	long value;
} numbers[] = {
	{ "0", true, 0 },
	{ "100", true, 100 },
	{ "101", false, 0 },
	{ "-1", false, 0 },
	{ "", false, 0 },
	{ "5x", false, 0 },
	{ "99999999999999999999", false, 0 },
};

/* clang-format on */

static void test_numbers(void **state)
{
	static const long limits[] = { 0, 100 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		char *const argv[] = { "-n", (char *)numbers[i].text, NULL };
		_cleanup_(arguments_done) struct arguments a = { .table = { second } };
		int pos = 0;
		long value = -7;

		test_case(numbers[i].text);
		assert_int_equal(arguments_parse(&a, argv, &pos, 0, NULL), 0);
		int r = arguments_get_int(&a, "number", limits, &value, NULL);
		assert_int_equal(r >= 0, numbers[i].is_good);
		assert_int_equal(value, numbers[i].is_good ? numbers[i].value : -7);
	}
}

static void test_number_not_given(void **state)
{
	static const long limits[] = { 0, 100 };
	struct arguments a = { .table = { second } };
	long value = -7;

	assert_int_equal(arguments_get_int(&a, "number", limits, &value, NULL), 0);
	assert_int_equal(value, -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_stop_at_word),
		cmocka_unit_test(test_asking),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_number_not_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
