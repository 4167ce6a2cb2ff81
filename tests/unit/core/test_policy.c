/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/wanted/policy: times of renewal, back-off, and what only the whole configuration shows. */
#include <string.h>

#include "core/wanted/policy.h"
#include "core/wanted/settings.h"
#include "tests/lib/test_log.h"
#include "util/mem.h"

#define DAY  USEC_PER_DAY
#define HOUR USEC_PER_HOUR

/* --- when to renew --------------------------------------------------------------------- */

struct renew_case {
	const char *name;
	usec_t lifetime, renew_before;
	usec_t least_left, most_left; /* at the moment of renewal */
};

static const struct renew_case renew_cases[] = {
	/* a third left, and up to 2 % of the lifetime earlier */
	{ "ninety days", 90 * DAY, 0, 30 * DAY, 30 * DAY + 90 * DAY / 50 },
	{ "six days: half", 6 * DAY, 0, 3 * DAY, 3 * DAY + 6 * DAY / 50 },
	{ "ten days: a third", 10 * DAY, 0, 10 * DAY / 3,
		10 * DAY / 3 + 10 * DAY / 50 },
	{ "twelve hours", 12 * HOUR, 0, 6 * HOUR, 6 * HOUR + 12 * HOUR / 50 },
	{ "as the operator says", 90 * DAY, 20 * DAY, 20 * DAY,
		20 * DAY + 90 * DAY / 50 },
	{ "a margin longer than the life", 6 * DAY, 30 * DAY, 3 * DAY, 4 * DAY },
};

static void test_renew_at(void **state)
{
	static const char *const prints[] = { "0000abcd", "ffff0000", "8123aaaa", "" };
	const usec_t from = 1800000000 * USEC_PER_SEC;

	for (size_t i = 0; i < ARRAY_SIZE(renew_cases); i++) {
		const struct renew_case *c = &renew_cases[i];

		for (size_t k = 0; k < ARRAY_SIZE(prints); k++) {
			usec_t at = policy_renew_at(
				from, from + c->lifetime, prints[k], c->renew_before);
			usec_t left = from + c->lifetime - at;

			test_case(c->name);
			assert_in_range(left, c->least_left, c->most_left);
		}
	}
}

static void test_renew_at_is_stable(void **state)
{
	const usec_t from = 1800000000 * USEC_PER_SEC, to = from + 90 * DAY;

	assert_int_equal(policy_renew_at(from, to, "1234", 0),
		policy_renew_at(from, to, "1234", 0));
	assert_int_not_equal(policy_renew_at(from, to, "1234", 0),
		policy_renew_at(from, to, "f234", 0));
}

static void test_renew_at_nonsense(void **state)
{
	/* a CA's chain with the dates the wrong way round must not overflow */
	assert_true(policy_renew_at(100, 50, "abcd", 0) <= 50);
	assert_true(policy_renew_at(0, 0, NULL, DAY) == 0);
}

/* --- back-off --------------------------------------------------------------------------- */

static void test_back_off(void **state)
{
	static const usec_t least[] = { USEC_PER_MIN, USEC_PER_MIN, 10 * USEC_PER_MIN,
		100 * USEC_PER_MIN, DAY / 10 * 9, DAY / 10 * 9 };

	for (unsigned n = 0; n < ARRAY_SIZE(least); n++)
		for (uint64_t random = 0; random < 1000; random++) {
			usec_t wait =
				policy_back_off(n, random * 0x9e3779b97f4a7c15ULL);

			assert_in_range(wait, least[n], least[n] + least[n] / 9);
			assert_true(wait <= DAY);
		}
}

/* A month of failures, and ten thousand of them: never a delay below a minute. */
static void test_back_off_for_ever(void **state)
{
	usec_t before = 0;

	for (unsigned n = 1; n < 10000; n++) {
		usec_t wait = policy_back_off(n, 0);

		assert_true(wait >= USEC_PER_MIN);
		assert_true(wait >= before);
		assert_true(wait <= DAY);
		before = wait;
	}
	assert_true(policy_back_off(UINT32_MAX, UINT64_MAX) >= DAY / 10 * 9);
}

/* --- the whole configuration --------------------------------------------------------------- */

static void plugin_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
}

static const struct postseal_challenge plain_challenge = {
	.size = sizeof(struct postseal_challenge),
	.type = "http-01",
	.present = plugin_present,
};

static const struct postseal_challenge wildcard_challenge = {
	.size = sizeof(struct postseal_challenge),
	.type = "dns-01",
	.flags = POSTSEAL_CHALLENGE_WILDCARD,
	.present = plugin_present,
};

static const struct postseal_plugin plain = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "http-01",
	.summary = "a test",
	.version = "1",
	.challenge = &plain_challenge,
};

static const struct postseal_plugin wildcard = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "dns-01",
	.summary = "a test",
	.version = "1",
	.challenge = &wildcard_challenge,
};

#define AUTHORITY "authority ca {\n directory = https://ca.test/dir\n}\n"
#define POLICY    "policy default {\n authority = ca\n challenge = http-01\n}\n"
#define LINES     AUTHORITY POLICY /* 7 lines */

struct check_case {
	const char *name;
	const char *text;
	const char *wanted; /* the first error; NULL = none */
};

static const struct check_case check_cases[] = {
	{ "nothing wrong", LINES "domain a.test {\n}\n", NULL },
	{ "wildcard, and nothing that can",
		LINES "domain a.test {\n names = *.a.test\n}\n",
		"t line 9: domain a.test: names: none of its challenges (http-01) can "
		"validate the wildcard name *.a.test; use dns-01" },
	{ "wildcard, second challenge can",
		LINES
		"domain a.test {\n names = *.a.test\n challenge = http-01 dns-01\n}\n",
		NULL },
	{ "a pattern without names", LINES "domain *.a.test {\n}\n",
		"t line 8: domain *.a.test: names: %d: a pattern is no name that %d could "
		"stand for; say each name" },
	{ "a pattern with names", LINES "domain *.a.test {\n names = x.a.test\n}\n",
		NULL },
	{ "one name in two domains",
		LINES
		"domain a.test {\n names = x.test\n}\ndomain b.test {\n names = x.test\n}\n",
		"t line 12: domain b.test: names: x.test belongs to domain a.test already "
		"(t line 8)" },
	{ "no challenge", LINES "domain a.test {\n challenge =\n}\n",
		"t line 9: domain a.test: challenge: is empty: name at least one" },
	{ "nowhere installed", LINES "domain a.test {\n deploy =\n}\n",
		"t line 9: domain a.test: deploy: is empty: name front or deploy blocks, or "
		"nobody is served" },
	{ "listener without backend",
		"listener l {\n address = 127.0.0.1:993\n protocol = imap\n}\n",
		"t line 1: listener l: backend: is not set: where shall the plaintext go?" },
	{ "listener for acme alone",
		"listener l {\n address = 127.0.0.1:443\n protocol = https\n acme = yes\n}\n",
		NULL },
	{ "https answers acme by default",
		"listener l {\n address = 127.0.0.1:443\n protocol = https\n}\n",
		NULL },
	{ "TLS on http",
		"listener l {\n address = 127.0.0.1:80\n protocol = http\n tls = implicit\n}\n",
		"t line 4: listener l: tls: protocol http is spoken without TLS: say tls = "
		"none, or protocol = https" },
	{ "no TLS on imap",
		"listener l {\n address = 127.0.0.1:80\n protocol = imap\n tls = none\n "
		"backend = 127.0.0.1:1\n}\n",
		"t line 4: listener l: tls: a listener without TLS has nothing to seal; none is "
		"for protocol http" },
	{ "two on one address",
		"listener l {\n address = 127.0.0.1:80\n protocol = http\n}\n"
		"listener m {\n address = 127.0.0.1:80\n protocol = http\n}\n",
		"t line 6: listener m: address: 127.0.0.1:80 is taken by listener l already" },
	{ "half an external account",
		"authority ca {\n directory = https://ca.test/dir\n eab_kid = x\n}\n",
		"t line 3: authority ca: eab_kid: eab_kid and eab_hmac_key are given by the CA "
		"together; set both" },
};

/* What is lost then is told by the sanitizers. */
static void drop_at_each_step(const struct conf *conf, const struct plugin_host *host)
{
	bool goes_on = true;

	for (size_t n = 0; goes_on; n++) {
		_cleanup_(conf_report_done) struct conf_report report = { 0 };
		_cleanup_(policy_checking_freep) struct policy_checking *check =
			policy_checking_new(conf, host, &report);
		for (size_t i = 0; i <= n; i++)
			goes_on = policy_checking_step(check);
	}
	assert_null(policy_checking_free(NULL));
}

static void run_check(const struct check_case *c)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(plugin_host_freep) struct plugin_host *host = NULL;
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(conf_unrefp) struct conf *conf = NULL;

	test_case(c->name);
	assert_int_equal(loop_new_epoll(&loop, &err), 0);
	struct plugin_host_params params = { .loop = loop };
	assert_int_equal(plugin_host_new(&host, &params, &err), 0);
	assert_int_equal(plugin_host_add(host, &plain, &err), 0);
	assert_int_equal(plugin_host_add(host, &wildcard, &err), 0);
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		settings_new_schema(host);
	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, schema, "t", c->text, &report), 0);
	drop_at_each_step(conf, host);
	policy_check(conf, host, &report);
	if (!c->wanted) {
		assert_int_equal(report.n_errors, 0);
		return;
	}
	assert_int_equal(report.n_errors, 1);
	_cleanup_(freep) char *text = conf_report_format_entry(&report.entry[0]);
	assert_string_equal(text, c->wanted);
}

static void test_check(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(check_cases); i++)
		run_check(&check_cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_renew_at),
		test_with_log(test_renew_at_is_stable),
		test_with_log(test_renew_at_nonsense),
		test_with_log(test_back_off),
		test_with_log(test_back_off_for_ever),
		test_with_log(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
