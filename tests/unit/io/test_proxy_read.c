/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Octets written down from proxy-protocol.txt sections 2.1 and 2.2. */
#include <errno.h>
#include <string.h>

#include "io/proxy_read.h"
#include "tests/lib/test.h"
#include "util/mem.h"

#define SIGNATURE "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
#define INET               \
	"\xc0\x00\x02\x01" \
	"\xc6\x33\x64\x02" \
	"\x12\x34"         \
	"\x03\xe1"
#define OCTETS(s) (s), sizeof(s) - 1

/* clang-format off */
static const struct {
	const char *name;
	const char *octets;
	size_t len;
	const char *source; /* NULL: those of the socket hold */
	const char *destination;
} good[] = {
	{ "TCP4", OCTETS("PROXY TCP4 192.0.2.1 198.51.100.2 4660 993\r\n"),
	  "192.0.2.1:4660", "198.51.100.2:993" },
	{ "TCP6", OCTETS("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"),
	  "[2001:db8::1]:1", "[::1]:65535" },
	{ "ports of nobody", OCTETS("PROXY TCP4 0.0.0.0 255.255.255.255 0 0\r\n"),
	  "0.0.0.0:0", "255.255.255.255:0" },
	{ "the longest TCP6", OCTETS("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
	{ "the longest of all", OCTETS("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), NULL, NULL },
	{ "UNKNOWN", OCTETS("PROXY UNKNOWN\r\n"), NULL, NULL },
	{ "UNKNOWN with junk", OCTETS("PROXY UNKNOWN  \x01 junk\r\n"), NULL, NULL },
	{ "inet", OCTETS(SIGNATURE "\x21\x11\x00\x0c" INET), "192.0.2.1:4660", "198.51.100.2:993" },
	{ "inet6", OCTETS(SIGNATURE "\x21\x21\x00\x24"
		"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" "\0\x01" "\0\x02"),
	  "[2001:db8::1]:1", "[::1]:2" },
	{ "TLVs", OCTETS(SIGNATURE "\x21\x11\x00\x16" INET "\x04\x00\x00" "\xee\x00\x04" "abcd"),
	  "192.0.2.1:4660", "198.51.100.2:993" },
	{ "checksum", OCTETS(SIGNATURE "\x21\x11\x00\x17" INET "\x04\x00\x01x" "\x03\x00\x04\xf6\x73\x26\x53"),
	  "192.0.2.1:4660", "198.51.100.2:993" },
	{ "no family", OCTETS(SIGNATURE "\x21\x00\x00\x03" "\x04\x00\x00"), NULL, NULL },
	{ "LOCAL", OCTETS(SIGNATURE "\x20\x00\x00\x00"), NULL, NULL },
	{ "LOCAL with addresses", OCTETS(SIGNATURE "\x20\x11\x00\x0c" INET), NULL, NULL },
	{ "LOCAL with junk", OCTETS(SIGNATURE "\x20\xff\x00\x02" "\xff\xff"), NULL, NULL },
};

static const struct {
	const char *name;
	const char *octets;
	size_t len;
} bad[] = {
	{ "TLS", OCTETS("\x16\x03\x01") },
	{ "other text", OCTETS("GET / HTTP/1.1\r\n") },
	{ "lower case", OCTETS("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n") },
	{ "lower case family", OCTETS("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n") },
	{ "another family", OCTETS("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n") },
	{ "wrong family 4", OCTETS("PROXY TCP4 ::1 ::1 1 2\r\n") },
	{ "wrong family 6", OCTETS("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n") },
	{ "families mixed", OCTETS("PROXY TCP6 ::1 192.0.2.2 1 2\r\n") },
	{ "a longer UNKNOWN", OCTETS("PROXY UNKNOWNS\r\n") },
	{ "two spaces", OCTETS("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n") },
	{ "two spaces at first", OCTETS("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n") },
	{ "space at the end", OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n") },
	{ "tab", OCTETS("PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n") },
	{ "a field more", OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n") },
	{ "a field less", OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n") },
	{ "nothing", OCTETS("PROXY \r\n") },
	{ "port 65536", OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n") },
	{ "port too long", OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 4294967297\r\n") },
	{ "zero before a port", OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n") },
	{ "sign before a port", OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n") },
	{ "port of letters", OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 imap\r\n") },
	{ "zero before an address", OCTETS("PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n") },
	{ "address out of range", OCTETS("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n") },
	{ "NUL", OCTETS("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n") },
	{ "line without CR", OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n") },
	{ "CR inside", OCTETS("PROXY UNKNOWN \r\r\n") },
	{ "no end in 107 octets", OCTETS("PROXY UNKNOWN fffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n") },
	{ "version 1 in octets", OCTETS(SIGNATURE "\x11") },
	{ "version 3", OCTETS(SIGNATURE "\x31") },
	{ "command 2", OCTETS(SIGNATURE "\x22") },
	{ "datagram", OCTETS(SIGNATURE "\x21\x12") },
	{ "family 4", OCTETS(SIGNATURE "\x21\x41") },
	{ "transport alone", OCTETS(SIGNATURE "\x21\x01") },
	{ "length 65535", OCTETS(SIGNATURE "\x21\x11\xff\xff") },
	{ "length 521", OCTETS(SIGNATURE "\x21\x11\x02\x09") },
	{ "LOCAL of length 521", OCTETS(SIGNATURE "\x20\x00\x02\x09") },
	{ "length 0", OCTETS(SIGNATURE "\x21\x11\x00\x00") },
	{ "length 11", OCTETS(SIGNATURE "\x21\x11\x00\x0b" INET) },
	{ "inet6 of length 12", OCTETS(SIGNATURE "\x21\x21\x00\x0c" INET) },
	{ "half a TLV", OCTETS(SIGNATURE "\x21\x11\x00\x0e" INET "\x04\x00") },
	{ "TLV beyond the end", OCTETS(SIGNATURE "\x21\x11\x00\x10" INET "\x04\x00\x02" "ab") },
	{ "wrong checksum", OCTETS(SIGNATURE "\x21\x11\x00\x17" INET "\x04\x00\x01x" "\x03\x00\x04\xf6\x73\x26\x54") },
	{ "short checksum", OCTETS(SIGNATURE "\x21\x11\x00\x12" INET "\x03\x00\x03\xf6\x73\x26") },
};

/* clang-format on */

/* From a copy of exactly its size, so that a sanitizer sees what is read beyond. */
static int read_copy(const char *octets, size_t len, struct proxy_read *ret)
{
	_cleanup_(freep) uint8_t *copy = xcalloc(len + 1, 1);

	memcpy(copy + 1, octets, len);
	return proxy_read(copy + 1, len, ret);
}

static void assert_address(const struct address *address, const char *text)
{
	char buf[ADDRESS_TEXT_MAX];

	assert_string_equal(address_format(address, buf, sizeof(buf)), text);
}

/* At every octet of it more is needed; with something after it, it is the same. */
static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct proxy_read header;
		char longer[PROXY_READ_MAX] = { 0 };

		test_case(good[i].name);
		for (size_t n = 0; n < good[i].len; n++)
			assert_int_equal(read_copy(good[i].octets, n, &header), 0);
		assert_int_equal(read_copy(good[i].octets, good[i].len, &header), 1);
		assert_int_equal(header.len, good[i].len);
		assert_int_equal(header.has_addresses, good[i].source != NULL);
		memcpy(longer, good[i].octets, good[i].len);
		memcpy(longer + good[i].len, "\r\nQUIT\n", 7);
		assert_int_equal(read_copy(longer, good[i].len + 7, &header), 1);
		assert_int_equal(header.len, good[i].len);
		if (!good[i].source)
			continue;
		assert_address(&header.source, good[i].source);
		assert_address(&header.destination, good[i].destination);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct proxy_read header;

		test_case(bad[i].name);
		assert_int_equal(
			read_copy(bad[i].octets, bad[i].len, &header), -EPROTO);
	}
}

/* A header under a checksum is never taken with any bit of it changed. */
static void test_flipped(void **state)
{
	static const char octets[] = SIGNATURE "\x21\x11\x00\x17" INET "\x04\x00\x01x"
					       "\x03\x00\x04\xf6\x73\x26\x53";
	char flipped[sizeof(octets)];
	struct proxy_read header;

	for (size_t bit = 0; bit < 8 * (sizeof(octets) - 1); bit++) {
		memcpy(flipped, octets, sizeof(octets));
		flipped[bit / 8] ^= (char)(1 << bit % 8);
		int r = read_copy(flipped, sizeof(octets) - 1, &header);
		/* PROXY become LOCAL has nothing left to be checked; a type become
		 * another has no checksum left. */
		if (bit == 8 * 12 || bit / 8 == sizeof(octets) - 1 - 7)
			assert_int_equal(r, 1);
		else
			assert_int_not_equal(r, 1);
	}
}

/* Every octet of a line replaced by every other: never read beyond, never crashed, and
 * what is taken has addresses of the family that it says. */
static void test_changed_line(void **state)
{
	static const char octets[] = "PROXY TCP4 192.0.2.1 198.51.100.2 4660 993\r\n";
	char changed[sizeof(octets)];
	struct proxy_read header;

	for (size_t i = 0; i < sizeof(octets) - 1; i++) {
		for (int c = 0; c < 256; c++) {
			memcpy(changed, octets, sizeof(octets));
			changed[i] = (char)c;
			if (read_copy(changed, sizeof(octets) - 1, &header) != 1)
				continue;
			assert_int_equal(header.len, sizeof(octets) - 1);
			assert_true(header.has_addresses);
			assert_int_equal(header.source.sa.ss_family, AF_INET);
			assert_true(c == octets[i] || (c >= '0' && c <= '9') ||
				    c == '.' || c == ' ');
		}
	}
}

/* The longest that is taken, and that it is filled to its end. */
static void test_longest(void **state)
{
	char octets[PROXY_READ_MAX] = SIGNATURE "\x21\x11\x02\x08" INET "\x04\x01\xf9";
	struct proxy_read header;

	assert_int_equal(read_copy(octets, sizeof(octets) - 1, &header), 0);
	assert_int_equal(read_copy(octets, sizeof(octets), &header), 1);
	assert_int_equal(header.len, PROXY_READ_MAX);
	assert_address(&header.source, "192.0.2.1:4660");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_changed_line),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
