/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util/macro.h"
#include "util/network.h"

static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage sa = { .ss_family = AF_INET6 };

	if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&sa)->sin6_addr) == 1)
		return sa;
	sa.ss_family = AF_INET;
	assert_int_equal(
		inet_pton(AF_INET, text, &((struct sockaddr_in *)&sa)->sin_addr), 1);
	return sa;
}

/* clang-format off */
static const struct {
	const char *network, *address;
	bool is_in;
} pairs[] = {
	{ "192.0.2.0/24",       "192.0.2.0",              true },
	{ "192.0.2.0/24",       "192.0.2.255",            true },
	{ "192.0.2.0/24",       "192.0.3.0",              false },
	{ "192.0.2.0/24",       "::ffff:192.0.2.1",       true },
	{ "192.0.2.0/24",       "2001:db8::1",            false },
	{ "192.0.2.128/25",     "192.0.2.127",            false },
	{ "192.0.2.128/25",     "192.0.2.200",            true },
	{ "192.0.2.4/30",       "192.0.2.7",              true },
	{ "192.0.2.4/30",       "192.0.2.8",              false },
	{ "192.0.2.1",          "192.0.2.1",              true },
	{ "192.0.2.1",          "192.0.2.2",              false },
	{ "192.0.2.1/32",       "192.0.2.1",              true },
	{ "0.0.0.0/0",          "203.0.113.9",            true },
	{ "0.0.0.0/0",          "2001:db8::1",            false },
	{ "::/0",               "2001:db8::1",            true },
	{ "::/0",               "192.0.2.1",              true },
	{ "2001:db8::/32",      "2001:db8:ffff::1",       true },
	{ "2001:db8::/32",      "2001:db9::",             false },
	{ "2001:db8:0:10::/60", "2001:db8:0:1f::1",       true },
	{ "2001:db8:0:10::/60", "2001:db8:0:20::1",       false },
	{ "[::1]/128",          "::1",                    true },
	{ "[::1]",              "::1",                    true },
	{ "::1",                "::2",                    false },
	{ "::ffff:192.0.2.0/120", "192.0.2.9",            true },
	{ "127.0.0.0/8",        "127.255.0.1",            true },
};

static const char *const wrong[] = {
	"", "/", "/24", "mail.example.org", "192.0.2", "192.0.2.0/", "192.0.2.0/33",
	"192.0.2.0/-1", "192.0.2.0/+8", "192.0.2.0/24x", "192.0.2.0/024x", "192.0.2.0/0008",
	"192.0.2.0/999", "192.0.2.1/24", "2001:db8::/129", "2001:db8::1/64", "[::1",
	"[192.0.2.1", "[]", "::1]", "fe80::1%eth0", " 192.0.2.0/24", "192.0.2.0 /24",
	"192.0.2.0/24/24", "0x7f.0.0.1", "127.1", "*",
	"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee/64",
};

/* clang-format on */

static void test_has(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct sockaddr_storage sa = address_of(pairs[i].address);
		struct network network;

		test_case(pairs[i].network);
		assert_null(network_parse(pairs[i].network, &network));
		assert_int_equal(network_has(&network, &sa), pairs[i].is_in);
	}
}

static void test_wrong(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct network network;

		test_case(wrong[i]);
		assert_non_null(network_parse(wrong[i], &network));
	}
}

static void test_list(void **state)
{
	struct sockaddr_storage in = address_of("10.1.2.3"),
				out = address_of("10.2.0.0");
	const struct sockaddr_storage local = { .ss_family = AF_UNIX };
	struct network list[2];

	assert_null(network_parse("::1", &list[0]));
	assert_null(network_parse("10.1.0.0/16", &list[1]));
	assert_true(network_list_has(list, 2, &in));
	assert_false(network_list_has(list, 1, &in));
	assert_false(network_list_has(list, 2, &out));
	assert_false(network_list_has(list, 2, &local));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
