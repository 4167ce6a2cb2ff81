/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "util/macro.h"

/* ::ffff:0:0/96 */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

#define MAPPED_BITS (8 * sizeof(mapped))

static void map_ipv4(const struct in_addr *in, uint8_t octets[NETWORK_OCTETS])
{
	memcpy(octets, mapped, sizeof(mapped));
	memcpy(octets + sizeof(mapped), in, sizeof(*in));
}

/* The bits of the family's own addresses; 0: no address. */
static unsigned parse_address(const char *text, uint8_t octets[NETWORK_OCTETS])
{
	struct in_addr in;

	if (inet_pton(AF_INET6, text, octets) == 1)
		return 128;
	if (inet_pton(AF_INET, text, &in) != 1)
		return 0;
	map_ipv4(&in, octets);
	return 32;
}

/* Decimal digits, at most 128; -1: no number. */
static int parse_bits(const char *text)
{
	int bits = 0;

	if (text[0] == '\0' || strlen(text) > 3 ||
		strspn(text, "0123456789") != strlen(text))
		return -1;
	for (; *text; text++)
		bits = 10 * bits + (*text - '0');
	return bits <= 128 ? bits : -1;
}

static bool has_bits_behind(const struct network *network)
{
	for (unsigned i = network->bits; i < 8 * NETWORK_OCTETS; i++)
		if (network->octets[i / 8] & (0x80 >> i % 8))
			return true;
	return false;
}

/* The part before the slash, out of its brackets. False: it is too long for one. */
static bool copy_address(const char *text, size_t len, char *to, size_t size)
{
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= size)
		return false;
	memcpy(to, text, len);
	to[len] = '\0';
	return true;
}

const char *network_parse(const char *text, struct network *ret)
{
	size_t len = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN];
	unsigned family_bits = 0;

	*ret = (struct network){ .bits = 0 };
	if (copy_address(text, len, address, sizeof(address)))
		family_bits = parse_address(address, ret->octets);
	if (family_bits == 0)
		return "write a network such as 192.0.2.0/24 or 2001:db8::/32";
	int bits = text[len] ? parse_bits(text + len + 1) : (int)family_bits;
	if (bits < 0 || (unsigned)bits > family_bits)
		return "behind the slash stands a number of bits: 0 to 32 of IPv4, 0 to "
		       "128 of IPv6";
	ret->bits = (unsigned)bits + 8 * NETWORK_OCTETS - family_bits;
	if (has_bits_behind(ret))
		return "is an address within a network; its bits behind the slash have "
		       "to be 0";
	return NULL;
}

static bool get_octets(
	const struct sockaddr_storage *address, uint8_t octets[NETWORK_OCTETS])
{
	if (address->ss_family == AF_INET6)
		memcpy(octets, &((const struct sockaddr_in6 *)address)->sin6_addr,
			NETWORK_OCTETS);
	else if (address->ss_family == AF_INET)
		map_ipv4(&((const struct sockaddr_in *)address)->sin_addr, octets);
	else
		return false;
	return true;
}

bool network_has(const struct network *network, const struct sockaddr_storage *address)
{
	const unsigned whole = network->bits / 8, rest = network->bits % 8;
	uint8_t octets[NETWORK_OCTETS];

	if (!get_octets(address, octets) || memcmp(octets, network->octets, whole) != 0)
		return false;
	return rest == 0 ||
	       ((octets[whole] ^ network->octets[whole]) >> (8 - rest)) == 0;
}

bool network_list_has(
	const struct network *list, size_t n, const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < n; i++)
		if (network_has(&list[i], address))
			return true;
	return false;
}
