/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See update.h. */
#include "plugins/dns-rfc2136/update.h"

#include <libknot/libknot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define TXT_STRING_MAX 255
#define TXT_BYTES_MAX  8192
#define MAC_ROOM       512 /* for the TSIG record */

struct update_key {
	knot_tsig_key_t tsig;
	char name[UPDATE_NAME_BYTES]; /* for people */
};

static const char *const algorithms[] = { "hmac-sha224", "hmac-sha256", "hmac-sha384",
	"hmac-sha512", NULL };

/* --- keys ------------------------------------------------------------------------------- */

static int is_algorithm(const char *name)
{
	for (size_t i = 0; algorithms[i]; i++) {
		if (strcasecmp(algorithms[i], name) == 0)
			return 1;
	}
	return 0;
}

struct update_key *update_key_new(const char *name, const char *algorithm,
	const char *secret, char *detail, size_t size)
{
	if (!is_algorithm(algorithm)) {
		snprintf(detail, size,
			"the algorithm %.64s of its key is not hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512",
			algorithm);
		return NULL;
	}
	struct update_key *key = calloc(1, sizeof(*key));
	int r = key ? knot_tsig_key_init(&key->tsig, algorithm, name, secret)
		    : KNOT_ENOMEM;
	if (r != KNOT_EOK) {
		snprintf(detail, size, "its key %.64s is no TSIG key: %s", name,
			knot_strerror(r));
		free(key);
		return NULL;
	}
	snprintf(key->name, sizeof(key->name), "%s", name);
	return key;
}

void update_key_free(struct update_key *key)
{
	if (!key)
		return;
	knot_tsig_key_deinit(&key->tsig);
	free(key);
}

/* --- questions ---------------------------------------------------------------------------- */

static int sign(struct update_message *message, const struct update_key *key)
{
	message->mac_len = sizeof(message->mac);
	if (!key) {
		message->mac_len = 0;
		return 0;
	}
	return knot_tsig_sign(message->wire, &message->len, sizeof(message->wire), NULL,
		       0, message->mac, &message->mac_len, &key->tsig, 0, 0) == KNOT_EOK
		       ? 0
		       : -1;
}

static int put_question(knot_pkt_t *pkt, const char *zone, uint8_t opcode, uint16_t id)
{
	knot_dname_t *name = knot_dname_from_str_alloc(zone);
	int r = KNOT_EINVAL;

	knot_pkt_clear(pkt);
	knot_wire_set_id(pkt->wire, id);
	knot_wire_set_opcode(pkt->wire, opcode);
	if (name)
		r = knot_pkt_put_question(pkt, name, KNOT_CLASS_IN, KNOT_RRTYPE_SOA);
	knot_dname_free(name, NULL);
	return r == KNOT_EOK ? 0 : -1;
}

/* The strings of a TXT record are of 255 octets at most. 0: too long. */
static size_t encode_txt(const char *value, uint8_t *data)
{
	size_t len = strlen(value), n = 0;

	if (len == 0 || len + len / TXT_STRING_MAX + 1 > TXT_BYTES_MAX)
		return 0;
	for (size_t at = 0; at < len; at += TXT_STRING_MAX) {
		size_t part = len - at < TXT_STRING_MAX ? len - at : TXT_STRING_MAX;
		data[n++] = (uint8_t)part;
		memcpy(data + n, value + at, part);
		n += part;
	}
	return n;
}

/* RFC 2136, section 2.5: a record of class IN is added, one of class NONE deleted. */
static int put_change(knot_pkt_t *pkt, const struct update_change *change)
{
	uint8_t data[TXT_BYTES_MAX];
	size_t len = encode_txt(change->value, data);
	knot_dname_t *name = knot_dname_from_str_alloc(change->name);
	knot_rrset_t *rr =
		name ? knot_rrset_new(name, KNOT_RRTYPE_TXT,
			       change->is_removal ? KNOT_CLASS_NONE : KNOT_CLASS_IN,
			       change->is_removal ? 0 : change->ttl, NULL)
		     : NULL;
	int r = rr && len > 0 ? knot_rrset_add_rdata(rr, data, (uint16_t)len, NULL)
			      : KNOT_EINVAL;

	if (r == KNOT_EOK)
		r = knot_pkt_begin(pkt, KNOT_AUTHORITY);
	if (r == KNOT_EOK)
		r = knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, rr, 0);
	knot_rrset_free(rr, NULL);
	knot_dname_free(name, NULL);
	return r == KNOT_EOK ? 0 : -1;
}

static int make(struct update_message *ret, const char *zone,
	const struct update_change *change, const struct update_key *key)
{
	knot_pkt_t *pkt = knot_pkt_new(ret->wire, UPDATE_BYTES_MAX - MAC_ROOM, NULL);
	int r = -1;

	if (!pkt)
		return -1;
	if (getrandom(&ret->id, sizeof(ret->id), 0) == sizeof(ret->id))
		r = put_question(pkt, zone,
			change ? KNOT_OPCODE_UPDATE : KNOT_OPCODE_QUERY, ret->id);
	if (r == 0 && change)
		r = put_change(pkt, change);
	ret->len = pkt->size;
	knot_pkt_free(pkt);
	return r == 0 ? sign(ret, key) : -1;
}

int update_make_soa(
	struct update_message *ret, const char *name, const struct update_key *key)
{
	return make(ret, name, NULL, key);
}

int update_make_change(struct update_message *ret, const struct update_change *change,
	const struct update_key *key)
{
	return make(ret, change->zone, change, key);
}

/* --- answers ------------------------------------------------------------------------------- */

static const char *key_name(const struct update_key *key)
{
	return key ? key->name : "(none)";
}

/* What the server says of our signature (RFC 8945, section 5.2). */
static enum update_outcome read_tsig_error(
	uint16_t error, const struct update_key *key, char *detail, size_t size)
{
	switch (error) {
	case KNOT_RCODE_BADKEY:
		snprintf(detail, size,
			"BADKEY: it does not know the key %.64s, or knows it with another algorithm",
			key_name(key));
		return UPDATE_REFUSED;
	case KNOT_RCODE_BADSIG:
		snprintf(detail, size,
			"BADSIG: it knows the key %.64s with another secret",
			key_name(key));
		return UPDATE_REFUSED;
	case KNOT_RCODE_BADTIME:
		snprintf(detail, size, "BADTIME: its clock and ours are too far apart");
		return UPDATE_FAILED;
	default:
		snprintf(detail, size, "it does not take our signature (%u)", error);
		return UPDATE_REFUSED;
	}
}

static enum update_outcome read_rcode(
	uint16_t rcode, const struct update_key *key, char *detail, size_t size)
{
	const knot_lookup_t *row = knot_lookup_by_id(knot_rcode_names, rcode);
	const char *name = row ? row->name : "an unknown error";

	switch (rcode) {
	case KNOT_RCODE_NOERROR:
		return UPDATE_OK;
	case KNOT_RCODE_REFUSED:
		snprintf(detail, size,
			"REFUSED: it does not let the key %.64s change that name",
			key_name(key));
		return UPDATE_REFUSED;
	case KNOT_RCODE_NOTAUTH:
	case KNOT_RCODE_NOTZONE:
		snprintf(detail, size,
			"%s: it does not have that zone, or does not let the key %.64s change it",
			name, key_name(key));
		return UPDATE_REFUSED;
	default:
		snprintf(detail, size, "it answers %s", name);
		return UPDATE_FAILED;
	}
}

static int is_answer(const struct update_message *message, const knot_pkt_t *pkt)
{
	return knot_wire_get_qr(pkt->wire) &&
	       knot_wire_get_id(pkt->wire) == message->id &&
	       knot_wire_get_opcode(pkt->wire) == knot_wire_get_opcode(message->wire);
}

/* An answer without a signature may be anybody's: only bad news is taken from it. */
static int is_signed(const struct update_message *message, const struct update_key *key,
	const knot_pkt_t *pkt)
{
	return !key ||
	       (pkt->tsig_rr && knot_tsig_client_check(pkt->tsig_rr, pkt->wire,
					pkt->size, message->mac, message->mac_len,
					&key->tsig, 0) == KNOT_EOK);
}

static enum update_outcome read_answer(const struct update_message *message,
	const struct update_key *key, const knot_pkt_t *pkt, char *detail, size_t size)
{
	uint16_t rcode = knot_wire_get_rcode(pkt->wire);
	uint16_t error = pkt->tsig_rr ? knot_tsig_rdata_error(pkt->tsig_rr) : 0;
	int is_query = knot_wire_get_opcode(pkt->wire) == KNOT_OPCODE_QUERY;

	if (key && error != 0)
		return read_tsig_error(error, key, detail, size);
	if (is_query && rcode == KNOT_RCODE_NXDOMAIN)
		rcode = KNOT_RCODE_NOERROR; /* the zone is told all the same */
	enum update_outcome outcome = read_rcode(rcode, key, detail, size);
	if (outcome == UPDATE_OK && !is_signed(message, key, pkt)) {
		snprintf(detail, size, "its answer is not signed with the key %.64s",
			key_name(key));
		return UPDATE_FAILED;
	}
	return outcome;
}

/* A packet of a copy, since parsing writes to it. */
static knot_pkt_t *parse(const uint8_t *wire, size_t len, uint8_t **ret_copy)
{
	*ret_copy = len >= KNOT_WIRE_HEADER_SIZE && len <= UPDATE_BYTES_MAX
			    ? malloc(len)
			    : NULL;
	if (!*ret_copy)
		return NULL;
	memcpy(*ret_copy, wire, len);
	knot_pkt_t *pkt = knot_pkt_new(*ret_copy, (uint16_t)len, NULL);
	if (pkt && knot_pkt_parse(pkt, 0) == KNOT_EOK)
		return pkt;
	knot_pkt_free(pkt);
	return NULL;
}

enum update_outcome update_read(const struct update_message *message,
	const struct update_key *key, const uint8_t *wire, size_t len, char *detail,
	size_t size)
{
	enum update_outcome outcome = UPDATE_FAILED;
	uint8_t *copy;
	knot_pkt_t *pkt = parse(wire, len, &copy);

	if (pkt && is_answer(message, pkt))
		outcome = read_answer(message, key, pkt, detail, size);
	else
		snprintf(detail, size, "its answer is malformed");
	knot_pkt_free(pkt);
	free(copy);
	return outcome;
}

/* --- the zone of a name ----------------------------------------------------------------------- */

static void find_zone(
	const knot_pktsection_t *section, const knot_dname_t *name, char *zone)
{
	for (uint16_t i = 0; i < section->count && !zone[0]; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);
		char text[KNOT_DNAME_TXT_MAXLEN + 1];

		if (rr->type != KNOT_RRTYPE_SOA ||
			knot_dname_in_bailiwick(name, rr->owner) < 0 ||
			!knot_dname_to_str(text, rr->owner, sizeof(text)) ||
			strlen(text) < 2 || strlen(text) >= UPDATE_NAME_BYTES)
			continue;
		memcpy(zone, text, strlen(text) + 1);
	}
}

void update_read_zone(const char *name, const uint8_t *wire, size_t len, char *zone)
{
	knot_dname_t *wanted = knot_dname_from_str_alloc(name);
	uint8_t *copy;
	knot_pkt_t *pkt = parse(wire, len, &copy);

	zone[0] = '\0';
	if (wanted)
		knot_dname_to_lower(wanted);
	if (pkt && wanted) {
		find_zone(knot_pkt_section(pkt, KNOT_ANSWER), wanted, zone);
		find_zone(knot_pkt_section(pkt, KNOT_AUTHORITY), wanted, zone);
	}
	knot_pkt_free(pkt);
	knot_dname_free(wanted, NULL);
	free(copy);
}
