/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "conf/word.h"
#include "tests/lib/test.h"
#include "util/dname.h"
#include "util/macro.h"

struct check_row {
	const char *(*check)(const char *word);
	const char *word;
	const char *problem; /* a part of it; NULL = none */
};

/* clang-format off */
static const struct check_row checks[] = {
	{ word_check_network, "192.0.2.0/24",          NULL },
	{ word_check_network, "[::1]",                 NULL },
	{ word_check_network, "192.0.2.1/24",          "bits behind the slash have to be 0" },
	{ word_check_network, "mail.example.org",      "write a network such as" },
	{ word_check_address, "127.0.0.1:993",         NULL },
	{ word_check_address, "[::]:993",              NULL },
	{ word_check_address, "[2001:db8::1]:65535",   NULL },
	{ word_check_address, "unix:/run/x.sock",      NULL },
	{ word_check_address, "127.0.0.1:0",           "the port is" },
	{ word_check_address, "127.0.0.1:65536",       "the port is" },
	{ word_check_address, "127.0.0.1:0993",        "the port is" },
	{ word_check_address, "127.0.0.1:imaps",       "the port is" },
	{ word_check_address, "127.0.0.1:",            "the port is" },
	{ word_check_address, "127.0.0.1",             "a port is missing" },
	{ word_check_address, "127.0.0.256:1",         "not a numeric address" },
	{ word_check_address, "localhost:993",         "not a numeric address" },
	{ word_check_address, "*:993",                 "write [::] or 0.0.0.0" },
	{ word_check_address, "::1",                   "write [ADDRESS]:PORT" },
	{ word_check_address, "fe80::1:993:1",         "write [ADDRESS]:PORT" },
	{ word_check_address, "[::1]",                 "a port from" },
	{ word_check_address, "[::1",                  "in the brackets" },
	{ word_check_address, "[127.0.0.1]:1",         "in the brackets" },
	{ word_check_address, "[]:1",                  "in the brackets" },
	{ word_check_address, "/run/x",                "write unix:" },
	{ word_check_address, "unix:run/x",            "begin with '/'" },
	{ word_check_url, "https://acme.example/d",    NULL },
	{ word_check_url, "https://127.0.0.1:14000/d", NULL },
	{ word_check_url, "https://[::1]:14000/d?a=b", NULL },
	{ word_check_url, "https://[::1]",             NULL },
	{ word_check_url, "https://localhost",         NULL },
	{ word_check_url, "http://acme.example/",      "https://" },
	{ word_check_url, "HTTPS://acme.example/",     "https://" },
	{ word_check_url, "https://",                  "its host" },
	{ word_check_url, "https:///x",                "its host" },
	{ word_check_url, "https://a_b/",              "its host" },
	{ word_check_url, "https://[::1/",             "its" },
	{ word_check_url, "https://u:p@h/",            "user or password" },
	{ word_check_url, "https://h:0/",              "its port" },
	{ word_check_url, "https://h:/",               "its port" },
	{ word_check_url, "https://h:123456789/",      "its port" },
	{ word_check_url, "https://h/a b",             "no URL has" },
	{ word_check_url, "https://h/\xc3\xbc",        "no URL has" },
	{ word_check_url, "https://h/#f",              "no URL has" },
	{ word_check_path, "/",                        NULL },
	{ word_check_path, "/a b",                     NULL },
	{ word_check_path, "a/b",                      "absolute" },
	{ word_check_path, "~/b",                      "absolute" },
	{ word_check_email, "a@example.org",           NULL },
	{ word_check_email, "a.b+c@example.org",       NULL },
	{ word_check_email, "mailto:a@example.org",    "without mailto:" },
	{ word_check_email, "a",                       "mail address" },
	{ word_check_email, "@example.org",            "mail address" },
	{ word_check_email, "a@",                      "mail address" },
	{ word_check_email, "a@b@example.org",         "mail address" },
	{ word_check_email, "a..b@example.org",        "mail address" },
	{ word_check_email, ".a@example.org",          "mail address" },
	{ word_check_email, "a@example..org",          "mail address" },
	{ word_check_email, "a b@example.org",         "mail address" },
};

struct number_row {
	const char *(*parse)(const char *word, int64_t *ret);
	const char *word;
	const char *problem;
	int64_t number;
};

static const struct number_row numbers[] = {
	{ word_parse_int, "0",                   NULL, 0 },
	{ word_parse_int, "-12",                 NULL, -12 },
	{ word_parse_int, "0012",                NULL, 12 },
	{ word_parse_int, "",                    "whole number", 0 },
	{ word_parse_int, "-",                   "whole number", 0 },
	{ word_parse_int, "1x",                  "whole number", 0 },
	{ word_parse_int, "+1",                  "whole number", 0 },
	{ word_parse_int, "1.5",                 "whole number", 0 },
	{ word_parse_int, "99999999999999999999", "whole number", 0 },
	{ word_parse_size, "512",                NULL, 512 },
	{ word_parse_size, "64k",                NULL, 65536 },
	{ word_parse_size, "10M",                NULL, 10485760 },
	{ word_parse_size, "1g",                 NULL, 1073741824 },
	{ word_parse_size, "1t",                 "size", 0 },
	{ word_parse_size, "1kb",                "size", 0 },
	{ word_parse_size, "k",                  "size", 0 },
	{ word_parse_size, "-1",                 "size", 0 },
	{ word_parse_size, "1\xcb",              "size", 0 },
	{ word_parse_size, "999999999999999999G", "too large", 0 },
	{ word_parse_duration, "90s",            NULL, INT64_C(90000000) },
	{ word_parse_duration, "1d 6h",          NULL, INT64_C(108000000000) },
	{ word_parse_duration, "0",              NULL, 0 },
	{ word_parse_duration, "5 parsecs",      "duration", 0 },
	{ word_parse_duration, "-5s",            "duration", 0 },
	{ word_parse_duration, "200000000d",     "too long", 0 },
	{ word_parse_mode, "0640",               NULL, 0640 },
	{ word_parse_mode, "640",                NULL, 0640 },
	{ word_parse_mode, "07777",              NULL, 07777 },
	{ word_parse_mode, "17777",              "file mode", 0 },
	{ word_parse_mode, "0888",               "file mode", 0 },
	{ word_parse_mode, "7",                  "file mode", 0 },
	{ word_parse_mode, "0640640",            "file mode", 0 },
	{ word_parse_bool, "yes",                NULL, 1 },
	{ word_parse_bool, "no",                 NULL, 0 },
	{ word_parse_bool, "true",               "yes nor no", 0 },
	{ word_parse_bool, "Yes",                "yes nor no", 0 },
};

struct name_row {
	const char *word;
	unsigned flags;
	const char *domain;
	const char *name; /* NULL = refused */
};

static const struct name_row names[] = {
	{ "Mail.Example.Org.", 0,              NULL,   "mail.example.org" },
	{ "*.example.org",     0,              NULL,   NULL },
	{ "*.example.org",     WORD_NAME_LIST, NULL,   "*.example.org" },
	{ "*.*.example.org",   WORD_NAME_LIST, NULL,   NULL },
	{ "a.*.example.org",   WORD_NAME_LIST, NULL,   NULL },
	{ "mail.%d",           0,              "d.de", NULL },
	{ "mail.%d",           WORD_NAME_LIST, "d.de", "mail.d.de" },
	{ "%d",                WORD_NAME_LIST, "d.de", "d.de" },
	{ "a-%d",              WORD_NAME_LIST, "d.de", "a-d.de" },
	{ "%d.%d",             WORD_NAME_LIST, "d.de", "d.de.d.de" },
	{ "mail.%d",           WORD_NAME_LIST, NULL,   "mail.%d" },
	{ "mail.%x",           WORD_NAME_LIST, NULL,   NULL },
	{ "-.%d",              WORD_NAME_LIST, NULL,   NULL },
	{ "a_b.example.org",   WORD_NAME_LIST, NULL,   NULL },
	{ "192.0.2.1",         WORD_NAME_LIST, NULL,   NULL },
	{ "",                  WORD_NAME_LIST, NULL,   NULL },
	{ "b\xc3\xbc.%d",      WORD_NAME_LIST, "d.de", "xn--b-eha.d.de" },
};

/* clang-format on */

static void test_checks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		test_case(checks[i].word);
		const char *problem = checks[i].check(checks[i].word);
		assert_int_equal(problem != NULL, checks[i].problem != NULL);
		if (problem)
			assert_non_null(strstr(problem, checks[i].problem));
	}
}

static void test_numbers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		int64_t number = -99;
		test_case(numbers[i].word);
		const char *problem = numbers[i].parse(numbers[i].word, &number);
		assert_int_equal(problem != NULL, numbers[i].problem != NULL);
		if (problem)
			assert_non_null(strstr(problem, numbers[i].problem));
		else
			assert_int_equal(number, numbers[i].number);
	}
}

static void test_names(void **state)
{
	char buf[DNAME_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct name_row *row = &names[i];
		test_case(row->word);
		const char *problem = word_parse_name(
			row->word, row->flags, row->domain, buf, sizeof(buf));
		assert_int_equal(problem != NULL, row->name == NULL);
		if (!problem)
			assert_string_equal(buf, row->name);
	}
}

static void test_long_names(void **state)
{
	char word[600];
	char domain[DNAME_MAX + 1];
	char buf[DNAME_MAX + 1];

	memset(word, 'a', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	assert_non_null(word_parse_name(word, WORD_NAME_LIST, NULL, buf, sizeof(buf)));
	for (size_t i = 0; i < DNAME_MAX; i++)
		domain[i] = i % 50 == 49 ? '.' : 'a';
	domain[DNAME_MAX] = '\0';
	assert_null(word_expand_name("%d", domain, buf, sizeof(buf)));
	assert_non_null(word_expand_name("a%d", domain, buf, sizeof(buf)));
	assert_non_null(word_expand_name("%d%d", domain, buf, sizeof(buf)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
