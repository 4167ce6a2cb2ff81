/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "front/clients.h"
#include "tests/lib/test.h"
#include "util/mem.h"

#define NOW (1000 * USEC_PER_HOUR)

static struct address parse(const char *text)
{
	_cleanup_(freep) char *both =
		xasprintf(strchr(text, ':') ? "[%s]:1" : "%s:1", text);
	struct address address;

	assert_int_equal(address_parse(both, &address, NULL), 0);
	return address;
}

static enum clients_outcome enter(
	struct clients *clients, const char *text, usec_t now_usec, struct client **ret)
{
	struct address address = parse(text);

	return clients_enter(clients, &address, now_usec, ret);
}

static const struct {
	const char *first, *second;
	bool is_same;
} pairs[] = {
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "192.0.2.1", "::ffff:192.0.2.1", true },
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
	{ "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true },
	{ "2001:db8::1", "2001:db8:0:1::1", false },
	{ "192.0.2.1", "c000:201::1", false },
};

static void test_what_is_one_address(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		const struct clients_limits limits = { .connections = 1 };
		struct clients *clients = clients_new(&limits);
		struct client *one, *two;

		test_case(pairs[i].second);
		assert_int_equal(
			enter(clients, pairs[i].first, NOW, &one), CLIENTS_WELCOME);
		assert_int_equal(enter(clients, pairs[i].second, NOW, &two),
			pairs[i].is_same ? CLIENTS_MANY : CLIENTS_WELCOME);
		clients_leave(clients, one);
		clients_leave(clients, two);
		clients_free(clients);
	}
}

static void test_connections(void **state)
{
	const struct clients_limits limits = { .connections = 2 };
	struct clients *clients = clients_new(&limits);
	struct client *one, *two, *three;

	assert_int_equal(enter(clients, "192.0.2.1", NOW, &one), CLIENTS_WELCOME);
	assert_int_equal(enter(clients, "192.0.2.1", NOW, &two), CLIENTS_WELCOME);
	assert_int_equal(enter(clients, "192.0.2.1", NOW, &three), CLIENTS_MANY);
	assert_null(three);
	clients_leave(clients, one);
	assert_int_equal(enter(clients, "192.0.2.1", NOW, &three), CLIENTS_WELCOME);
	clients_leave(clients, two);
	clients_leave(clients, three);
	clients_free(clients);
}

/* Sixty a minute: sixty at once, then one a second; who waits a minute has them again. */
static void test_rate(void **state)
{
	const struct clients_limits limits = { .rate = 60 };
	struct clients *clients = clients_new(&limits);
	struct client *client;
	usec_t now = NOW;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 60; i++) {
			assert_int_equal(enter(clients, "192.0.2.1", now, &client),
				CLIENTS_WELCOME);
			clients_leave(clients, client);
		}
		assert_int_equal(
			enter(clients, "192.0.2.1", now, &client), CLIENTS_FAST);
		assert_int_equal(
			enter(clients, "192.0.2.2", now, &client), CLIENTS_WELCOME);
		clients_leave(clients, client);
		now += USEC_PER_SEC;
		assert_int_equal(
			enter(clients, "192.0.2.1", now, &client), CLIENTS_WELCOME);
		clients_leave(clients, client);
		assert_int_equal(
			enter(clients, "192.0.2.1", now, &client), CLIENTS_FAST);
		now += USEC_PER_MIN;
	}
	clients_free(clients);
}

static void test_without_limits(void **state)
{
	const struct clients_limits none = { 0 },
				    strict = { .connections = 1, .rate = 1 };
	const struct address local = { .len = 0 };
	struct clients *clients = clients_new(&none);
	struct client *client;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(
			enter(clients, "192.0.2.1", NOW, &client), CLIENTS_WELCOME);
		assert_null(clients_leave(clients, client));
	}
	assert_int_equal(clients_count(clients), 0);
	clients_free(clients);
	/* What has no address has no limit. */
	clients = clients_new(&strict);
	for (int i = 0; i < 10; i++)
		assert_int_equal(
			clients_enter(clients, &local, NOW, &client), CLIENTS_WELCOME);
	clients_free(clients);
}

static void test_exceptions(void **state)
{
	struct network networks[2];
	const struct clients_limits limits = { 1, 1, networks, ARRAY_SIZE(networks) };
	struct client *one, *two;

	assert_null(network_parse("192.0.2.0/24", &networks[0]));
	assert_null(network_parse("2001:db8::/32", &networks[1]));
	struct clients *clients = clients_new(&limits);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(
			enter(clients, "192.0.2.9", NOW, &one), CLIENTS_WELCOME);
		assert_int_equal(
			enter(clients, "2001:db8::1", NOW, &one), CLIENTS_WELCOME);
		assert_null(one);
	}
	assert_int_equal(enter(clients, "192.0.3.9", NOW, &one), CLIENTS_WELCOME);
	assert_int_equal(enter(clients, "192.0.3.9", NOW, &two), CLIENTS_MANY);
	clients_leave(clients, one);
	clients_free(clients);
}

/* A million addresses, of which the first stays connected. */
static void test_memory_is_bounded(void **state)
{
	const struct clients_limits limits = { .connections = 1, .rate = 1 };
	struct clients *clients = clients_new(&limits);
	struct client *first, *client;
	char text[32];

	assert_int_equal(enter(clients, "192.0.2.1", NOW, &first), CLIENTS_WELCOME);
	struct address address = parse("10.0.0.0");
	struct sockaddr_in *in = (struct sockaddr_in *)&address.sa;
	for (uint32_t i = 0; i < 1000000; i++) {
		in->sin_addr.s_addr = htonl(0x0a000000 + i);
		assert_int_equal(clients_enter(clients, &address, NOW, &client),
			CLIENTS_WELCOME);
		clients_leave(clients, client);
	}
	assert_in_range(clients_count(clients), 1000, 70000);
	assert_int_equal(enter(clients, "192.0.2.1", NOW, &client), CLIENTS_MANY);
	/* The latest is remembered, the oldest is not. */
	snprintf(text, sizeof(text), "%s", inet_ntoa(in->sin_addr));
	assert_int_equal(enter(clients, text, NOW, &client), CLIENTS_FAST);
	assert_int_equal(enter(clients, "10.0.0.0", NOW, &client), CLIENTS_WELCOME);
	clients_leave(clients, client);
	clients_leave(clients, first);
	clients_free(clients);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_one_address),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_without_limits),
		cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
