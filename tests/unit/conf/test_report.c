/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "conf/report.h"
#include "conf/report_priv.h"
#include "tests/lib/test.h"
#include "tests/unit/conf/fixture.h"
#include "util/map.h"
#include "util/mem.h"

static void test_format(void **state)
{
	struct conf_report report;

	conf_report_init(&report);
	conf_report_error(
		&report, "/etc/p.conf", 7, "listener imaps: backend", "is %d", 1);
	conf_report_warning(&report, "/etc/p.conf", 8, "workers", "twice");
	conf_report_error(&report, "/etc/p.conf", 9, NULL, "missing '}'");
	conf_report_error(&report, "/etc/p.conf", 0, NULL, "cannot read it");
	conf_report_error(&report, "-o", 0, "workers", "no");
	conf_report_error(&report, "a\nb", 1, "x\x1b", "c\rd\xff");
	_cleanup_(freep) char *text = fixture_format_report(&report);
	assert_string_equal(text, "/etc/p.conf line 7: listener imaps: backend: is 1\n"
				  "/etc/p.conf line 8: warning: workers: twice\n"
				  "/etc/p.conf line 9: missing '}'\n"
				  "/etc/p.conf: cannot read it\n"
				  "-o: workers: no\n"
				  "a?b line 1: x?: c?d?\n");
	assert_int_equal(report.n, 6);
	assert_int_equal(report.n_errors, 5);
	conf_report_done(&report);
	assert_int_equal(report.n, 0);
}

static void test_sort(void **state)
{
	_cleanup_(map_freep) struct map *files = map_new();
	struct conf_report report;

	map_set(files, "b", (void *)1);
	map_set(files, "a", (void *)2);
	conf_report_init(&report);
	conf_report_error(&report, "z", 9, NULL, "earlier reading");
	conf_report_error(&report, "-o", 0, NULL, "o");
	conf_report_error(&report, "a", 2, NULL, "a2");
	conf_report_error(&report, "b", 3, NULL, "first of b3");
	conf_report_error(&report, "b", 3, NULL, "second of b3");
	conf_report_error(&report, "b", 1, NULL, "b1");
	report_sort(&report, 1, files);
	_cleanup_(freep) char *text = fixture_format_report(&report);
	assert_string_equal(text, "z line 9: earlier reading\n"
				  "b line 1: b1\n"
				  "b line 3: first of b3\n"
				  "b line 3: second of b3\n"
				  "a line 2: a2\n"
				  "-o: o\n");
	conf_report_done(&report);
}

static void test_is_capped(void **state)
{
	struct conf_report report;

	conf_report_init(&report);
	for (unsigned i = 0; i < 20000; i++)
		conf_report_error(&report, "f", i + 1, NULL, "wrong");
	assert_int_equal(report.n_errors, 20000);
	assert_int_equal(report.n, 10001);
	assert_string_equal(
		report.entry[10000].reason, "there is more; mend these first");
	conf_report_done(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_is_capped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
