/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-ups against a server that answers, and misbehaves, by a table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/dns_ask.h"
#include "io/dns_message.h"
#include "io/dns_record.h"
#include "io/dns_survey.h"
#include "tests/lib/fake_dns.h"
#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/mem.h"

#define A     1
#define NS    2
#define CNAME 5
#define SOA   6
#define TXT   16
#define TEN   "0123456789"
#define LONG  TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/* --- one server ------------------------------------------------------------------------- */

static const struct fake_dns_rule rules[] = {
	{ "a.test", TXT,
		.records = { { 'A', "a.test", TXT, "one" },
			{ 'A', "A.Test", TXT, "two" } } },
	{ "long.test", TXT, .flags = FAKE_DNS_TRUNCATE,
		.records = { { 'A', "long.test", TXT, LONG LONG } } },
	{ "late.test", TXT, .flags = FAKE_DNS_LATE,
		.records = { { 'A', "late.test", TXT, "x" } } },
	{ "id.test", TXT, .flags = FAKE_DNS_WRONG_ID,
		.records = { { 'A', "id.test", TXT, "x" } } },
	{ "odd.test", TXT, .records = { { 'A', "odd.test", TXT, "a\001\"\\\377" } } },
	{ "empty.test", TXT, .records = { { 'U', "test", SOA, "ns.test" } } },
	{ "none.test", TXT, .rcode = 3,
		.records = { { 'U', "test", SOA, "ns.test" } } },
	{ "down.test", TXT, .flags = FAKE_DNS_NO_AA,
		.records = { { 'U', "down.test", NS, "ns1.down.test" },
			{ 'U', "down.test", NS, "ns2.down.test" } } },
	{ "lame.test", TXT, .flags = FAKE_DNS_NO_AA,
		.records = { { 'A', "lame.test", TXT, "cached" } } },
	{ "up.test", TXT, .flags = FAKE_DNS_NO_AA,
		.records = { { 'U', "other.test", NS, "ns1.other.test" } } },
	{ "servfail.test", TXT, .rcode = 2 },
	{ "refused.test", TXT, .rcode = 5 },
	{ "cut.test", TXT, .flags = FAKE_DNS_CUT,
		.records = { { 'A', "cut.test", TXT, "x" } } },
	{ "garbage.test", TXT, .flags = FAKE_DNS_GARBAGE,
		.records = { { 'A', "garbage.test", TXT, "x" } } },
	{ "silent.test", TXT, .flags = FAKE_DNS_SILENT },
	{ "alias.test", TXT,
		.records = { { 'A', "alias.test", CNAME, "b.test" },
			{ 'A', "b.test", CNAME, "c.test" },
			{ 'A', "c.test", TXT, "there" } } },
	{ "away.test", TXT, .records = { { 'A', "away.test", CNAME, "far.example" } } },
	{ "circle.test", TXT,
		.records = { { 'A', "circle.test", CNAME, "round.test" },
			{ 'A', "round.test", CNAME, "circle.test" } } },
	{ "badname.test", TXT,
		.records = { { 'A', "badname.test", CNAME, "sp ace.test" } } },
	{ "other.test", TXT,
		.records = { { 'A', "another.test", TXT, "not asked for" } } },
	{ NULL, .rcode = 3 },
};

/* name; what it is, its values joined by blanks, or what the detail has in it */
static const struct {
	const char *name;
	enum dns_status status;
	const char *text;
} asks[] = {
	{ "a.test", DNS_FOUND, "one two" },
	{ "long.test", DNS_FOUND, LONG LONG },
	{ "late.test", DNS_FOUND, "x" },
	{ "id.test", DNS_FOUND, "x" },
	{ "odd.test", DNS_FOUND, "a\\001\"\\\\255" },
	{ "empty.test", DNS_NO_DATA, "" },
	{ "none.test", DNS_NO_NAME, "" },
	{ "down.test", DNS_REFERRAL, "ns1.down.test ns2.down.test" },
	{ "lame.test", DNS_FAILED, "no authority" },
	{ "up.test", DNS_FAILED, "no authority" },
	{ "servfail.test", DNS_FAILED, "SERVFAIL" },
	{ "refused.test", DNS_FAILED, "REFUSED" },
	{ "cut.test", DNS_FAILED, "malformed" },
	{ "garbage.test", DNS_FAILED, "does not answer" },
	{ "silent.test", DNS_FAILED, "does not answer" },
	{ "alias.test", DNS_FOUND, "there" },
	{ "away.test", DNS_NO_DATA, "" },
	{ "circle.test", DNS_FAILED, "leads nowhere" },
	{ "badname.test", DNS_FAILED, "leads nowhere" },
	{ "other.test", DNS_NO_DATA, "" },
};

struct seen {
	struct loop *loop;
	enum dns_status status;
	struct buf text;
	bool is_secure;
	size_t n;
};

static void put_answer(struct seen *seen, const struct dns_answer *answer)
{
	seen->status = answer->status;
	seen->is_secure = answer->is_secure;
	for (size_t i = 0; answer->values && answer->values[i]; i++)
		buf_printf(&seen->text, "%s%s", seen->text.len ? " " : "",
			answer->values[i]);
	if (answer->detail)
		buf_printf(&seen->text, "%s", answer->detail);
}

static void on_answer(const struct dns_answer *answer, void *userdata)
{
	struct seen *seen = userdata;

	put_answer(seen, answer);
	loop_exit(seen->loop, 0);
}

static void test_ask(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(fake_dns_freep) struct fake_dns *dns = NULL;

	assert_int_equal(loop_new_sdevent(&loop, NULL), 0);
	assert_int_equal(fake_dns_new(&dns, loop, "127.0.0.1", 0, rules), 0);
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		_cleanup_(dns_ask_cancelp) struct dns_ask *ask = NULL;
		_cleanup_(freep) char *address =
			xasprintf("127.0.0.1:%u", fake_dns_get_port(dns));
		struct seen seen = { .loop = loop, .text = BUF_INIT(65536) };
		struct dns_ask_params params = {
			.loop = loop,
			.name = asks[i].name,
			.type = DNS_TXT,
			.timeout_usec = 900 * USEC_PER_MSEC,
		};

		test_case(asks[i].name);
		assert_int_equal(address_parse(address, &params.server, NULL), 0);
		assert_int_equal(
			dns_ask_start(&ask, &params, on_answer, &seen, NULL), 0);
		assert_int_equal(loop_run(loop, NULL), 0);
		assert_int_equal(seen.status, asks[i].status);
		if (seen.status == DNS_FAILED)
			assert_non_null(strstr(buf_str(&seen.text), asks[i].text));
		else
			assert_string_equal(buf_str(&seen.text), asks[i].text);
		buf_done(&seen.text);
	}
}

static void test_no_route(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(dns_ask_cancelp) struct dns_ask *ask = NULL;
	struct seen seen = { .text = BUF_INIT(4096) };
	struct dns_ask_params params = { .name = "a.test", .type = DNS_TXT };

	assert_int_equal(loop_new_sdevent(&loop, NULL), 0);
	seen.loop = params.loop = loop;
	assert_int_equal(address_parse("127.0.0.1:1", &params.server, NULL), 0);
	assert_int_equal(dns_ask_start(&ask, &params, on_answer, &seen, NULL), 0);
	loop_run(loop, NULL);
	assert_int_equal(seen.status, DNS_FAILED);
	assert_true(seen.text.len > 0);
	buf_done(&seen.text);
}

/* --- records, packets --------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum dns_type type;
	const char *data;
	size_t len;
	const char *text; /* NULL: refused */
} records[] = {
	{ "caa", DNS_CAA, "\0\5issueca.example", 17, "0 issue \"ca.example\"" },
	{ "caa nobody", DNS_CAA, "\200\5issue;", 8, "128 issue \";\"" },
	{ "caa no tag", DNS_CAA, "\0\0", 2, NULL },
	{ "caa long tag", DNS_CAA, "\0\11issue", 7, NULL },
	{ "caa odd tag", DNS_CAA, "\0\3a\"b", 5, NULL },
	{ "txt empty", DNS_TXT, "", 0, NULL },
	{ "txt of nothing", DNS_TXT, "\0", 1, "" },
	{ "txt two", DNS_TXT, "\1a\1b", 4, "ab" },
	{ "txt overrun", DNS_TXT, "\5ab", 3, NULL },
	{ "a short", DNS_A, "abc", 3, NULL },
	{ "aaaa", DNS_AAAA, "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1", 16, "2001:db8::1" },
	{ "name", DNS_NS, "\2ns\4Test\0", 9, "ns.test" },
	{ "name overrun", DNS_NS, "\2ns\11test", 8, NULL },
	{ "name of blanks", DNS_CNAME, "\3a b\0", 5, NULL },
};

static void test_records(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		_cleanup_(freep) char *text = dns_record_format(records[i].type,
			(const uint8_t *)records[i].data, records[i].len);

		test_case(records[i].name);
		if (records[i].text)
			assert_string_equal(text, records[i].text);
		else
			assert_null(text);
	}
}

/* Whatever the octets are, an answer is one of the statuses, and all of it is freed. */
static void test_mutated(void **state)
{
	const struct dns_question question = { "a.test", DNS_TXT, 1, false };
	uint8_t wire[DNS_QUESTION_BYTES];
	int len = dns_message_write(&question, wire, NULL);

	assert_true(len > 12);
	wire[2] = 0x84;
	srand(6);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t copy[DNS_QUESTION_BYTES];
		struct dns_answer answer;

		memcpy(copy, wire, sizeof(copy));
		for (int k = rand() % 6; k >= 0; k--)
			copy[2 + rand() % (len + 20)] = (uint8_t)rand();
		int r = dns_message_read(
			&question, copy, (size_t)(rand() % (len + 40)), &answer);
		assert_in_range(r, 0, DNS_MESSAGE_TRUNCATED);
		assert_in_range(answer.status, 0, _DNS_STATUS_MAX - 1);
		dns_answer_done(&answer);
		dns_message_read_content("a.test", DNS_TXT, copy, (size_t)len, &answer);
		dns_answer_done(&answer);
	}
}

/* --- all servers --------------------------------------------------------------------------- */

#define FIRST  "127.91.0.1"
#define SECOND "127.91.0.2"
#define DEAD   "127.91.0.3"

#define COMMON                                                                        \
	{ "z.test", NS,                                                               \
		.records = { { 'A', "z.test", NS, "ns1.z.test" },                     \
			{ 'A', "z.test", NS, "ns2.z.test" } } },                      \
		{ "z.test", SOA,                                                      \
			.records = { { 'A', "z.test", SOA, "ns1.z.test" } } },        \
		{ "ns1.z.test", A, .records = { { 'A', "ns1.z.test", A, FIRST } } },  \
		{ "ns2.z.test", A, .records = { { 'A', "ns2.z.test", A, SECOND } } }, \
		{ "ns3.z.test", A, .records = { { 'A', "ns3.z.test", A, DEAD } } },   \
		{ "_x.cut.z.test", TXT, .flags = FAKE_DNS_NO_AA,                      \
			.records = { { 'U', "_x.cut.z.test", NS, "ns2.z.test" } } },  \
		{ "_x.circle.z.test", TXT,                                            \
			.records = { { 'A', "_x.circle.z.test", CNAME,                \
				"_y.circle.z.test" } } },                             \
	{                                                                             \
		"_y.circle.z.test", TXT, .records = {                                 \
			{ 'A', "_y.circle.z.test", CNAME, "_x.circle.z.test" }        \
		}                                                                     \
	}

static struct fake_dns_rule first_rules[] = {
	COMMON,
	{ "_x.same.z.test", TXT, .records = { { 'A', "_x.same.z.test", TXT, "v" } } },
	{ "_x.stale.z.test", TXT, .records = { { 'A', "_x.stale.z.test", TXT, "v" } } },
	{ "_x.alias.z.test", TXT,
		.records = { { 'A', "_x.alias.z.test", CNAME, "_x.same.z.test" } } },
	{ NULL, .rcode = 3, .records = { { 'U', "z.test", SOA, "ns1.z.test" } } },
};

static struct fake_dns_rule second_rules[] = {
	COMMON,
	{ "_x.same.z.test", TXT, .records = { { 'A', "_x.same.z.test", TXT, "v" } } },
	{ NULL, .rcode = 3, .records = { { 'U', "z.test", SOA, "ns1.z.test" } } },
};

static const struct {
	const char *name;
	size_t n;
	unsigned n_found;
	const char *detail; /* NULL: none */
} surveys[] = {
	{ "_x.same.z.test", 2, 2, NULL },
	{ "_x.stale.z.test", 2, 1, NULL },
	{ "_x.none.z.test", 2, 0, NULL },
	{ "_x.alias.z.test", 3, 2, NULL }, /* and the second, which has no CNAME */
	{ "_x.circle.z.test", 0, 0, "in a circle" },
};

struct survey {
	struct loop *loop;
	size_t n;
	unsigned n_found;
	char *detail;
};

static void on_survey(const struct dns_survey_result *result, void *userdata)
{
	struct survey *s = userdata;

	s->n = result->n_seen;
	for (size_t i = 0; i < result->n_seen; i++)
		s->n_found += result->seen[i].answer.status == DNS_FOUND;
	s->detail = xstrdup(result->detail);
	loop_exit(s->loop, 0);
}

static struct dns_resolver *make_resolver(struct loop *loop)
{
	static const struct dns_stub stubs[] = { { "z.test", FIRST "@53" } };
	static const char *const insecure[] = { "test", NULL };
	const struct dns_resolver_params params = {
		.stubs = stubs,
		.n_stubs = 1,
		.insecure_zones = insecure,
		.timeout_usec = 3 * USEC_PER_SEC,
	};
	struct dns_resolver *resolver = NULL;

	assert_int_equal(dns_resolver_new(&resolver, loop, &params, NULL), 0);
	return resolver;
}

static void test_survey(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(fake_dns_freep) struct fake_dns *first = NULL, *second = NULL;
	_cleanup_(dns_resolver_freep) struct dns_resolver *resolver = NULL;

	assert_int_equal(loop_new_sdevent(&loop, NULL), 0);
	if (fake_dns_new(&first, loop, FIRST, 53, first_rules) < 0 ||
		fake_dns_new(&second, loop, SECOND, 53, second_rules) < 0)
		skip(); /* port 53 is root's */
	resolver = make_resolver(loop);
	for (size_t i = 0; i < ARRAY_SIZE(surveys); i++) {
		_cleanup_(dns_survey_cancelp) struct dns_survey *survey = NULL;
		struct survey s = { .loop = loop };
		const struct dns_survey_params params = {
			.loop = loop,
			.resolver = resolver,
			.name = surveys[i].name,
			.type = DNS_TXT,
		};

		test_case(surveys[i].name);
		assert_int_equal(
			dns_survey_start(&survey, &params, on_survey, &s, NULL), 0);
		assert_int_equal(loop_run(loop, NULL), 0);
		assert_int_equal(s.n, surveys[i].n);
		assert_int_equal(s.n_found, surveys[i].n_found);
		if (surveys[i].detail)
			assert_non_null(strstr(s.detail, surveys[i].detail));
		else
			assert_null(s.detail);
		free(s.detail);
	}
	/* Each server once for each survey of the name; a resolver, never. */
	assert_int_equal(fake_dns_count(first, "_x.none.z.test"), 1);
	assert_int_equal(fake_dns_count(second, "_x.none.z.test"), 1);
}

static int look_up(struct dns_lookup **ret, struct dns_resolver *resolver,
	const char *name, enum dns_type type, struct seen *seen)
{
	const struct dns_lookup_params params = { name, type };

	return dns_lookup_start(ret, resolver, &params, on_answer, seen, NULL);
}

static void test_lookup(void **state)
{
	static const struct {
		const char *name;
		enum dns_type type;
		enum dns_status status;
		const char *text;
	} lookups[] = {
		{ "ns1.z.test", DNS_A, DNS_FOUND, FIRST },
		{ "ns1.z.test", DNS_AAAA, DNS_NO_NAME, "" },
		{ "_x.alias.z.test", DNS_TXT, DNS_FOUND, "v" },
		{ "ns2.z.test", DNS_A, DNS_FOUND, SECOND },
	};
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(fake_dns_freep) struct fake_dns *first = NULL;
	_cleanup_(dns_resolver_freep) struct dns_resolver *resolver = NULL;

	assert_int_equal(loop_new_sdevent(&loop, NULL), 0);
	if (fake_dns_new(&first, loop, FIRST, 53, first_rules) < 0)
		skip(); /* port 53 is root's */
	resolver = make_resolver(loop);
	for (size_t i = 0; i < ARRAY_SIZE(lookups); i++) {
		_cleanup_(dns_lookup_cancelp) struct dns_lookup *lookup = NULL;
		struct seen seen = { .loop = loop, .text = BUF_INIT(65536) };

		test_case(lookups[i].name);
		assert_int_equal(look_up(&lookup, resolver, lookups[i].name,
					 lookups[i].type, &seen),
			0);
		assert_int_equal(loop_run(loop, NULL), 0);
		assert_int_equal(seen.status, lookups[i].status);
		assert_string_equal(buf_str(&seen.text), lookups[i].text);
		assert_false(seen.is_secure);
		buf_done(&seen.text);
	}
}

/* What is given up, also with the resolver, is silent. */
static void test_given_up(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct seen never = { .text = BUF_INIT(64) };
	struct dns_lookup *a = NULL, *b = NULL;

	assert_int_equal(loop_new_sdevent(&loop, NULL), 0);
	struct dns_resolver *resolver = make_resolver(loop);
	assert_int_equal(look_up(&a, resolver, "q.z.test", DNS_A, &never), 0);
	assert_int_equal(look_up(&b, resolver, "r.z.test", DNS_A, &never), 0);
	dns_lookup_cancel(a);
	dns_resolver_free(resolver);
	dns_lookup_cancel(b);
	assert_int_equal(never.text.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_survey),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
