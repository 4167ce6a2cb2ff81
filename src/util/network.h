/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Networks as the configuration writes them: 192.0.2.0/24, 2001:db8::/32, [::1]/128, or an
 * address alone. IPv4 is what it is mapped to in IPv6, so that one comparison does for
 * both. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr_storage;

#define NETWORK_OCTETS 16

struct network {
	uint8_t octets[NETWORK_OCTETS];
	unsigned bits; /* that count, from the first on */
};

/* NULL: *ret is filled. Else what is wrong, as a hint (static). */
const char *network_parse(const char *text, struct network *ret);
bool network_has(const struct network *network, const struct sockaddr_storage *address);
/* Is it in one of the n? What is no internet address is in none. */
bool network_list_has(
	const struct network *list, size_t n, const struct sockaddr_storage *address);
