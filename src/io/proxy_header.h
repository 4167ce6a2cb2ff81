/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PROXY protocol, version 2, as it is sent to a backend (haproxy
 * doc/proxy-protocol.txt 2.2). */
#pragma once

#include "io/address.h"
#include "util/buf.h"

struct proxy_header {
	struct address source;      /* the client; both of one family, inet or inet6 */
	struct address destination; /* where it connected to */
	const char *tls_version;    /* "TLSv1.3"; NULL = no TLS facts */
	const char *sni;            /* PP2_TYPE_AUTHORITY; NULL = none */
	const char *alpn;           /* PP2_TYPE_ALPN; NULL = none */
	const char *cipher;         /* PP2_SUBTYPE_SSL_CIPHER; NULL = none */
};

/* Families that do not match (or unix) become a LOCAL header. */
int proxy_header_format(const struct proxy_header *header, struct buf *out);
