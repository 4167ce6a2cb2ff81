/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server of the DNS on a real loop, by UDP and TCP, that answers by a table and
 * misbehaves as the table says. */
#pragma once

#include "io/loop.h"

struct fake_dns;

enum {
	FAKE_DNS_NO_AA = 1 << 0,    /* no authority */
	FAKE_DNS_TRUNCATE = 1 << 1, /* by UDP only */
	FAKE_DNS_SILENT = 1 << 2,
	FAKE_DNS_WRONG_ID = 1 << 3, /* before the right one */
	FAKE_DNS_CUT = 1 << 4,      /* in the middle of a record */
	FAKE_DNS_GARBAGE = 1 << 5,
	FAKE_DNS_LATE = 1 << 6, /* only the second time it is asked */
};

struct fake_dns_record {
	char section; /* 'A'nswer or a'U'thority; 0 ends the list */
	const char *name;
	unsigned type;
	const char *value; /* A: "192.0.2.1"; names; TXT: one value */
};

struct fake_dns_rule {
	const char *name; /* NULL: all that no rule before was for */
	unsigned type;
	unsigned rcode;
	unsigned flags;
	struct fake_dns_record records[6];
};

/* The rules are borrowed; the last has the name NULL. port 0: any. */
int fake_dns_new(struct fake_dns **ret, struct loop *loop, const char *address,
	unsigned port, const struct fake_dns_rule *rules);
unsigned fake_dns_get_port(const struct fake_dns *dns);
/* How often it was asked for that name, whatever the type. */
unsigned fake_dns_count(const struct fake_dns *dns, const char *name);
struct fake_dns *fake_dns_free(struct fake_dns *dns);
DEFINE_CLEANUP(struct fake_dns *, fake_dns_free)
