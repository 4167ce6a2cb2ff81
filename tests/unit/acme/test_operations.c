/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The contract of operations (doc/architecture.md, Operations) over each *_start of
 * src/acme: done once and never before start returned, cancel silent at any point; and
 * no single failure of the CA makes one hang, leak, or leave an answer standing.
 *
 * The worlds that these run in assert by themselves that nothing is left behind: the
 * http client its requests, the loop its timers, the solver its operations and answers.
 */
#include <string.h>

#include "tests/lib/test.h"
#include "tests/replay/replay_run.h"
#include "util/mem.h"

#define STEPS_MAX 5000

struct operation {
	const char *name;
	const char *good; /* outcome with a good CA */
	const char *bad_setting[2];
	const char *bad_start; /* what start then says */
};

/* clang-format off */
static const struct operation operations[] = {
	{ "order",   "issued", { "resume", "https://evil.test/order" }, "leads away" },
	{ "authz",   "valid",  { "url", "https://evil.test/authz" },    "leads away" },
	{ "account", "known",  { "eab_kid", "kid-1" },                  "eab_hmac_key" },
	{ "ari",     "known",  { "ari_id", "no id" },                   "no certificate" },
	{ "key_change",   "changed",     { "no_account", "1" },  "there is no account" },
	{ "deactivation", "deactivated", { "no_account", "1" },  "there is no account" },
	{ "revocation",   "revoked",     { "certificate", "" },  "no certificate" },
	{ "request", "ok",     { "url", "https://evil.test/x" },        "leads away" },
};

/* What a good CA says; the second time, if there is one, something else. */
static const struct route {
	const char *url;
	unsigned status;
	const char *type;
	const char *location;
	const char *body[2];
} routes[] = {
	{ "https://ca.test/directory", 200, "application/json", NULL,
		{ "{\"newNonce\":\"https://ca.test/new-nonce\",\"newAccount\":\"https://ca.test/new-account\","
		  "\"newOrder\":\"https://ca.test/new-order\",\"renewalInfo\":\"https://ca.test/ari\","
		  "\"keyChange\":\"https://ca.test/key-change\",\"revokeCert\":\"https://ca.test/revoke\"}" } },
	{ "https://ca.test/new-nonce", 200, NULL, NULL, { "" } },
	{ "https://ca.test/new-account", 201, "application/json", "https://ca.test/acct/1",
		{ "{\"status\":\"valid\"}" } },
	{ "https://ca.test/acct/1", 200, "application/json", NULL, { "{\"status\":\"deactivated\"}" } },
	{ "https://ca.test/key-change", 200, "application/json", NULL, { "{}" } },
	{ "https://ca.test/revoke", 200, NULL, NULL, { "" } },
	{ "https://ca.test/new-order", 201, "application/json", "https://ca.test/order/1",
		{ "{\"status\":\"pending\",\"authorizations\":[\"https://ca.test/authz/1\",\"https://ca.test/authz/2\"],"
		  "\"finalize\":\"https://ca.test/finalize\"}" } },
	{ "https://ca.test/authz/1", 200, "application/json", NULL,
		{ "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"mail.example.org\"},\"challenges\":["
		  "{\"type\":\"a\",\"url\":\"https://ca.test/chall/1\",\"token\":\"t1\"},"
		  "{\"type\":\"b\",\"url\":\"https://ca.test/chall/1b\",\"token\":\"t1\"}]}",
		  "{\"status\":\"valid\",\"identifier\":{\"type\":\"dns\",\"value\":\"mail.example.org\"}}" } },
	{ "https://ca.test/authz/2", 200, "application/json", NULL,
		{ "{\"status\":\"pending\",\"wildcard\":true,\"identifier\":{\"type\":\"dns\",\"value\":\"example.org\"},"
		  "\"challenges\":[{\"type\":\"a\",\"url\":\"https://ca.test/chall/2\",\"token\":\"t2\"}]}",
		  "{\"status\":\"valid\",\"wildcard\":true,\"identifier\":{\"type\":\"dns\",\"value\":\"example.org\"}}" } },
	{ "https://ca.test/chall/1", 200, "application/json", NULL, { "{\"status\":\"processing\"}" } },
	{ "https://ca.test/chall/2", 200, "application/json", NULL, { "{\"status\":\"processing\"}" } },
	{ "https://ca.test/finalize", 200, "application/json", NULL, { "{\"status\":\"processing\"}" } },
	{ "https://ca.test/order/1", 200, "application/json", NULL,
		{ "{\"status\":\"processing\"}", "{\"status\":\"valid\",\"certificate\":\"https://ca.test/cert\"}" } },
	{ "https://ca.test/cert", 200, "application/pem-certificate-chain", NULL, { "PEM" } },
	{ "https://ca.test/ari/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", 200, "application/json", NULL,
		{ "{\"suggestedWindow\":{\"start\":\"2026-12-01T00:00:00Z\",\"end\":\"2026-12-02T00:00:00Z\"}}" } },
};

/* What may come instead. */
static const struct fault {
	const char *name;
	enum http_outcome outcome;
	unsigned status;
	const char *type;
	const char *body;
} faults[] = {
	{ "unreached",    HTTP_UNREACHED, 0, NULL, NULL },
	{ "tls",          HTTP_TLS,       0, NULL, NULL },
	{ "deadline",     HTTP_DEADLINE,  0, NULL, NULL },
	{ "too large",    HTTP_TOO_LARGE, 0, NULL, NULL },
	{ "broken",       HTTP_BROKEN,    0, NULL, NULL },
	{ "empty",        HTTP_OK, 200, "application/json", "" },
	{ "empty object", HTTP_OK, 200, "application/json", "{}" },
	{ "cut off",      HTTP_OK, 200, "application/json", "{\"status\":\"val" },
	{ "array",        HTTP_OK, 200, "application/json", "[]" },
	{ "html",         HTTP_OK, 200, "text/html", "<html>" },
	{ "invalid",      HTTP_OK, 200, "application/json", "{\"status\":\"invalid\"}" },
	{ "unknown",      HTTP_OK, 200, "application/json", "{\"status\":\"\"}" },
	{ "continue",     HTTP_OK, 100, NULL, "" },
	{ "redirect",     HTTP_OK, 302, NULL, "" },
	{ "bad nonce",    HTTP_OK, 400, "application/problem+json", "{\"type\":\"urn:ietf:params:acme:error:badNonce\"}" },
	{ "not ready",    HTTP_OK, 403, "application/problem+json", "{\"type\":\"urn:ietf:params:acme:error:orderNotReady\"}" },
	{ "malformed",    HTTP_OK, 400, "application/problem+json", "{\"type\":7,\"subproblems\":[1,{}]}" },
	{ "not found",    HTTP_OK, 404, NULL, "" },
	{ "limited",      HTTP_OK, 429, NULL, "" },
	{ "trouble",      HTTP_OK, 500, "text/html", "<html>" },
	{ "overloaded",   HTTP_OK, 503, NULL, "" },
	{ "no status",    HTTP_OK, 999, NULL, "" },
};

/* clang-format on */

struct world {
	struct replay_run *run;
	unsigned n_asked[ARRAY_SIZE(routes)];
	unsigned n_requests;
};

static void world_init(struct world *world)
{
	*world = (struct world){ .run = replay_run_new() };
	replay_run_set(world->run, "name", "mail.example.org");
	replay_run_set(world->run, "name", "*.example.org");
	replay_run_set(world->run, "agree_to_terms", "1");
	replay_solver_set_willing(world->run->solver);
}

static void world_done(struct world *world)
{
	replay_run_free(world->run);
}

static void start(struct world *world, const struct operation *operation)
{
	_cleanup_(freep) char *why = replay_run_start(world->run, operation->name);

	assert_null(why);
	assert_false(world->run->is_done);
}

static size_t find_route(const char *url)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (strcmp(routes[i].url, url) == 0)
			return i;
	}
	fail_msg("no route for %s", url);
	return 0;
}

static void answer(struct world *world, const struct http_result *base,
	const char *type, const char *location)
{
	_cleanup_(freep) char *nonce = replay_ca_new_nonce(world->run->ca);
	struct http_header_field field[3] = {
		{ (char *)"Replay-Nonce", nonce },
	};
	struct http_headers headers = { .n = 1, .field = field };
	struct http_result result = *base;

	if (type)
		field[headers.n++] = (struct http_header_field){ (char *)"Content-Type",
			(char *)type };
	if (location)
		field[headers.n++] = (struct http_header_field){ (char *)"Location",
			(char *)location };
	result.headers = &headers;
	replay_http_answer(world->run->http, &result);
}

static void answer_well(struct world *world, const struct replay_request *request)
{
	const size_t i = find_route(request->url);
	const struct route *route = &routes[i];
	const char *second = route->body[1] ? route->body[1] : route->body[0];
	const char *body = world->n_asked[i]++ ? second : route->body[0];
	const struct http_result result = {
		.outcome = HTTP_OK,
		.status = route->status,
		.body = body,
		.body_len = strlen(body),
	};

	answer(world, &result, route->type, route->location);
}

static void answer_badly(struct world *world, const struct fault *fault)
{
	const char *body = fault->body ? fault->body : "";
	const struct http_result result = {
		.outcome = fault->outcome,
		.status = fault->status,
		.body = body,
		.body_len = strlen(body),
		.detail = fault->outcome == HTTP_OK ? NULL : "a test",
	};

	answer(world, &result, fault->type, NULL);
}

static bool advance_to_timer(struct loop *loop)
{
	const usec_t next = fake_loop_next(loop);

	if (next == USEC_NEVER)
		return false;
	fake_loop_advance(loop, usec_sub(next, loop_now(loop)));
	return true;
}

/* The smallest thing that can happen next: a deferred call, an answer, a timer. */
static bool step(
	struct world *world, const struct fault *fault, unsigned from, unsigned to)
{
	const struct replay_request *request;

	if (fake_loop_run_one(world->run->loop))
		return true;
	request = replay_http_find(world->run->http);
	if (!request)
		return advance_to_timer(world->run->loop);
	const unsigned n = world->n_requests++;
	if (fault && n >= from && n < to)
		answer_badly(world, fault);
	else
		answer_well(world, request);
	return true;
}

static void check_nothing_left(const struct world *world)
{
	assert_int_equal(replay_http_count(world->run->http), 0);
	assert_int_equal(replay_solver_count_standing(world->run->solver), 0);
}

static void run_to_end(
	struct world *world, const struct fault *fault, unsigned from, unsigned to)
{
	for (unsigned n = 0; !world->run->is_done; n++) {
		assert_true(n < STEPS_MAX);
		assert_true(step(world, fault, from, to));
	}
	/* Once is once: the world asserts that it does not end again. */
	while (step(world, NULL, 0, 0))
		;
	check_nothing_left(world);
}

static void test_done_once_and_later(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		_cleanup_(world_done) struct world world;

		test_case(operations[i].name);
		world_init(&world);
		start(&world, &operations[i]);
		run_to_end(&world, NULL, 0, 0);
		assert_string_equal(world.run->outcome, operations[i].good);
	}
}

static void test_failed_start_starts_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		const struct operation *operation = &operations[i];
		_cleanup_(world_done) struct world world;

		test_case(operation->name);
		world_init(&world);
		replay_run_set(world.run, operation->bad_setting[0],
			operation->bad_setting[1]);
		_cleanup_(freep) char *why =
			replay_run_start(world.run, operation->name);
		assert_non_null(why);
		assert_non_null(strstr(why, operation->bad_start));
		while (step(&world, NULL, 0, 0))
			;
		assert_false(world.run->is_done);
		assert_int_equal(replay_http_total(world.run->http), 0);
	}
}

/* False: it had ended before its nth step. */
static bool cancel_after(const struct operation *operation, unsigned n)
{
	_cleanup_(world_done) struct world world;

	world_init(&world);
	start(&world, operation);
	for (unsigned i = 0; i < n && !world.run->is_done; i++)
		step(&world, NULL, 0, 0);
	if (world.run->is_done)
		return false;
	replay_run_cancel(world.run);
	assert_int_equal(replay_solver_count_standing(world.run->solver), 0);
	/* What the client fetches for all may still come in. */
	while (step(&world, NULL, 0, 0))
		;
	assert_false(world.run->is_done);
	check_nothing_left(&world);
	/* The client is none the worse for it: the same again, to the end. */
	world.run->has_started = false;
	start(&world, operation);
	run_to_end(&world, NULL, 0, 0);
	assert_string_equal(world.run->outcome, operation->good);
	return true;
}

static void test_cancel_at_each_step(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		unsigned n = 0;

		test_case(operations[i].name);
		while (cancel_after(&operations[i], n))
			n++;
		assert_true(n > 2);
	}
}

/* Requests that a good run takes. */
static unsigned count_requests(const struct operation *operation)
{
	_cleanup_(world_done) struct world world;

	world_init(&world);
	start(&world, operation);
	run_to_end(&world, NULL, 0, 0);
	return world.n_requests;
}

static void fail_at(const struct operation *operation, const struct fault *fault,
	unsigned from, unsigned to)
{
	_cleanup_(world_done) struct world world;

	world_init(&world);
	start(&world, operation);
	run_to_end(&world, fault, from, to);
}

static void test_each_fault_at_each_request(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		const unsigned n_requests = count_requests(&operations[i]);

		test_case(operations[i].name);
		for (size_t f = 0; f < ARRAY_SIZE(faults); f++) {
			for (unsigned n = 0; n < n_requests; n++) {
				fail_at(&operations[i], &faults[f], n, n + 1);
				fail_at(&operations[i], &faults[f], n, STEPS_MAX);
			}
		}
	}
}

static void test_each_signature_can_fail(void **state)
{
	static const enum replay_signing ways[] = {
		REPLAY_SIGNS_NOT,
		REPLAY_SIGNS_NEVER,
		REPLAY_SIGNS_NO_START,
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		for (unsigned n = 0; n < 40; n++) {
			_cleanup_(world_done) struct world world;

			world_init(&world);
			start(&world, &operations[0]);
			for (unsigned k = 0; k < n && !world.run->is_done; k++)
				step(&world, NULL, 0, 0);
			replay_ca_set_signing(world.run->ca, ways[i]);
			if (!world.run->is_done)
				run_to_end(&world, NULL, 0, 0);
		}
	}
}

static void test_signature_of_a_new_key_can_fail(void **state)
{
	static const enum replay_signing ways[] = {
		REPLAY_SIGNS_NOT,
		REPLAY_SIGNS_NEVER,
		REPLAY_SIGNS_NO_START,
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		_cleanup_(world_done) struct world world;

		world_init(&world);
		replay_ca_set_signing(world.run->next, ways[i]);
		_cleanup_(freep) char *why = replay_run_start(world.run, "key_change");
		assert_null(why);
		run_to_end(&world, NULL, 0, 0);
		assert_string_equal(world.run->outcome, "unsure");
		assert_non_null(strstr(world.run->sentence, "new key"));
	}
}

static void test_several_at_once_over_many_nonces(void **state)
{
	_cleanup_(world_done) struct world world;

	world_init(&world);
	replay_run_set(world.run, "max_signed", "4");
	start(&world, &operations[0]);
	run_to_end(&world, NULL, 0, 0);
	assert_string_equal(world.run->outcome, "issued");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_done_once_and_later),
		cmocka_unit_test(test_failed_start_starts_nothing),
		cmocka_unit_test(test_cancel_at_each_step),
		cmocka_unit_test(test_each_fault_at_each_request),
		cmocka_unit_test(test_each_signature_can_fail),
		cmocka_unit_test(test_signature_of_a_new_key_can_fail),
		cmocka_unit_test(test_several_at_once_over_many_nonces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
