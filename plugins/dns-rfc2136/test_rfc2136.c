/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key files, messages, and the way of a call, against a server in the test's own hands.
 * Signatures are looked at by a real BIND and a real Knot: tests/e2e/test_220_rfc2136.py. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/dns-rfc2136/key_file.h"
#include "plugins/dns-rfc2136/update.h"
#include "plugins/postseal-plugin.h"
#include "tests/lib/fake_host.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"

#define N(a)   (sizeof(a) / sizeof((a)[0]))
#define SECRET "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"

/* --- key files ------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *text;
	const char *detail; /* NULL: taken */
} files[] = {
	{ "tsig-keygen",
		"key \"k.test\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET
		"\";\n};\n",
		NULL },
	{ "comments",
		"# a\n// b\n/* c\n */ key k.test{secret \"" SECRET
		"\";algorithm hmac-sha256;} # d\n",
		NULL },
	{ "empty", "", "does not begin" },
	{ "another block", "zone \"x\" { };", "does not begin" },
	{ "no secret", "key k { algorithm hmac-sha256; };", "has to have" },
	{ "no end", "key k { algorithm hmac-sha256; secret \"" SECRET "\";",
		"and nothing else" },
	{ "twice the same", "key k { algorithm a; algorithm b; };",
		"and nothing else" },
	{ "unknown", "key k { algorithm a; secrets b; };", "has to have" },
	{ "no quote", "key k { algorithm a; secret \"" SECRET "; };\n", "has to have" },
	{ "open comment", "/* key k {", "does not begin" },
};

static void test_key_files(void **state)
{
	for (size_t i = 0; i < N(files); i++) {
		struct key_words words;
		char detail[300] = "";

		test_case(files[i].name);
		int r = key_file_parse(files[i].text, &words, detail, sizeof(detail));
		assert_int_equal(r, files[i].detail ? -1 : 0);
		if (files[i].detail) {
			assert_non_null(strstr(detail, files[i].detail));
			assert_null(strstr(detail, SECRET));
			continue;
		}
		assert_string_equal(words.name, "k.test");
		assert_string_equal(words.algorithm, "hmac-sha256");
		assert_string_equal(words.secret, SECRET);
	}
}

/* --- settings ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *key_file, *key_name, *key_algorithm, *key_secret;
	const char *detail; /* NULL: opens */
} opens[] = {
	{ "unsigned", NULL, NULL, NULL, NULL, NULL },
	{ "by settings", NULL, "k", "hmac-sha512", SECRET, NULL },
	{ "no secret", NULL, "k", NULL, NULL, "go together" },
	{ "md5", NULL, "k", "hmac-md5", SECRET, "hmac-sha224" },
	{ "no base64", NULL, "k", NULL, "?", "no TSIG key" },
	{ "no such file", "/nowhere/key", NULL, NULL, NULL, "No such file" },
	{ "two ways", "/nowhere/key", "k", NULL, SECRET, "given, too" },
	{ "a folder", "/", NULL, NULL, NULL, "no file" },
};

static void set(struct fake_host *host, const char *setting, const char *text)
{
	if (text)
		fake_host_set(host, setting, text);
}

static void test_open(void **state)
{
	for (size_t i = 0; i < N(opens); i++) {
		_cleanup_(fake_host_freep) struct fake_host *host =
			fake_host_new(&postseal_plugin);

		test_case(opens[i].name);
		fake_host_set(host, "server", "127.0.0.1:53");
		set(host, "key_file", opens[i].key_file);
		set(host, "key_name", opens[i].key_name);
		set(host, "key_algorithm", opens[i].key_algorithm);
		set(host, "key_secret", opens[i].key_secret);
		int r = fake_host_open(host);
		assert_int_equal(r, opens[i].detail ? -EINVAL : 0);
		if (opens[i].detail)
			assert_non_null(
				strstr(fake_host_get_detail(host), opens[i].detail));
	}
}

static void test_key_for_everybody(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host =
		fake_host_new(&postseal_plugin);
	_cleanup_(test_tmpdir_freep) char *folder = test_tmpdir_new();
	char *path = test_tmpdir_write(folder, "key", files[0].text);

	fake_host_set(host, "server", "127.0.0.1:53");
	fake_host_set(host, "key_file", path);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(fake_host_open(host), -EINVAL);
	assert_non_null(strstr(fake_host_get_detail(host), "everybody can read it"));
	free(path);
}

/* --- a server ------------------------------------------------------------------------------ */

struct server {
	int fd;
	int connection;
	char address[32];
	uint8_t question[4096];
	size_t len;
};

static void server_open(struct server *s)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);

	*s = (struct server){ .connection = -1 };
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(s->fd, 4), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", ntohs(sa.sin_port));
}

static void server_close(struct server *s)
{
	close(s->fd);
	if (s->connection >= 0)
		close(s->connection);
}

static void wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 5000), 1);
}

/* The question that has been asked, without its length. */
static void take_question(struct server *s, struct fake_host *host)
{
	wait_for(s->fd);
	if (s->connection >= 0)
		close(s->connection);
	s->connection = accept(s->fd, NULL, NULL);
	assert_true(s->connection >= 0);
	fake_host_fire_watch(host, POSTSEAL_OUT);
	wait_for(s->connection);
	ssize_t n = recv(s->connection, s->question, sizeof(s->question), 0);
	assert_true(n > 14);
	s->len = (size_t)n - 2;
	assert_int_equal(s->question[0] << 8 | s->question[1], s->len);
	memmove(s->question, s->question + 2, s->len);
}

/* What has been sent is here: the length, then the rest. */
static void wait_for_host(struct fake_host *host)
{
	usleep(20000);
	fake_host_fire_watch(host, POSTSEAL_IN);
	if (fake_host_has_watch(host))
		fake_host_fire_watch(host, POSTSEAL_IN);
}

/* soa: the name in wire form of a SOA record in the authority section; NULL: none. */
static void answer(struct server *s, struct fake_host *host, unsigned rcode,
	const char *soa, size_t soa_len)
{
	uint8_t wire[4100] = { 0 };
	size_t len = s->len;
	static const uint8_t tail[] = { 0, 6, 0, 1, 0, 0, 0, 5, 0, 22, 0, 0, 0, 0, 0, 1,
		0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1 };

	memcpy(wire + 2, s->question, s->len);
	wire[4] |= 0x80;
	wire[5] = (uint8_t)rcode;
	if (soa) {
		wire[2 + 9] = 1; /* one record of authority */
		memcpy(wire + 2 + len, soa, soa_len);
		memcpy(wire + 2 + len + soa_len, tail, sizeof(tail));
		len += soa_len + sizeof(tail);
	}
	wire[0] = (uint8_t)(len >> 8);
	wire[1] = (uint8_t)len;
	assert_int_equal(send(s->connection, wire, len + 2, 0), (ssize_t)len + 2);
	wait_for_host(host);
}

/* --- calls ------------------------------------------------------------------------------------ */

static struct fake_host *open_host(const char *servers, const char *zones)
{
	struct fake_host *host = fake_host_new(&postseal_plugin);

	fake_host_set(host, "server", servers);
	fake_host_set(host, "zones", zones);
	assert_int_equal(fake_host_open(host), 0);
	return host;
}

static const struct postseal_value value = {
	.size = sizeof(value),
	.domain = "d.test",
	.name = "_x.mail.d.test",
	.value = "v",
};

static const struct {
	const char *name;
	unsigned rcode;
	enum postseal_outcome outcome;
	const char *detail;
} answers[] = {
	{ "done", 0, POSTSEAL_OK, NULL },
	{ "servfail", 2, POSTSEAL_FAILED, "it answers SERVFAIL" },
	{ "refused", 5, POSTSEAL_REFUSED, "REFUSED: it does not let the key (none)" },
	{ "notauth", 9, POSTSEAL_REFUSED, "NOTAUTH: it does not have that zone" },
	{ "notzone", 10, POSTSEAL_REFUSED, "NOTZONE" },
};

static void test_answers(void **state)
{
	for (size_t i = 0; i < N(answers); i++) {
		struct server s;

		test_case(answers[i].name);
		server_open(&s);
		struct fake_host *host = open_host(s.address, "d.test");
		struct fake_call *call = fake_host_dns(host, FAKE_ADD, &value);
		take_question(&s, host);
		assert_int_equal(s.question[2] >> 3 & 15, 5); /* UPDATE */
		answer(&s, host, answers[i].rcode, NULL, 0);
		assert_true(call->is_done);
		assert_int_equal(call->outcome, answers[i].outcome);
		if (answers[i].detail)
			assert_non_null(strstr(call->detail, answers[i].detail));
		fake_host_free(host);
		server_close(&s);
	}
}

/* Asked of the server, from the name itself up. */
static void test_zone_is_found(void **state)
{
	struct server s;

	server_open(&s);
	struct fake_host *host = open_host(s.address, "");
	struct fake_call *call = fake_host_dns(host, FAKE_REMOVE, &value);
	take_question(&s, host);
	assert_int_equal(s.question[2] >> 3 & 15, 0);
	answer(&s, host, 3, "\5other\4test", 12); /* not above the name */
	take_question(&s, host);
	assert_memory_equal(s.question + 12, "\4mail\1d\4test", 13);
	answer(&s, host, 0, "\1d\4test", 8);
	take_question(&s, host);
	assert_int_equal(s.question[2] >> 3 & 15, 5);
	assert_memory_equal(s.question + 12, "\1d\4test", 8);
	answer(&s, host, 0, NULL, 0);
	assert_int_equal(call->outcome, POSTSEAL_OK);
	fake_host_free(host);
	server_close(&s);
}

static void test_no_zone(void **state)
{
	struct server s;

	server_open(&s);
	struct fake_host *host = open_host(s.address, "");
	struct fake_call *call = fake_host_dns(host, FAKE_ADD, &value);
	for (unsigned i = 0; i < 4; i++) {
		take_question(&s, host);
		answer(&s, host, 0, NULL, 0);
	}
	assert_int_equal(call->outcome, POSTSEAL_REFUSED);
	assert_non_null(strstr(call->detail, "no zone that the name is in"));
	fake_host_free(host);
	server_close(&s);
}

/* Nobody there, one that breaks off, one that is silent, one that does it. */
static void test_next_server(void **state)
{
	struct server s[3];
	char servers[200];

	for (unsigned i = 0; i < 3; i++)
		server_open(&s[i]);
	snprintf(servers, sizeof(servers), "127.0.0.1:1 %s %s %s", s[0].address,
		s[1].address, s[2].address);
	struct fake_host *host = open_host(servers, "d.test");
	struct fake_call *call = fake_host_dns(host, FAKE_ADD, &value);
	fake_host_fire_watch(host, POSTSEAL_OUT); /* refused */
	take_question(&s[0], host);
	close(s[0].connection);
	s[0].connection = -1;
	fake_host_fire_watch(host, POSTSEAL_IN);
	take_question(&s[1], host);
	fake_host_end_timer(host);
	take_question(&s[2], host);
	answer(&s[2], host, 0, NULL, 0);
	assert_true(call->is_done);
	assert_int_equal(call->outcome, POSTSEAL_OK);
	fake_host_free(host);
	for (unsigned i = 0; i < 3; i++)
		server_close(&s[i]);
}

static void test_garbage(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} garbage[] = {
		{ "\0\0", 2 },
		{ "\0\3abc", 5 },
		{ "\0\15aaaaaaaaaaaaa", 15 },
	};

	for (size_t i = 0; i < N(garbage); i++) {
		struct server s;

		server_open(&s);
		struct fake_host *host = open_host(s.address, "d.test");
		struct fake_call *call = fake_host_dns(host, FAKE_ADD, &value);
		take_question(&s, host);
		assert_true(send(s.connection, garbage[i].data, garbage[i].len, 0) > 0);
		wait_for_host(host);
		assert_int_equal(call->outcome, POSTSEAL_FAILED);
		assert_non_null(strstr(call->detail, "malformed"));
		fake_host_free(host);
		server_close(&s);
	}
}

static void test_cancel(void **state)
{
	struct server s;

	server_open(&s);
	struct fake_host *host = open_host(s.address, "d.test");
	struct fake_call *call = fake_host_dns(host, FAKE_ADD, &value);
	fake_host_cancel(host, call);
	assert_int_equal(fake_host_count(host), 0);
	fake_host_free(host);
	server_close(&s);
}

/* --- messages ------------------------------------------------------------------------------------ */

static void test_long_value(void **state)
{
	struct update_message *message = malloc(sizeof(*message));
	char text[601];

	assert_non_null(message);
	memset(text, 'a', 600);
	text[600] = '\0';
	const struct update_change change = { "d.test", "_x.d.test", text, 5, 0 };
	assert_int_equal(update_make_change(message, &change, NULL), 0);
	assert_in_range(message->len, 600 + 3 + 12, 700);
	const struct update_change bad = { "d.test", "a..b", text, 5, 0 };
	assert_int_equal(update_make_change(message, &bad, NULL), -1);
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_files),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_key_for_everybody),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_zone_is_found),
		cmocka_unit_test(test_no_zone),
		cmocka_unit_test(test_next_server),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_long_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
