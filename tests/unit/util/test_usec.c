/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/test.h"
#include "util/macro.h"
#include "util/usec.h"

#define REFUSED USEC_NEVER

static void test_arithmetic(void **state)
{
	assert_int_equal(usec_add(1, 2), 3);
	assert_int_equal(usec_add(USEC_NEVER, 1), USEC_NEVER);
	assert_int_equal(usec_add(USEC_NEVER - 1, 5), USEC_NEVER);
	assert_int_equal(usec_sub(5, 2), 3);
	assert_int_equal(usec_sub(2, 5), 0);
	assert_int_equal(usec_mul(3, 4), 12);
	assert_int_equal(usec_mul(USEC_NEVER, 2), USEC_NEVER);
	assert_int_equal(usec_mul(USEC_NEVER, 0), 0);
}

static const struct {
	const char *text;
	usec_t usec;
	const char *formatted; /* NULL: the same as text */
} durations[] = {
	{ "0", 0, "0s" },
	{ "0s", 0, NULL },
	{ "90", 90 * USEC_PER_SEC, "1m 30s" },
	{ "90s", 90 * USEC_PER_SEC, "1m 30s" },
	{ "10m", 10 * USEC_PER_MIN, NULL },
	{ "12h", 12 * USEC_PER_HOUR, NULL },
	{ "30d", 30 * USEC_PER_DAY, NULL },
	{ "1d 6h", 30 * USEC_PER_HOUR, NULL },
	{ "1d6h", 30 * USEC_PER_HOUR, "1d 6h" },
	{ " 500ms ", 500 * USEC_PER_MSEC, "500ms" },
	{ "1s 1us", USEC_PER_SEC + 1, NULL },
	{ "", REFUSED, NULL },
	{ " ", REFUSED, NULL },
	{ "s", REFUSED, NULL },
	{ "-5s", REFUSED, NULL },
	{ "1.5h", REFUSED, NULL },
	{ "5x", REFUSED, NULL },
	{ "5 s", REFUSED, NULL },
	{ "1d 6", REFUSED, NULL },
	{ "5S", REFUSED, NULL },
	{ "999999999999999999999d", REFUSED, NULL },
	{ "18446744073709551615us", REFUSED, NULL },
};

static void test_durations(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		usec_t usec = 0;
		char buf[USEC_DURATION_MAX];
		test_case(durations[i].text);
		bool ok = usec_parse_duration(durations[i].text, &usec);
		assert_int_equal(ok, durations[i].usec != REFUSED);
		if (!ok)
			continue;
		assert_int_equal(usec, durations[i].usec);
		assert_string_equal(usec_format_duration(usec, buf, sizeof(buf)),
			durations[i].formatted ? durations[i].formatted
					       : durations[i].text);
	}
}

static void test_longest_duration_fits(void **state)
{
	char buf[USEC_DURATION_MAX];
	usec_t usec;

	usec_format_duration(USEC_NEVER - 1, buf, sizeof(buf));
	assert_true(usec_parse_duration(buf, &usec));
	assert_int_equal(usec, USEC_NEVER - 1);
	assert_string_equal(
		usec_format_duration(USEC_NEVER, buf, sizeof(buf)), "never");
	usec_format_duration(USEC_NEVER - 1, buf, 8);
}

static const struct {
	const char *text;
	usec_t usec;
} rfc3339_cases[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2026-11-23T01:02:03Z", 1795395723 * USEC_PER_SEC },
	{ "2026-11-23t01:02:03z", 1795395723 * USEC_PER_SEC },
	{ "2026-11-23T01:02:03.25Z", 1795395723 * USEC_PER_SEC + 250000 },
	{ "2026-11-23T01:02:03.1234567891234567890123Z",
		1795395723 * USEC_PER_SEC + 123456 },
	{ "2026-11-23T03:32:03+02:30", 1795395723 * USEC_PER_SEC },
	{ "2026-11-22T20:02:03-05:00", 1795395723 * USEC_PER_SEC },
	{ "2024-02-29T12:00:00Z", 1709208000 * USEC_PER_SEC },
	{ "2000-02-29T00:00:00Z", 951782400 * USEC_PER_SEC },
	{ "2016-12-31T23:59:60Z", 1483228800 * USEC_PER_SEC },
	{ "9999-12-31T23:59:59Z", UINT64_C(253402300799) * USEC_PER_SEC },
	{ "2023-02-29T12:00:00Z", REFUSED },
	{ "2100-02-29T12:00:00Z", REFUSED },
	{ "1969-12-31T23:59:59Z", REFUSED },
	{ "1970-01-01T00:00:00+01:00", REFUSED },
	{ "9999-12-31T23:59:59-01:00", REFUSED },
	{ "2026-13-01T00:00:00Z", REFUSED },
	{ "2026-00-01T00:00:00Z", REFUSED },
	{ "2026-11-00T00:00:00Z", REFUSED },
	{ "2026-11-31T00:00:00Z", REFUSED },
	{ "2026-11-23T24:00:00Z", REFUSED },
	{ "2026-11-23T01:60:00Z", REFUSED },
	{ "2026-11-23T01:02:61Z", REFUSED },
	{ "2026-11-23T01:02:03", REFUSED },
	{ "2026-11-23T01:02:03.Z", REFUSED },
	{ "2026-11-23 01:02:03Z", REFUSED },
	{ "2026-11-23T01:02:03Zx", REFUSED },
	{ "2026-11-23T01:02:03+0230", REFUSED },
	{ "2026-11-23T01:02:03+24:00", REFUSED },
	{ "2026-11-23", REFUSED },
	{ "-026-11-23T01:02:03Z", REFUSED },
	{ "", REFUSED },
};

static void test_parse_rfc3339(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rfc3339_cases); i++) {
		usec_t usec = 7;
		test_case(rfc3339_cases[i].text);
		bool ok = usec_parse_rfc3339(rfc3339_cases[i].text, &usec);
		assert_int_equal(ok, rfc3339_cases[i].usec != REFUSED);
		assert_int_equal(usec, ok ? rfc3339_cases[i].usec : 7);
	}
}

/* Our calendar against the C library's, a few days a month for all the years. */
static void test_calendar(void **state)
{
	char buf[USEC_RFC3339_MAX];
	usec_t usec = 0;

	for (usec_t t = 0; t / USEC_PER_SEC < UINT64_C(253402300799);
		t += 27 * USEC_PER_DAY + 12345 * USEC_PER_SEC) {
		usec_format_rfc3339(t, buf, sizeof(buf));
		assert_true(usec_parse_rfc3339(buf, &usec));
		assert_int_equal(usec, t);
	}
	assert_string_equal(usec_format_rfc3339(USEC_NEVER, buf, sizeof(buf)),
		"9999-12-31T23:59:59Z");
}

static void test_http_date(void **state)
{
	static const char *const bad[] = { "", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
		"Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 06 Nov 1960 08:49:37 GMT", "Sun, 06 Nev 1994 08:49:37 GMT" };
	usec_t usec;

	assert_true(usec_parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", &usec));
	assert_int_equal(usec, 784111777 * USEC_PER_SEC);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		test_case(bad[i]);
		assert_false(usec_parse_http_date(bad[i], &usec));
	}
}

#define NOW (784111777 * USEC_PER_SEC)

static const struct {
	const char *text;
	usec_t wait;
} retry_cases[] = {
	{ "0", 0 },
	{ "120", 120 * USEC_PER_SEC },
	{ "99999999999999999999999", 366 * USEC_PER_DAY },
	{ "Sun, 06 Nov 1994 08:50:37 GMT", 60 * USEC_PER_SEC },
	{ "Sun, 06 Nov 1993 08:50:37 GMT", 0 },
	{ "Sun, 06 Nov 2994 08:50:37 GMT", 366 * USEC_PER_DAY },
	{ "-5", REFUSED },
	{ "5s", REFUSED },
	{ "1.5", REFUSED },
	{ "", REFUSED },
	{ "soon", REFUSED },
};

static void test_retry_after(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(retry_cases); i++) {
		usec_t wait = 7;
		test_case(retry_cases[i].text);
		bool ok = usec_parse_retry_after(retry_cases[i].text, NOW, &wait);
		assert_int_equal(ok, retry_cases[i].wait != REFUSED);
		assert_int_equal(wait, ok ? retry_cases[i].wait : 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_longest_duration_fits),
		cmocka_unit_test(test_parse_rfc3339),
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_http_date),
		cmocka_unit_test(test_retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
