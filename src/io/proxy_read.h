/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PROXY protocol, versions 1 and 2, as a balancer before us sends it (haproxy
 * doc/proxy-protocol.txt 2.1 and 2.2). */
#pragma once

#include "io/address.h"

#define PROXY_READ_MAX 536 /* octets of a whole header; what is longer is refused */

struct proxy_read {
	size_t len;            /* octets of the header; what follows is the client's */
	bool has_addresses;    /* no (LOCAL, UNKNOWN): those of the socket hold */
	struct address source; /* the client; both of one family, inet or inet6 */
	struct address destination; /* where it connected to */
};

/* Reads what has been received so far. 1: the header is whole and *ret filled; 0: more
 * is needed; -EPROTO: this is no header, whatever may follow. */
int proxy_read(const uint8_t *data, size_t len, struct proxy_read *ret);
