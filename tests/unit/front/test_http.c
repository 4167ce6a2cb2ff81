/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "front/http.h"
#include "tests/lib/test.h"
#include "util/mem.h"

#define OK_HEAD "Host: a.test\r\n\r\n"

/* clang-format off */
static const struct {
	const char *name;
	const char *head;
	int r;
	const char *host;
	const char *target;
} cases[] = {
	{ "plain", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 1, "a.test", "/" },
	{ "host with port", "GET /x HTTP/1.1\r\nhost:A.Test:8080 \r\n\r\n", 1, "a.test", "/x" },
	{ "query", "GET /a?b=c&d=%20 HTTP/1.1\r\n" OK_HEAD, 1, "a.test", "/a?b=c&d=%20" },
	{ "1.0 without host", "GET / HTTP/1.0\r\n\r\n", 1, "", "/" },
	{ "1.1 without host", "GET / HTTP/1.1\r\n\r\n", -400 },
	{ "v6 host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 1, "", "/" },
	{ "v4 host", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 1, "", "/" },
	{ "empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 1, "", "/" },
	{ "two hosts", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", -400 },
	{ "host with a path", "GET / HTTP/1.1\r\nHost: a.test/x\r\n\r\n", -400 },
	{ "host with a user", "GET / HTTP/1.1\r\nHost: u@a.test\r\n\r\n", -400 },
	{ "two words of host", "GET / HTTP/1.1\r\nHost: a.test b.test\r\n\r\n", -400 },
	{ "port not a number", "GET / HTTP/1.1\r\nHost: a.test:8x\r\n\r\n", -400 },
	{ "unfinished", "GET / HTTP/1.1\r\nHost: a.test\r\n", 0 },
	{ "nothing", "", 0 },
	{ "half a line", "GET / HT", 0 },
	{ "bare LF", "GET / HTTP/1.1\nHost: a.test\r\n\r\n", -400 },
	{ "bare LF at the end", "GET / HTTP/1.1\r\nHost: a.test\r\n\n", -400 },
	{ "bare CR", "GET / HTTP/1.1\r\nX: a\rb\r\n" OK_HEAD, -400 },
	{ "folded", "GET / HTTP/1.1\r\nX: a\r\n b\r\n" OK_HEAD, -400 },
	{ "blank before the colon", "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n", -400 },
	{ "no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", -400 },
	{ "control octet in a value", "GET / HTTP/1.1\r\nX: \x01\r\n" OK_HEAD, -400 },
	{ "absolute form", "GET http://a.test/ HTTP/1.1\r\n" OK_HEAD, -400 },
	{ "asterisk", "OPTIONS * HTTP/1.1\r\n" OK_HEAD, -400 },
	{ "quote in the target", "GET /\"x HTTP/1.1\r\n" OK_HEAD, -400 },
	{ "8 bits in the target", "GET /\xc3\xbc HTTP/1.1\r\n" OK_HEAD, -400 },
	{ "two blanks", "GET  / HTTP/1.1\r\n" OK_HEAD, -400 },
	{ "blank in the target", "GET /a b HTTP/1.1\r\n" OK_HEAD, -400 },
	{ "0.9", "GET /\r\n", -400 },
	{ "2.0", "GET / HTTP/2.0\r\n" OK_HEAD, -505 },
	{ "odd method", "G(T / HTTP/1.1\r\n" OK_HEAD, -400 },
	{ "TLS", "\x16\x03\x01", -400 },
	{ "POST", "POST /x HTTP/1.1\r\n" OK_HEAD "body", 1, "a.test", "/x" },
};

/* clang-format on */

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_request request;

		test_case(cases[i].name);
		int r = http_request_parse(
			cases[i].head, strlen(cases[i].head), &request);
		assert_int_equal(r, cases[i].r);
		if (r != 1)
			continue;
		assert_string_equal(request.host, cases[i].host);
		assert_int_equal(request.target_len, strlen(cases[i].target));
		assert_memory_equal(
			request.target, cases[i].target, request.target_len);
	}
}

static void test_truncated(void **state)
{
	const char *head = cases[1].head;
	struct http_request request;

	assert_int_equal(http_request_parse(NULL, 0, &request), 0);
	for (size_t n = 0; n < strlen(head); n++) {
		_cleanup_(freep) char *cut = xnew_array(char, n + 1);
		memcpy(cut, head, n);
		assert_int_equal(http_request_parse(cut, n, &request), 0);
	}
}

static void test_nul(void **state)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: a\0.test\r\n\r\n";
	static const char path[] = "GET /\0 HTTP/1.1\r\nHost: a.test\r\n\r\n";
	struct http_request request;

	assert_int_equal(http_request_parse(head, sizeof(head) - 1, &request), -400);
	assert_int_equal(http_request_parse(path, sizeof(path) - 1, &request), -400);
}

static void test_caps(void **state)
{
	struct buf head = BUF_INIT(65536);
	struct http_request request;

	buf_append_str(&head, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < HTTP_HEADERS_MAX; i++)
		buf_append_str(&head, "X: y\r\n");
	buf_append_str(&head, OK_HEAD);
	assert_int_equal(http_request_parse(head.data, head.len, &request), -431);
	buf_reset(&head);
	buf_append_str(&head, "GET /");
	while (head.len < HTTP_HEAD_MAX - 1)
		buf_append_str(&head, "x");
	assert_int_equal(http_request_parse(head.data, head.len, &request), 0);
	buf_append_str(&head, "x");
	assert_int_equal(http_request_parse(head.data, head.len, &request), -431);
	buf_done(&head);
}

static const struct {
	const char *name;
	const char *line;
	const char *token; /* NULL: none */
} tokens[] = {
	{ "token", "GET /.well-known/acme-challenge/abc_-9", "abc_-9" },
	{ "head", "HEAD /.well-known/acme-challenge/abc", "abc" },
	{ "post", "POST /.well-known/acme-challenge/abc", NULL },
	{ "no token", "GET /.well-known/acme-challenge/", NULL },
	{ "too long for the buffer", "GET /.well-known/acme-challenge/0123456789012345",
		NULL },
	{ "elsewhere", "GET /x/.well-known/acme-challenge/abc", NULL },
};

static void test_token(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		_cleanup_(freep) char *head =
			xasprintf("%s HTTP/1.1\r\n" OK_HEAD, tokens[i].line);
		struct http_request request;
		char token[16];

		test_case(tokens[i].name);
		assert_int_equal(http_request_parse(head, strlen(head), &request), 1);
		bool has = http_request_get_token(&request, token, sizeof(token));
		assert_int_equal(has, tokens[i].token != NULL);
		if (has)
			assert_string_equal(token, tokens[i].token);
	}
}

static void test_reply(void **state)
{
	const char *head = "HEAD /p?q HTTP/1.1\r\n" OK_HEAD;
	struct http_request request;
	struct buf out = BUF_INIT(4096);

	assert_int_equal(http_request_parse(head, strlen(head), &request), 1);
	http_reply_format(&(struct http_reply){ .status = 301,
				  .location_host = "a.test",
				  .location_port = ":8443",
				  .request = &request },
		&out);
	assert_string_equal(buf_str(&out),
		"HTTP/1.1 301 Moved Permanently\r\nContent-Type: text/plain\r\n"
		"Content-Length: 17\r\nLocation: https://a.test:8443/p?q\r\n"
		"Connection: close\r\n\r\n");
	buf_reset(&out);
	http_reply_format(&(struct http_reply){ .status = 400 }, &out);
	assert_non_null(strstr(buf_str(&out), "\r\n\r\nBad Request"));
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
