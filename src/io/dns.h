/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions to the DNS, on the loop, and what came of them.
 *
 *   dns_resolver.h  a resolver of our own: validates by DNSSEC, remembers little
 *   dns_ask.h       one question to one server, and nobody else
 *   dns_survey.h    one question to each authoritative server of the name's zone
 *
 * All answers are input: names that are none, and what is too much, never get in here.
 */
#pragma once

#include "io/loop.h"
#include "util/err.h"

#define DNS_CHAIN_MAX    16   /* CNAMEs that lead to an answer */
#define DNS_VALUES_MAX   256  /* records of an answer that are kept */
#define DNS_VALUE_MAX    8192 /* octets of one, as text; longer ones are left out */
#define DNS_PACKET_BYTES 65535

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_CAA = 257,
};

enum dns_status {
	DNS_FOUND,
	DNS_NO_DATA,  /* the name is there; no such record at it */
	DNS_NO_NAME,  /* NXDOMAIN */
	DNS_REFERRAL, /* dns_ask.h: servers of a zone below know */
	DNS_FAILED,   /* nobody could tell: the detail says why */
	DNS_BOGUS,    /* DNSSEC says that it is forged */
	_DNS_STATUS_MAX,
};

struct dns_answer {
	enum dns_status status;
	/* Owned, NULL-terminated. FOUND: addresses, names, TXT: its strings joined, with
	 * what is not printable as "\ddd", CAA: `0 issue "ca.example"`.
	 * REFERRAL: the servers' names. NULL otherwise. */
	char **values;
	char **chain; /* owned; the names that CNAMEs led to, the last had the values */
	char *zone;   /* owned; REFERRAL: the zone below */
	char *detail; /* owned; FAILED and BOGUS, else NULL */
	bool is_secure; /* validated by DNSSEC; by the resolver alone */
};

/* All that it points to lives until it returns, whatever is cancelled meanwhile. */
typedef void dns_done_fn(const struct dns_answer *answer, void *userdata);

/* Makes it a FAILED one. */
_printf_(2, 3) void dns_answer_fail(struct dns_answer *answer, const char *fmt, ...);
void dns_answer_done(struct dns_answer *answer);
void dns_answer_move(struct dns_answer *dst, struct dns_answer *src);
/* Where the values are from: the end of the chain, or the name asked for. Borrowed. */
const char *dns_answer_get_owner(const struct dns_answer *answer, const char *name);

/* "TXT"; 0: no such type. */
enum dns_type dns_type_parse(const char *text);
const char *dns_type_format(enum dns_type type);
