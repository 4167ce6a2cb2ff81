/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dns_message.h. libknot checks the packet's form; what its records mean together is
 * read here: CNAMEs are followed within the answer, and where nothing else is said the
 * authority section tells "not here" from "ask them".
 */
#include "io/dns_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/dns_knot.h"
#include "io/dns_record.h"
#include "util/dname.h"
#include "util/mem.h"

#define NAME_BYTES (DNAME_MAX + 1)

/* --- the question ----------------------------------------------------------------------- */

static int put_edns(knot_pkt_t *pkt)
{
	knot_rrset_t opt;
	int r = knot_edns_init(&opt, DNS_UDP_BYTES, 0, KNOT_EDNS_VERSION, &pkt->mm);

	if (r == KNOT_EOK)
		r = knot_pkt_begin(pkt, KNOT_ADDITIONAL);
	if (r == KNOT_EOK)
		r = knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &opt, KNOT_PF_FREE);
	return r;
}

int dns_message_write(
	const struct dns_question *question, uint8_t *wire, struct err *err)
{
	knot_dname_t *name = knot_dname_from_str_alloc(question->name);
	knot_pkt_t *pkt = knot_pkt_new(wire, DNS_QUESTION_BYTES, NULL);
	int r = name && pkt ? KNOT_EOK : KNOT_EINVAL;

	if (r == KNOT_EOK) {
		knot_pkt_clear(pkt);
		knot_wire_set_id(pkt->wire, question->id);
		if (question->wants_recursion)
			knot_wire_set_rd(pkt->wire);
		r = knot_pkt_put_question(
			pkt, name, KNOT_CLASS_IN, (uint16_t)question->type);
	}
	if (r == KNOT_EOK)
		r = put_edns(pkt);
	int len = r == KNOT_EOK ? (int)pkt->size : -EINVAL;
	knot_pkt_free(pkt);
	knot_dname_free(name, NULL);
	if (len < 0)
		return err_set(err, len, "%s cannot be asked for: %s", question->name,
			knot_strerror(r));
	return len;
}

/* --- the sections ------------------------------------------------------------------------ */

static bool is_owner(const knot_rrset_t *rr, const char *name)
{
	char owner[NAME_BYTES];

	return rr->rclass == KNOT_CLASS_IN &&
	       dns_record_name(rr->owner, owner, sizeof(owner)) &&
	       strcmp(owner, name) == 0;
}

static void collect(struct dns_answer *ret, const knot_rrset_t *rr)
{
	size_t n = strv_length(ret->values);
	knot_rdata_t *data = rr->rrs.rdata;

	for (uint16_t i = 0; i < rr->rrs.count && n < DNS_VALUES_MAX; i++) {
		char *text = dns_record_format(
			(enum dns_type)rr->type, data->data, data->len);
		if (text) {
			strv_append(&ret->values, text);
			n++;
		}
		free(text);
		data = knot_rdataset_next(data);
	}
}

/* False: there is none. A target that is no name fails the answer. */
static bool find_cname(const knot_pktsection_t *section, const char *name, char **ret)
{
	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);

		if (rr->type != KNOT_RRTYPE_CNAME || !is_owner(rr, name) ||
			rr->rrs.count == 0)
			continue;
		*ret = dns_record_format(
			DNS_CNAME, rr->rrs.rdata->data, rr->rrs.rdata->len);
		return true;
	}
	return false;
}

/* From the name asked for to where its CNAMEs lead, as far as this answer knows. */
static bool follow(
	const knot_pktsection_t *section, const char *name, struct dns_answer *ret)
{
	_cleanup_(freep) char *target = NULL;
	const char *at = name;

	for (unsigned i = 0; find_cname(section, at, &target); i++) {
		if (!target || i == DNS_CHAIN_MAX || strcmp(target, name) == 0 ||
			(ret->chain && strv_contains(ret->chain, target))) {
			dns_answer_fail(ret, "%s is a CNAME that leads nowhere", name);
			return false;
		}
		strv_append(&ret->chain, target);
		at = dns_answer_get_owner(ret, name);
		free(TAKE_PTR(target));
	}
	return true;
}

static void collect_at(const knot_pktsection_t *section, const char *owner,
	enum dns_type type, struct dns_answer *ret)
{
	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);

		if (rr->type == (uint16_t)type && is_owner(rr, owner))
			collect(ret, rr);
	}
}

static bool is_below(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	return n >= z && strcmp(name + n - z, zone) == 0 &&
	       (n == z || name[n - z - 1] == '.');
}

/* NS of a zone that the name is in, and no SOA: that zone's servers know. */
static bool read_referral(
	const knot_pktsection_t *section, const char *name, struct dns_answer *ret)
{
	char owner[NAME_BYTES];

	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);

		if (rr->type == KNOT_RRTYPE_SOA)
			return false;
		if (rr->type != KNOT_RRTYPE_NS || ret->zone ||
			!dns_record_name(rr->owner, owner, sizeof(owner)) ||
			!is_below(name, owner))
			continue;
		ret->zone = xstrdup(owner);
	}
	if (ret->zone)
		collect_at(section, ret->zone, DNS_NS, ret);
	return ret->values != NULL;
}

static void read_content(
	knot_pkt_t *pkt, const char *name, enum dns_type type, struct dns_answer *ret)
{
	const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);
	bool is_no_name = knot_wire_get_rcode(pkt->wire) == KNOT_RCODE_NXDOMAIN;

	if (type != DNS_CNAME && !follow(answer, name, ret))
		return;
	const char *owner = dns_answer_get_owner(ret, name);
	collect_at(answer, owner, type, ret);
	if (ret->values)
		ret->status = DNS_FOUND;
	else if (is_no_name)
		ret->status = DNS_NO_NAME;
	else if (!ret->chain && !knot_wire_get_aa(pkt->wire) &&
		 read_referral(knot_pkt_section(pkt, KNOT_AUTHORITY), name, ret))
		ret->status = DNS_REFERRAL;
	else
		ret->status = DNS_NO_DATA;
	if (ret->status != DNS_REFERRAL)
		free(TAKE_PTR(ret->zone));
}

/* --- the answer ---------------------------------------------------------------------------- */

/* "SERVFAIL", as the standards call them. */
static const char *rcode_name(const knot_pkt_t *pkt)
{
	const char *name = knot_pkt_ext_rcode_name(pkt);

	return name && *name ? name : "an unknown error";
}

static void read_whole(
	knot_pkt_t *pkt, const char *name, enum dns_type type, struct dns_answer *ret)
{
	uint8_t rcode = knot_wire_get_rcode(pkt->wire);

	if (rcode != KNOT_RCODE_NOERROR && rcode != KNOT_RCODE_NXDOMAIN)
		dns_answer_fail(ret, "it answers %s", rcode_name(pkt));
	else
		read_content(pkt, name, type, ret);
}

static bool is_ours(const struct dns_question *question, knot_pkt_t *pkt)
{
	char name[NAME_BYTES];

	return knot_wire_get_qr(pkt->wire) &&
	       knot_wire_get_id(pkt->wire) == question->id &&
	       knot_pkt_qtype(pkt) == (uint16_t)question->type &&
	       knot_pkt_qclass(pkt) == KNOT_CLASS_IN && knot_pkt_qname(pkt) &&
	       dns_record_name(knot_pkt_qname(pkt), name, sizeof(name)) &&
	       strcmp(name, question->name) == 0;
}

/* Some refuse without saying what. */
static bool is_bare_error(const struct dns_question *question, const uint8_t *wire)
{
	return knot_wire_get_qr(wire) && knot_wire_get_id(wire) == question->id &&
	       knot_wire_get_qdcount(wire) == 0 &&
	       knot_wire_get_rcode(wire) != KNOT_RCODE_NOERROR;
}

static int read_packet(
	const struct dns_question *question, knot_pkt_t *pkt, struct dns_answer *ret)
{
	int r = knot_pkt_parse(pkt, 0);

	if (is_bare_error(question, pkt->wire)) {
		dns_answer_fail(ret, "it answers %s", rcode_name(pkt));
		return 0;
	}
	if (!is_ours(question, pkt))
		return DNS_MESSAGE_FOREIGN;
	if (knot_wire_get_tc(pkt->wire))
		return DNS_MESSAGE_TRUNCATED;
	if (r != KNOT_EOK) {
		dns_answer_fail(ret, "its answer is malformed");
		return 0;
	}
	read_whole(pkt, question->name, question->type, ret);
	bool has_said = ret->status == DNS_FOUND || ret->status == DNS_NO_DATA ||
			ret->status == DNS_NO_NAME;
	if (has_said && !question->wants_recursion && !knot_wire_get_aa(pkt->wire))
		dns_answer_fail(ret, "it has no authority for that zone");
	return 0;
}

int dns_message_read(const struct dns_question *question, const uint8_t *wire,
	size_t len, struct dns_answer *ret)
{
	*ret = (struct dns_answer){ .status = DNS_FAILED };
	if (len < KNOT_WIRE_HEADER_SIZE || len > DNS_PACKET_BYTES)
		return DNS_MESSAGE_FOREIGN;
	/* What is parsed is written to. */
	uint8_t *copy = xmemdup(wire, len);
	knot_pkt_t *pkt = knot_pkt_new(copy, (uint16_t)len, NULL);
	int r = pkt ? read_packet(question, pkt, ret) : DNS_MESSAGE_FOREIGN;

	knot_pkt_free(pkt);
	free(copy);
	return r;
}

void dns_message_read_content(const char *name, enum dns_type type, const uint8_t *wire,
	size_t len, struct dns_answer *ret)
{
	*ret = (struct dns_answer){ .status = DNS_FAILED };
	if (len < KNOT_WIRE_HEADER_SIZE || len > DNS_PACKET_BYTES) {
		dns_answer_fail(ret, "the resolver gave no answer");
		return;
	}
	uint8_t *copy = xmemdup(wire, len);
	knot_pkt_t *pkt = knot_pkt_new(copy, (uint16_t)len, NULL);
	if (pkt && knot_pkt_parse(pkt, 0) == KNOT_EOK) {
		read_whole(pkt, name, type, ret);
		if (ret->status == DNS_REFERRAL)
			ret->status = DNS_NO_DATA;
	} else {
		dns_answer_fail(ret, "the answer is malformed");
	}
	knot_pkt_free(pkt);
	free(copy);
}
