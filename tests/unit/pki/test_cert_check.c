/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "pki/cert.h"
#include "pki/key.h"
#include "tests/lib/test.h"
#include "tests/lib/test_ca.h"
#include "util/mem.h"

#define NOW_SEC 1790000000 /* 2026-09-21T14:13:20Z */
#define DAY_SEC (24 * 3600)
#define AT(sec) ((usec_t)(sec)*USEC_PER_SEC)

static char *const mail[] = { (char *)"mail.example.org", NULL };
static char *const wildcard[] = { (char *)"*.example.org", NULL };
static char *const apex[] = { (char *)"example.org", (char *)"*.example.org", NULL };
static char *const deep[] = { (char *)"a.b.example.org", NULL };
static char *const many[] = { (char *)"a.test", (char *)"b.test", (char *)"c.test",
	(char *)"d.test", (char *)"e.test", (char *)"f.test", (char *)"g.test", NULL };

/* Times are relative to NOW_SEC; 0 is a month before and a month after. */
static const struct check_case {
	const char *name;
	unsigned flags;
	char *const *names;  /* of the certificate; NULL: mail.example.org */
	char *const *wanted; /* NULL: the same */
	int64_t starts_sec;
	int64_t ends_sec;
	int64_t ends_from_sec;
	bool lone_leaf_allowed;
	const char *problem; /* NULL: none */
} cases[] = {
	{ "plain" },
	{ "with root", .flags = TEST_CA_WITH_ROOT },
	{ "RSA", .flags = TEST_CA_RSA },
	{ "wildcard covers name", .names = wildcard, .wanted = mail },
	{ "wildcard covers itself", .names = wildcard },
	{ "apex and wildcard", .names = apex },
	{ "self-signed", .flags = TEST_CA_SELF_SIGNED },
	{ "no key identifier", .flags = TEST_CA_NO_AKI },
	{ "a private root signs", .flags = TEST_CA_LEAF_ONLY,
		.lone_leaf_allowed = true },
	{ "starts in a minute", .starts_sec = 60 },
	{ "ends later than the old one", .ends_sec = 100, .ends_from_sec = 99 },

	{ "wrong key", .flags = TEST_CA_WRONG_KEY,
		.problem = "the certificate is for another key than the one in the "
			   "order" },
	{ "leaf is CA", .flags = TEST_CA_LEAF_IS_CA,
		.problem =
			"the first certificate is that of a CA, not that of a server" },
	{ "swapped", .flags = TEST_CA_SWAPPED,
		.problem =
			"the first certificate is that of a CA, not that of a server" },
	{ "for clients", .flags = TEST_CA_CLIENT_ONLY,
		.problem = "the certificate is not meant for servers" },
	{ "no intermediate", .flags = TEST_CA_NO_INTERMEDIATE,
		.problem = "certificate 2 of the chain did not sign certificate 1" },
	{ "false intermediate", .flags = TEST_CA_FALSE_INTERMEDIATE | TEST_CA_NO_AKI,
		.problem = "certificate 2 of the chain did not sign certificate 1" },
	{ "leaf alone", .flags = TEST_CA_LEAF_ONLY,
		.problem = "the chain is not complete: the certificate of the issuer "
			   "(CN=Test Intermediate,O=Postseal tests) is missing" },
	{ "SHA-1", .flags = TEST_CA_SHA1,
		.problem = "certificate 1 of the chain is signed in a way that is no "
			   "longer safe (ECDSA-SHA1)" },
	{ "old intermediate", .flags = TEST_CA_OLD_INTERMEDIATE,
		.problem = "certificate 2 of the chain expired on " },
	{ "other name", .wanted = apex,
		.problem = "the certificate does not cover example.org (it covers "
			   "mail.example.org)" },
	{ "wildcard is one label", .names = wildcard, .wanted = deep,
		.problem = "the certificate does not cover a.b.example.org (it covers "
			   "*.example.org)" },
	{ "name does not cover wildcard", .wanted = wildcard,
		.problem = "the certificate does not cover *.example.org (it covers "
			   "mail.example.org)" },
	{ "many names", .names = many, .wanted = mail,
		.problem = "the certificate does not cover mail.example.org (it covers "
			   "a.test, b.test, c.test, d.test, e.test and 2 more)" },
	{ "no names", .flags = TEST_CA_NO_NAMES, .wanted = mail,
		.problem = "the certificate does not cover mail.example.org (it covers "
			   "no name at all)" },
	{ "not yet", .starts_sec = 61,
		.problem = "the certificate is not valid before 2026-09-21T14:14:21Z "
			   "(this machine's clock says 2026-09-21T14:13:20Z)" },
	{ "expired", .ends_sec = -1,
		.problem = "the certificate expired on 2026-09-21T14:13:19Z (this "
			   "machine's clock says 2026-09-21T14:13:20Z)" },
	{ "as late", .ends_sec = 100, .ends_from_sec = 100 }, /* CAs round to days */
	{ "earlier", .ends_sec = 100, .ends_from_sec = 101,
		.problem =
			"the certificate ends on 2026-09-21T14:15:00Z, before the one "
			"that it would replace (2026-09-21T14:15:01Z)" },
};

/* The intermediate that is expired is so by the real clock. */
static usec_t now_of(const struct check_case *c)
{
	return c->flags & TEST_CA_OLD_INTERMEDIATE ? AT(time(NULL)) : AT(NOW_SEC);
}

static struct cert_chain *issue(
	struct test_ca *ca, const struct check_case *c, struct key **ret_key)
{
	const time_t now = (time_t)(now_of(c) / USEC_PER_SEC);
	const struct test_ca_leaf leaf = {
		.names = c->names,
		.not_before = now + (c->starts_sec ? c->starts_sec : -30 * DAY_SEC),
		.not_after = now + (c->ends_sec ? c->ends_sec : 30 * DAY_SEC),
		.flags = c->flags,
	};
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(secret_freep) char *key_pem = NULL;
	struct cert_chain *chain = NULL;

	test_ca_issue(ca, &leaf, &pem, &key_pem);
	assert_int_equal(cert_chain_parse_pem(&chain, pem, strlen(pem), NULL), 0);
	assert_int_equal(key_parse_pem(ret_key, key_pem, strlen(key_pem), NULL), 0);
	return chain;
}

static void run_case(struct test_ca *ca, const struct check_case *c)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(cert_chain_freep) struct cert_chain *chain = issue(ca, c, &key);
	const struct cert_check check = {
		.key = key,
		.names = c->wanted  ? c->wanted
			 : c->names ? c->names
				    : mail,
		.wall_now_usec = now_of(c),
		.ends_from_usec = c->ends_from_sec ? AT(NOW_SEC + c->ends_from_sec) : 0,
		.lone_leaf_allowed = c->lone_leaf_allowed,
	};

	int r = cert_chain_check(chain, &check, &err);
	_cleanup_(freep) char *text = err_format(&err);
	if (!c->problem) {
		assert_int_equal(r, 0);
		assert_false(err_is_set(&err));
		return;
	}
	assert_int_equal(r, -EBADMSG);
	assert_int_equal(err.kind, ERR_CA);
	/* Where the text goes on with a time of today, as far as it is known. */
	text[MIN(strlen(text),
		strlen(c->problem) + (c->flags & TEST_CA_OLD_INTERMEDIATE ? 0 : 99))] =
		'\0';
	assert_string_equal(text, c->problem);
}

static void test_cases(void **state)
{
	_cleanup_(test_ca_freep) struct test_ca *ca = test_ca_new();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		test_case(cases[i].name);
		run_case(ca, &cases[i]);
	}
}

/* In place of the intermediate, the leaf again. */
static void test_twice_the_leaf(void **state)
{
	_cleanup_(test_ca_freep) struct test_ca *ca = test_ca_new();
	const struct test_ca_leaf leaf = { .flags = TEST_CA_LEAF_ONLY };
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(secret_freep) char *key_pem = NULL;
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	_cleanup_(key_freep) struct key *key = NULL;

	test_ca_issue(ca, &leaf, &pem, &key_pem);
	_cleanup_(freep) char *twice = xasprintf("%s%s", pem, pem);
	assert_int_equal(cert_chain_parse_pem(&chain, twice, strlen(twice), NULL), 0);
	assert_int_equal(key_parse_pem(&key, key_pem, strlen(key_pem), NULL), 0);
	const struct cert_check check = {
		.key = key,
		.names = mail,
		.wall_now_usec = AT(time(NULL)),
	};
	assert_int_equal(cert_chain_check(chain, &check, &err), -EBADMSG);
	_cleanup_(freep) char *text = err_format(&err);
	assert_string_equal(
		text, "certificate 2 of the chain did not sign certificate 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_twice_the_leaf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
