/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A listener of protocol http, with and without a backend. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/front/rig.h"

#define TOKEN "/.well-known/acme-challenge/tok-1"

struct fixture {
	struct rig *rig;
	unsigned port;
};

static struct fixture begin(bool has_backend)
{
	struct fixture f = { .rig = rig_new(NULL, 0) };
	const struct link_listener m = { .name = "http",
		.protocol = LINK_PROTOCOL_HTTP,
		.tls = 1,
		.backend = has_backend ? f.rig->backend : NULL,
		.redirect_port = ":8443" };
	const struct link_answer answer = {
		.id = 1, .name = "a.test", .token = "tok-1", .content = "tok-1.thumb"
	};

	f.port = rig_add_listener(f.rig, &m);
	rig_add_name(f.rig, "a.test");
	rig_start(f.rig);
	rig_send_answer(f.rig, &answer);
	assert_null(f.rig->last_error);
	return f;
}

static void read_to_end(struct rig *rig, int fd, char *buf, size_t size)
{
	size_t len = 0;

	for (int i = 0; i < 3000 && len + 1 < size; i++) {
		ssize_t n = recv(fd, buf + len, size - len - 1, MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		else
			rig_turn(rig);
	}
	buf[len] = '\0';
}

/* clang-format off */
static const struct {
	const char *name;
	const char *request;
	const char *status;
	const char *contains;
} cases[] = {
	{ "token", "GET " TOKEN " HTTP/1.1\r\nHost: a.test\r\n\r\n", "200",
	  "\r\n\r\ntok-1.thumb" },
	{ "token, port in the host", "GET " TOKEN " HTTP/1.1\r\nHost: A.test:80\r\n\r\n",
	  "200", "\r\n\r\ntok-1.thumb" },
	{ "head", "HEAD " TOKEN " HTTP/1.1\r\nHost: a.test\r\n\r\n", "200",
	  "Content-Length: 11\r\n" },
	{ "token of another host", "GET " TOKEN " HTTP/1.1\r\nHost: b.test\r\n\r\n", "421",
	  "" },
	{ "unknown token", "GET " TOKEN "x HTTP/1.1\r\nHost: a.test\r\n\r\n", "301",
	  "Location: https://a.test:8443" TOKEN "x\r\n" },
	{ "redirect", "GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\n\r\n", "301",
	  "Location: https://a.test:8443/x?y=1\r\n" },
	{ "unknown host", "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", "421", "" },
	{ "an address", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "421", "" },
	{ "no host", "GET / HTTP/1.0\r\n\r\n", "421", "" },
	{ "rubbish", "\x16\x03\x01\x02", "400", "" },
	{ "splitting", "GET /\rLocation:x HTTP/1.1\r\nHost: a.test\r\n\r\n", "400", "" },
};

/* clang-format on */

static void test_answers(void **state)
{
	struct fixture f = begin(false);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char reply[4096], status[16];

		test_case(cases[i].name);
		int fd = rig_connect(f.rig, f.port);
		rig_write(f.rig, fd, cases[i].request, strlen(cases[i].request));
		read_to_end(f.rig, fd, reply, sizeof(reply));
		close(fd);
		snprintf(status, sizeof(status), "HTTP/1.1 %s ", cases[i].status);
		assert_memory_equal(reply, status, strlen(status));
		assert_non_null(strstr(reply, cases[i].contains));
		assert_non_null(strstr(reply, "Connection: close\r\n"));
	}
	assert_int_equal(rig_get_stats(f.rig)->acme_answered, 3);
	rig_free(f.rig);
}

/* In pieces, and withdrawn. */
static void test_pieces(void **state)
{
	struct fixture f = begin(false);
	const struct link_answer answer = {
		.id = 1, .name = "a.test", .token = "tok-1"
	};
	char reply[4096];

	for (int round = 0; round < 2; round++) {
		int fd = rig_connect(f.rig, f.port);
		for (const char *p = cases[0].request; *p; p++) {
			rig_write(f.rig, fd, p, 1);
			if (p - cases[0].request < 20)
				rig_turn(f.rig);
		}
		read_to_end(f.rig, fd, reply, sizeof(reply));
		close(fd);
		assert_memory_equal(reply, round ? "HTTP/1.1 301" : "HTTP/1.1 200", 12);
		rig_drop_answer(f.rig, &answer);
	}
	rig_free(f.rig);
}

static void test_relayed(void **state)
{
	static const char request[] = "POST /x HTTP/1.1\r\nHost: any.test\r\n"
				      "Content-Length: 4\r\n\r\nbody";
	struct fixture f = begin(true);
	char buf[sizeof(request)];

	int fd = rig_connect(f.rig, f.port);
	rig_write(f.rig, fd, request, sizeof(request) - 1);
	int backend = rig_accept(f.rig);
	rig_read(f.rig, backend, buf, sizeof(request) - 1);
	assert_memory_equal(buf, request, sizeof(request) - 1);
	rig_write(f.rig, backend, "HTTP/1.1 200", 12);
	close(backend);
	rig_read(f.rig, fd, buf, 12);
	assert_true(rig_is_closed(f.rig, fd));
	close(fd);
	/* The challenge is answered all the same. */
	char reply[4096];
	fd = rig_connect(f.rig, f.port);
	rig_write(f.rig, fd, cases[0].request, strlen(cases[0].request));
	read_to_end(f.rig, fd, reply, sizeof(reply));
	assert_memory_equal(reply, "HTTP/1.1 200", 12);
	close(fd);
	rig_free(f.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_answers),
		test_with_log(test_pieces),
		test_with_log(test_relayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
