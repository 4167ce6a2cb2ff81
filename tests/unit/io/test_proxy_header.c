/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expected octets written down from proxy-protocol.txt section 2.2. */
#include <errno.h>
#include <string.h>

#include "io/proxy_header.h"
#include "tests/lib/test.h"
#include "util/mem.h"

#define SIGNATURE "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"

/* clang-format off */
static const struct {
	const char *name;
	const char *source;
	const char *destination;
	struct proxy_header header;
	const char *octets;
	size_t len;
} cases[] = {
#define OCTETS(s) (s), sizeof(s) - 1
	{ "inet", "192.0.2.1:4660", "127.0.0.1:993", { .sni = NULL },
	  OCTETS(SIGNATURE "\x21\x11\x00\x0c" "\xc0\x00\x02\x01" "\x7f\x00\x00\x01" "\x12\x34" "\x03\xe1") },
	{ "inet6", "[2001:db8::1]:1", "[::1]:2", { .sni = NULL },
	  OCTETS(SIGNATURE "\x21\x21\x00\x24"
		"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" "\0\x01" "\0\x02") },
	{ "families differ", "192.0.2.1:1", "[::1]:2", { .sni = NULL },
	  OCTETS(SIGNATURE "\x20\x00\x00\x00") },
	{ "unix", "unix:/a", "unix:/b", { .sni = NULL },
	  OCTETS(SIGNATURE "\x20\x00\x00\x00") },
	{ "TLS", "192.0.2.1:4660", "127.0.0.1:993",
	  { .tls_version = "TLSv1.3", .sni = "a.test", .alpn = "imap", .cipher = "X" },
	  OCTETS(SIGNATURE "\x21\x11\x00\x32" "\xc0\x00\x02\x01" "\x7f\x00\x00\x01" "\x12\x34" "\x03\xe1"
		"\x01\x00\x04" "imap" "\x02\x00\x06" "a.test"
		"\x20\x00\x13" "\x01" "\x00\x00\x00\x01" "\x21\x00\x07" "TLSv1.3" "\x23\x00\x01" "X") },
	{ "name without TLS", "192.0.2.1:4660", "127.0.0.1:993", { .sni = "a.test", .cipher = "X" },
	  OCTETS(SIGNATURE "\x21\x11\x00\x15" "\xc0\x00\x02\x01" "\x7f\x00\x00\x01" "\x12\x34" "\x03\xe1"
		"\x02\x00\x06" "a.test") },
};

/* clang-format on */

static void test_format(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct proxy_header header = cases[i].header;
		struct buf out = BUF_INIT(1024);

		test_case(cases[i].name);
		assert_int_equal(
			address_parse(cases[i].source, &header.source, NULL), 0);
		assert_int_equal(
			address_parse(cases[i].destination, &header.destination, NULL),
			0);
		assert_int_equal(proxy_header_format(&header, &out), 0);
		assert_int_equal(out.len, cases[i].len);
		assert_memory_equal(out.data, cases[i].octets, out.len);
		buf_done(&out);
	}
}

static void test_no_room(void **state)
{
	struct proxy_header header = { .sni = "a.test" };
	struct buf out = BUF_INIT(20);

	assert_int_equal(address_parse("192.0.2.1:1", &header.source, NULL), 0);
	header.destination = header.source;
	assert_int_equal(proxy_header_format(&header, &out), -E2BIG);
	/* All or nothing. */
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
