/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Read from the octets received so far, again from the start each time: a header is
 * short, and nothing of it is kept in between. Without leniency: who sends a header is a
 * program, and what is not exactly one is not from the program that was allowed to.
 */
#include "io/proxy_read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define V1_START  "PROXY "
#define V1_MAX    107 /* octets of the line, with its end */
#define V1_FIELDS 6

#define V2_FIXED      16 /* octets before the addresses */
#define COMMAND_LOCAL 0x20
#define COMMAND_PROXY 0x21
#define FAMILY_NONE   0x00 /* unknown to the sender */
#define FAMILY_INET   0x11 /* TCP over IPv4 */
#define FAMILY_INET6  0x21 /* TCP over IPv6 */
#define FAMILY_UNIX   0x31 /* a unix stream */
#define TLV_FIXED     3
#define TLV_CRC32C    0x03

static const uint8_t signature[] = { '\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U',
	'I', 'T', '\n' };

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void set_address(
	struct address *ret, sa_family_t family, const void *host, in_port_t port)
{
	struct sockaddr_in *sin = (void *)&ret->sa;
	struct sockaddr_in6 *sin6 = (void *)&ret->sa;

	memset(ret, 0, sizeof(*ret));
	ret->sa.ss_family = family;
	if (family == AF_INET) {
		memcpy(&sin->sin_addr, host, sizeof(sin->sin_addr));
		sin->sin_port = port;
		ret->len = sizeof(*sin);
	} else {
		memcpy(&sin6->sin6_addr, host, sizeof(sin6->sin6_addr));
		sin6->sin6_port = port;
		ret->len = sizeof(*sin6);
	}
}

/* --- version 1: a line ------------------------------------------------------------- */

static bool parse_port(const char *s, in_port_t *ret)
{
	size_t len = strlen(s);

	if (len < 1 || len > 5 || strspn(s, "0123456789") != len ||
		(len > 1 && s[0] == '0'))
		return false;
	unsigned long port = strtoul(s, NULL, 10);
	*ret = htons((in_port_t)port);
	return port <= UINT16_MAX;
}

static bool parse_v1_address(
	const char *host, const char *port, sa_family_t family, struct address *ret)
{
	struct in6_addr octets;
	in_port_t n;

	if (inet_pton(family, host, &octets) != 1 || !parse_port(port, &n))
		return false;
	set_address(ret, family, &octets, n);
	return true;
}

/* Splits in place at single spaces; false: not exactly so many fields. */
static bool split(char *line, char *fields[V1_FIELDS])
{
	size_t n = 0;

	for (char *p = line; p; n++) {
		if (n == V1_FIELDS)
			return false;
		fields[n] = p;
		p = strchr(p, ' ');
		if (p)
			*p++ = '\0';
	}
	return n == V1_FIELDS;
}

static int parse_line(char *line, struct proxy_read *ret)
{
	static const char unknown[] = V1_START "UNKNOWN";
	char *fields[V1_FIELDS];
	sa_family_t family;

	/* What follows UNKNOWN is to be ignored. */
	if (strncmp(line, unknown, strlen(unknown)) == 0 &&
		strchr(" ", line[strlen(unknown)]))
		return 1;
	if (!split(line, fields))
		return -EPROTO;
	if (strcmp(fields[1], "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(fields[1], "TCP6") == 0)
		family = AF_INET6;
	else
		return -EPROTO;
	if (!parse_v1_address(fields[2], fields[4], family, &ret->source) ||
		!parse_v1_address(fields[3], fields[5], family, &ret->destination))
		return -EPROTO;
	ret->has_addresses = true;
	return 1;
}

static int read_v1(const uint8_t *data, size_t len, struct proxy_read *ret)
{
	const uint8_t *end = memchr(data, '\n', min_size(len, V1_MAX));
	char line[V1_MAX + 1];

	if (!end)
		return len < V1_MAX ? 0 : -EPROTO;
	ret->len = (size_t)(end - data) + 1;
	memcpy(line, data, ret->len);
	if (memchr(line, '\0', ret->len) || line[ret->len - 2] != '\r')
		return -EPROTO;
	line[ret->len - 2] = '\0';
	return strchr(line, '\r') ? -EPROTO : parse_line(line, ret);
}

/* --- version 2: octets ------------------------------------------------------------- */

static uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t crc32c_octet(uint32_t crc, uint8_t octet)
{
	crc ^= octet;
	for (int i = 0; i < 8; i++)
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	return crc;
}

/* Over the whole header, the four octets of the sum itself as zero. */
static bool is_crc_right(const uint8_t *data, size_t len, size_t at)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++)
		crc = crc32c_octet(crc, i >= at && i < at + 4 ? 0 : data[i]);
	uint32_t said = (uint32_t)get_be16(data + at) << 16 | get_be16(data + at + 2);
	return ~crc == said;
}

/* `at`: where the first begins. */
static bool are_tlvs_right(const uint8_t *data, size_t len, size_t at)
{
	bool has_crc = false;

	while (at < len) {
		if (len - at < TLV_FIXED)
			return false;
		uint8_t type = data[at];
		size_t n = get_be16(data + at + 1);
		at += TLV_FIXED;
		if (n > len - at)
			return false;
		if (type == TLV_CRC32C) {
			if (has_crc || n != 4 || !is_crc_right(data, len, at))
				return false;
			has_crc = true;
		}
		at += n;
	}
	return true;
}

/* Octets of both addresses and ports; -1: of no stream that we know. */
static int addresses_length(uint8_t family)
{
	switch (family) {
	case FAMILY_NONE:
		return 0;
	case FAMILY_INET:
		return 12;
	case FAMILY_INET6:
		return 36;
	case FAMILY_UNIX:
		return 216;
	default:
		return -1;
	}
}

static void set_v2_addresses(const uint8_t *p, uint8_t family, struct proxy_read *ret)
{
	ret->has_addresses = family == FAMILY_INET || family == FAMILY_INET6;
	if (family == FAMILY_INET) {
		set_address(&ret->source, AF_INET, p, htons(get_be16(p + 8)));
		set_address(&ret->destination, AF_INET, p + 4, htons(get_be16(p + 10)));
	} else if (family == FAMILY_INET6) {
		set_address(&ret->source, AF_INET6, p, htons(get_be16(p + 32)));
		set_address(
			&ret->destination, AF_INET6, p + 16, htons(get_be16(p + 34)));
	}
}

static int read_v2(const uint8_t *data, size_t len, struct proxy_read *ret)
{
	/* Refused as early as it can be told: nobody waits for a cause to wait. */
	if ((len > 12 && data[12] != COMMAND_LOCAL && data[12] != COMMAND_PROXY) ||
		(len > 13 && data[12] == COMMAND_PROXY &&
			addresses_length(data[13]) < 0))
		return -EPROTO;
	if (len < V2_FIXED)
		return 0;
	ret->len = V2_FIXED + (size_t)get_be16(data + 14);
	if (ret->len > PROXY_READ_MAX)
		return -EPROTO;
	if (len < ret->len)
		return 0;
	/* Its family and all the rest are to be ignored. */
	if (data[12] == COMMAND_LOCAL)
		return 1;
	size_t at = V2_FIXED + (size_t)addresses_length(data[13]);
	if (at > ret->len || !are_tlvs_right(data, ret->len, at))
		return -EPROTO;
	set_v2_addresses(data + V2_FIXED, data[13], ret);
	return 1;
}

int proxy_read(const uint8_t *data, size_t len, struct proxy_read *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (len == 0)
		return 0;
	if (memcmp(data, signature, min_size(len, sizeof(signature))) == 0)
		return read_v2(data, len, ret);
	if (memcmp(data, V1_START, min_size(len, strlen(V1_START))) == 0)
		return read_v1(data, len, ret);
	return -EPROTO;
}
