/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "acme/problem.h"
#include "tests/lib/test.h"
#include "util/json_view.h"
#include "util/mem.h"

static void parse(struct acme_problem *ret, const char *text, unsigned status)
{
	_cleanup_(json_view_unrefp) json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	acme_problem_parse(ret, json, status);
}

/* clang-format off */
static const struct {
	const char *name;
	unsigned status;
	const char *json;
	enum acme_problem_type type;
	const char *sentence;
} cases[] = {
	{ "plain", 403, "{\"type\":\"" ACME_URN "caa\",\"detail\":\"forbidden\"}",
		ACME_PROBLEM_CAA, "the CA refuses: forbidden (caa)" },
	{ "no detail", 403, "{\"type\":\"" ACME_URN "dns\"}",
		ACME_PROBLEM_DNS, "the CA refuses: dns" },
	{ "title for want of detail", 400, "{\"type\":\"" ACME_URN "tls\",\"title\":\"t\"}",
		ACME_PROBLEM_TLS, "the CA refuses: t (tls)" },
	{ "nothing at all", 400, "{}",
		ACME_PROBLEM_OTHER, "the CA refuses: no reason given" },
	{ "wrong kinds", 400, "{\"type\":1,\"detail\":[],\"instance\":{},\"subproblems\":7}",
		ACME_PROBLEM_OTHER, "the CA refuses: no reason given" },
	{ "unknown type", 400, "{\"type\":\"" ACME_URN "onFire\",\"detail\":\"d\"}",
		ACME_PROBLEM_OTHER, "the CA refuses: d (onFire)" },
	{ "the bare prefix", 400, "{\"type\":\"" ACME_URN "\",\"detail\":\"d\"}",
		ACME_PROBLEM_OTHER, "the CA refuses: d" },
	{ "case matters", 400, "{\"type\":\"" ACME_URN "CAA\"}",
		ACME_PROBLEM_OTHER, "the CA refuses: CAA" },
	{ "of somebody else", 400, "{\"type\":\"https://ca.test/e\",\"detail\":\"d\"}",
		ACME_PROBLEM_OTHER, "the CA refuses: d (https://ca.test/e)" },
	{ "about:blank", 400, "{\"type\":\"about:blank\",\"detail\":\"d\"}",
		ACME_PROBLEM_OTHER, "the CA refuses: d" },
	{ "instance", 403, "{\"type\":\"" ACME_URN "userActionRequired\",\"detail\":\"d\",\"instance\":\"https://ca.test/t\"}",
		ACME_PROBLEM_USER_ACTION_REQUIRED, "the CA refuses: d (userActionRequired); see https://ca.test/t" },
	{ "subproblems", 400, "{\"type\":\"" ACME_URN "compound\",\"subproblems\":[1,"
		"{\"type\":\"" ACME_URN "caa\",\"detail\":\"x\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"}},"
		"{\"identifier\":\"b.test\"}]}",
		ACME_PROBLEM_COMPOUND, "the CA refuses: compound; a.test: x (caa); no reason given" },
	{ "control characters", 400, "{\"type\":\"" ACME_URN "malformed\",\"detail\":\"a\\u001b[2Jb\\nc\"}",
		ACME_PROBLEM_MALFORMED, "the CA refuses: a?[2Jb?c (malformed)" },
	{ "format string", 400, "{\"type\":\"" ACME_URN "malformed\",\"detail\":\"%n%s\"}",
		ACME_PROBLEM_MALFORMED, "the CA refuses: %n%s (malformed)" },
};

/* clang-format on */

static void test_parse_and_format(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(acme_problem_done) struct acme_problem problem;

		test_case(cases[i].name);
		parse(&problem, cases[i].json, cases[i].status);
		_cleanup_(freep) char *sentence = acme_problem_format(&problem);
		assert_int_equal(problem.type, cases[i].type);
		assert_int_equal(problem.status, cases[i].status);
		assert_non_null(problem.urn);
		assert_string_equal(sentence, cases[i].sentence);
	}
}

static void test_copy_is_whole(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(acme_problem_done) struct acme_problem copy;
		struct acme_problem problem;

		parse(&problem, cases[i].json, cases[i].status);
		acme_problem_copy(&copy, &problem);
		acme_problem_done(&problem);
		acme_problem_done(&problem);
		_cleanup_(freep) char *sentence = acme_problem_format(&copy);
		assert_string_equal(sentence, cases[i].sentence);
	}
}

static void test_everything_is_capped(void **state)
{
	_cleanup_(acme_problem_done) struct acme_problem problem;
	_cleanup_(json_view_unrefp) json_t *json = json_object();
	_cleanup_(freep) char *huge = xnew_array(char, 1000001);
	json_t *array = json_array();

	memset(huge, 'x', 1000000);
	for (unsigned i = 0; i < 1000; i++)
		json_array_append_new(array, json_pack("{s:s}", "detail", "sub"));
	json_object_set_new(json, "type", json_string(huge));
	json_object_set_new(json, "detail", json_string(huge));
	json_object_set_new(json, "instance", json_string(huge));
	json_object_set_new(json, "subproblems", array);
	acme_problem_parse(&problem, json, 400);
	assert_int_equal(problem.n_sub, ACME_SUBPROBLEMS_MAX);
	assert_true(strlen(problem.detail) <= 512);
	_cleanup_(freep) char *sentence = acme_problem_format(&problem);
	assert_true(strlen(sentence) <= 4096);
	assert_non_null(strstr(sentence, "and 92 more"));
}

static void test_to_err(void **state)
{
	_cleanup_(acme_problem_done) struct acme_problem problem;
	_cleanup_(err_done) struct err err = ERR_INIT;

	parse(&problem, cases[0].json, 403);
	assert_int_equal(acme_problem_to_err(&problem, -EACCES, &err), -EACCES);
	assert_int_equal(err.kind, ERR_CA);
	assert_string_equal(err.problem, ACME_URN "caa");
	assert_string_equal(err.detail, cases[0].sentence);
	assert_int_equal(acme_problem_to_err(&problem, -EIO, NULL), -EIO);
}

/* clang-format off */
static const struct {
	unsigned status;
	const char *type; /* NULL: no problem document */
	enum acme_reaction reaction;
} reactions[] = {
	{ 400, "badNonce",                ACME_REACTION_RETRY },
	{ 429, "rateLimited",             ACME_REACTION_WAIT },
	{ 403, "userActionRequired",      ACME_REACTION_ACCOUNT },
	{ 400, "accountDoesNotExist",     ACME_REACTION_ACCOUNT },
	{ 403, "externalAccountRequired", ACME_REACTION_ACCOUNT },
	{ 500, "serverInternal",          ACME_REACTION_RETRY },
	{ 403, "unauthorized",            ACME_REACTION_PERSON },
	{ 400, "connection",              ACME_REACTION_RETRY },
	{ 403, "caa",                     ACME_REACTION_RETRY },
	{ 400, "badCSR",                  ACME_REACTION_PERSON },
	{ 400, "rejectedIdentifier",      ACME_REACTION_PERSON },
	{ 400, "onFire",                  ACME_REACTION_PERSON },
	{ 500, "onFire",                  ACME_REACTION_RETRY },
	{ 429, NULL,                      ACME_REACTION_WAIT },
	{ 503, NULL,                      ACME_REACTION_RETRY },
	{ 404, NULL,                      ACME_REACTION_PERSON },
	{ 408, NULL,                      ACME_REACTION_RETRY },
};

/* clang-format on */

static void test_reactions(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(reactions); i++) {
		_cleanup_(acme_problem_done) struct acme_problem problem;
		_cleanup_(freep) char *json = xasprintf(
			"{\"type\":\"" ACME_URN "%s\"}", reactions[i].type ?: "");

		test_case(reactions[i].type ? reactions[i].type : "(none)");
		if (reactions[i].type)
			parse(&problem, json, reactions[i].status);
		else
			acme_problem_from_status(&problem, reactions[i].status);
		assert_int_equal(
			acme_problem_reaction(&problem), reactions[i].reaction);
	}
}

static void test_from_text(void **state)
{
	_cleanup_(acme_problem_done) struct acme_problem problem;

	acme_problem_from_text(&problem, "the order is invalid");
	_cleanup_(freep) char *sentence = acme_problem_format(&problem);
	assert_string_equal(sentence, "the CA refuses: the order is invalid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_and_format),
		cmocka_unit_test(test_copy_is_whole),
		cmocka_unit_test(test_everything_is_capped),
		cmocka_unit_test(test_to_err),
		cmocka_unit_test(test_reactions),
		cmocka_unit_test(test_from_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
