/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "conf/lexer.h"
#include "tests/lib/test.h"
#include "util/mem.h"

struct row {
	const char *name;
	const char *text;
	const char *lines; /* "LINE|TEXT" and "!PROBLEM", one a line */
};

#define GREEN "\xe2\x9c\x93"

/* clang-format off */
static const struct row rows[] = {
	{ "empty",              "",                       "" },
	{ "blank lines",        "\n  \n\t\n",             "" },
	{ "comments",           "# a\n  # b\na\n#c",      "3|a\n" },
	{ "trailing comment",   "a = b # c\nd",           "1|a = b\n2|d\n" },
	{ "hash in a word",     "a = b#c",                "1|a = b#c\n" },
	{ "quoted hash",        "a = \"b # c\" # d",      "1|a = \"b # c\"\n" },
	{ "quote behind comma", "a = b,\"c # d\"",        "1|a = b,\"c # d\"\n" },
	{ "quote in a word",    "a = b\"c # d",           "1|a = b\"c\n" },
	{ "escaped quote",      "a = \"b\\\" # c\"",      "1|a = \"b\\\" # c\"\n" },
	{ "escaped backslash",  "a = \"b\\\\\" # c",      "1|a = \"b\\\\\"\n" },
	{ "windows lines",      "a\r\nb\r\n",             "1|a\n2|b\n" },
	{ "byte order mark",    "\xef\xbb\xbf" "a",       "1|a\n" },
	{ "tab is a blank",     "\ta\t=\tb\t",            "1|a = b\n" },
	{ "continued",          "a = b \\\n   c\nd",      "1|a = b c\n3|d\n" },
	{ "continued at once",  "a = b\\\nc",             "1|a = b c\n" },
	{ "blanks behind",      "a = b \\  \n c",         "1|a = b c\n" },
	{ "comment behind",     "a = b \\ # x\n c",       "1|a = b c\n" },
	{ "comment continues",  "a = b # x \\\nc",        "1|a = b\n2|c\n" },
	{ "comment between",    "a = \\\n # x\n # y\n c", "1|a = c\n" },
	{ "empty ends it",      "a = b \\\n\nc",          "1|a = b\n3|c\n" },
	{ "continued quote",    "a = \"b \\\n  c\"",      "1|a = \"b c\"\n" },
	{ "only backslash",     "\\\na",                  "1|a\n" },
	{ "middle backslash",   "a = b\\c",               "1|a = b\\c\n" },
	{ "ends in backslash",  "a \\",        "1|a\n!the file ends behind a backslash\n" },
	{ "open quote",         "a = \"b\nc",  "1|a = \"b\n!a quote is not closed\n2|c\n" },
	{ "open after escape",  "a = \"b\\\"", "1|a = \"b\\\"\n!a quote is not closed\n" },
	{ "control character",  "a = b\001c",  "1|a = b?c\n!holds a control character\n" },
	{ "tab in quotes",      "\"a\tb\"",    "1|\"a?b\"\n!holds a control character\n" },
	{ "lone return",        "a\rb",        "1|a?b\n!holds a control character\n" },
	{ "not utf-8",          "a = \xff",
	  "1|a = ?\n!holds a character that is not printable UTF-8\n" },
	{ "utf-8",              "a = " GREEN,  "1|a = " GREEN "\n" },
	{ "anything in comments", "a # \xff\001", "1|a\n" },
};

/* clang-format on */

static char *read_all(const char *text, size_t len)
{
	struct buf out = BUF_INIT(1024 * 1024);
	struct lexer lexer;
	struct lexer_line line;

	lexer_init(&lexer, text, len);
	while (lexer_next(&lexer, &line)) {
		assert_int_equal(buf_printf(&out, "%u|%s\n", line.line, line.text), 0);
		if (line.problem)
			assert_int_equal(buf_printf(&out, "!%s\n", line.problem), 0);
	}
	lexer_done(&lexer);
	return buf_steal(&out);
}

static void test_lines(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_case(rows[i].name);
		_cleanup_(freep) char *lines =
			read_all(rows[i].text, strlen(rows[i].text));
		assert_string_equal(lines, rows[i].lines);
	}
}

static void test_nul_is_a_control_character(void **state)
{
	_cleanup_(freep) char *lines = read_all("a = b\0c\nd", 9);

	assert_string_equal(lines, "1|a = b?c\n!holds a control character\n2|d\n");
}

static void test_line_is_capped(void **state)
{
	size_t len = LEXER_LINE_BYTES_MAX + 10;
	_cleanup_(freep) char *text = xcalloc(1, len + 1);

	memset(text, 'x', len);
	memcpy(text + len - 3, "\nb\n", 3);
	_cleanup_(freep) char *lines = read_all(text, len);
	assert_non_null(strstr(lines, "!the line is longer than 65536 octets\n2|b\n"));
}

/* What holds nothing is a step of its own. */
static void test_steps(void **state)
{
	static const char text[] = "# a\n\na = \\\n# b\n1\n  \n\\";

	static const enum lexer_found wanted[] = { LEXER_NOTHING, LEXER_NOTHING,
		LEXER_LINE, LEXER_NOTHING, LEXER_LINE, LEXER_END, LEXER_END };
	struct lexer lexer;
	struct lexer_line line = { 0 };

	lexer_init(&lexer, text, strlen(text));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_int_equal(lexer_step(&lexer, &line), wanted[i]);
	/* The last one is wrong, and has no text for it. */
	assert_int_equal(line.line, 7);
	assert_string_equal(line.text, "");
	assert_string_equal(line.problem, "the file ends behind a backslash");
	lexer_done(&lexer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_nul_is_a_control_character),
		cmocka_unit_test(test_line_is_capped),
		cmocka_unit_test(test_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
