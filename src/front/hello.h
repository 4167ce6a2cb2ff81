/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ClientHello as we read it before a TLS session exists (RFC 8446 4.1.2, 5.1; RFC
 * 5246 7.4.1.2). It is the first code that a stranger reaches: it looks at nothing beyond
 * what was received, and refuses what is not well formed as far as it looks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/dname.h"

/* Of the handshake message; with the headers of its records somewhat more comes in. */
#define HELLO_BYTES_MAX 16384
#define HELLO_WIRE_MAX  (HELLO_BYTES_MAX + 4096)

enum hello_sni {
	HELLO_SNI_NONE,
	HELLO_SNI_NAME,
	HELLO_SNI_ODD, /* there is one, but it is not a DNS name */
};

struct hello {
	enum hello_sni sni;
	char name[DNAME_MAX + 1]; /* normalised; "" unless HELLO_SNI_NAME */
	unsigned client;          /* LINK_CLIENT_ of link/message.h; never 0 */
	bool is_tls13;            /* offers TLS 1.3 */
	unsigned n_alpn;
	char alpn[256]; /* the first protocol offered; "" if it is not plain text */
	bool is_acme;   /* offers acme-tls/1 and nothing else */
};

/* Of what has been received from the very first octet on. 1: *ret is filled; 0: more is
 * needed; -EPROTO: this is no ClientHello, or too long a one. */
int hello_parse(const uint8_t *data, size_t len, struct hello *ret);
