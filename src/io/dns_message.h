/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets of the DNS (RFC 1035, EDNS of RFC 6891): a question made, an answer read. */
#pragma once

#include "io/dns.h"

#define DNS_QUESTION_BYTES 512
#define DNS_UDP_BYTES      1232 /* what we say that we take in one datagram */

struct dns_question {
	const char *name;
	enum dns_type type;
	uint16_t id;
	bool wants_recursion; /* else an answer has to be authoritative */
};

/* What a datagram or a stream brought. */
enum {
	DNS_MESSAGE_FOREIGN = 1,   /* not the answer to this question: wait on */
	DNS_MESSAGE_TRUNCATED = 2, /* ask again by TCP */
};

/* Returns the length in wire (DNS_QUESTION_BYTES). */
int dns_message_write(
	const struct dns_question *question, uint8_t *wire, struct err *err);
/* 0: *ret is what it says, FAILED where it makes no sense. Positive: see above. */
int dns_message_read(const struct dns_question *question, const uint8_t *wire,
	size_t len, struct dns_answer *ret);
/* The same for what a resolver library gives, that has looked at all but the content. */
void dns_message_read_content(const char *name, enum dns_type type, const uint8_t *wire,
	size_t len, struct dns_answer *ret);
