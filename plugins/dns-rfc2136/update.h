/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages to a nameserver: which zone is a name in (SOA), and updates of it (RFC 2136),
 * signed by TSIG (RFC 8945). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define UPDATE_BYTES_MAX  65535
#define UPDATE_NAME_BYTES 256
#define UPDATE_MAC_BYTES  64

struct update_key;

/* secret: base64; algorithm: "hmac-sha224" to "hmac-sha512". NULL: out of memory, or one of
 * them is none, and detail tells. */
struct update_key *update_key_new(const char *name, const char *algorithm,
	const char *secret, char *detail, size_t size);
void update_key_free(struct update_key *key);

/* One question, ready to be sent, and what is needed to take its answer. */
struct update_message {
	uint8_t wire[UPDATE_BYTES_MAX];
	size_t len;
	uint16_t id;
	uint8_t mac[UPDATE_MAC_BYTES];
	size_t mac_len;
};

struct update_change {
	const char *zone;
	const char *name;
	const char *value; /* TXT */
	uint32_t ttl;
	int is_removal; /* of that value alone */
};

/* Each 0, or -1: it does not fit, or a name is none. key NULL: unsigned. */
int update_make_soa(
	struct update_message *ret, const char *name, const struct update_key *key);
int update_make_change(struct update_message *ret, const struct update_change *change,
	const struct update_key *key);

enum update_outcome {
	UPDATE_OK,
	UPDATE_FAILED,  /* may pass */
	UPDATE_REFUSED, /* not as long as nobody changes a thing */
};

/* Is that an answer to the message, and what does it say? A sentence in detail (size
 * octets) unless OK. */
enum update_outcome update_read(const struct update_message *message,
	const struct update_key *key, const uint8_t *wire, size_t len, char *detail,
	size_t size);
/* After UPDATE_OK to update_make_soa: the zone that the name is in; "" where the answer
 * does not tell (ask for the name above). zone: UPDATE_NAME_BYTES. */
void update_read_zone(const char *name, const uint8_t *wire, size_t len, char *zone);
