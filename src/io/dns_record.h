/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The content of a DNS record, as text. */
#pragma once

#include "io/dns.h"

/* Normalises a name in wire format (uncompressed, within its message). False: nothing
 * that can be a name here. buf: DNAME_MAX + 1 octets at least. */
bool dns_record_name(const uint8_t *wire, char *buf, size_t size);
/* Owned by the caller. NULL: malformed, too long, or not one of dns.h's types. */
char *dns_record_format(enum dns_type type, const uint8_t *data, size_t len);
