/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/columns.h"
#include "tests/lib/test.h"
#include "util/mem.h"

static char *print(const struct columns *columns)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	columns_print(columns, out);
	fclose(out);
	return text;
}

static void test_aligned(void **state)
{
	static const char *const headings[] = { "NAME", "STATE", "DETAIL", NULL };
	_cleanup_(columns_freep) struct columns *columns = columns_new(headings);

	columns_add(columns, "mail.example.org");
	columns_add(columns, "ok");
	columns_printf(columns, "%d days", 5);
	columns_add(columns, "x");
	columns_add(columns, NULL);
	columns_add(columns, "");
	_cleanup_(freep) char *text = print(columns);
	assert_string_equal(text, "NAME              STATE  DETAIL\n"
				  "mail.example.org  ok     5 days\n"
				  "x                 -      -\n");
}

static void test_without_headings(void **state)
{
	_cleanup_(columns_freep) struct columns *columns = columns_new(NULL);

	columns_add(columns, "state:");
	columns_add(columns, "served");
	columns_add(columns, "half");
	_cleanup_(freep) char *text = print(columns);
	assert_string_equal(text, "state:  served\nhalf\n");
}

static void test_empty(void **state)
{
	_cleanup_(columns_freep) struct columns *columns = columns_new(NULL);
	_cleanup_(freep) char *text = print(columns);

	assert_string_equal(text, "");
}

/* What a CA says must not move the cursor, nor break the line. */
static void test_cleaned(void **state)
{
	_cleanup_(columns_freep) struct columns *columns = columns_new(NULL);

	columns_add(columns, "a\033[2Jb\nc");
	columns_add(columns, "\xc3\xbc|");
	columns_add(columns, "b\xff");
	columns_add(columns, "|");
	_cleanup_(freep) char *text = print(columns);
	assert_string_equal(text, "a?[2Jb?c  \xc3\xbc|\nb?        |\n");
}

static void test_characters_count(void **state)
{
	_cleanup_(columns_freep) struct columns *columns = columns_new(NULL);

	columns_add(columns, "m\xc3\xbcller");
	columns_add(columns, "|");
	columns_add(columns, "mueller");
	columns_add(columns, "|");
	_cleanup_(freep) char *text = print(columns);
	assert_string_equal(text, "m\xc3\xbcller   |\nmueller  |\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_without_headings),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_cleaned),
		cmocka_unit_test(test_characters_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
