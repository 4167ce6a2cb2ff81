/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/http.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/io/http_server.h"
#include "tests/unit/io/tls_server.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct http_client *client;
};

struct exchange {
	struct fixture *f;
	struct http_request *req;
	unsigned n_done;
	enum http_outcome outcome;
	unsigned status;
	char *body;
	char *detail;
	char *header;
	const char *want_header;
	size_t n_headers;
	usec_t at_usec;
	bool frees_client;
	struct exchange *cancels; /* another one */
	unsigned *n_left;
};

static void fixture_init(struct fixture *f)
{
	struct http_client_params params = { .user_agent = "test/1" };

	assert_int_equal(loop_new_sdevent(&f->loop, NULL), 0);
	f->server = http_server_new();
	assert_int_equal(http_client_new(&f->client, f->loop, &params, NULL), 0);
}

static void fixture_done(struct fixture *f)
{
	http_client_free(f->client);
	http_server_free(f->server);
	loop_free(f->loop);
}

static void on_done(const struct http_result *result, void *userdata)
{
	struct exchange *x = userdata;

	/* The result must outlive the request, and the client. */
	x->req = http_request_cancel(x->req);
	if (x->frees_client)
		x->f->client = http_client_free(x->f->client);
	if (x->cancels)
		x->cancels->req = http_request_cancel(x->cancels->req);
	x->n_done++;
	x->outcome = result->outcome;
	x->status = result->status;
	x->n_headers = result->headers->n;
	x->at_usec = loop_now(x->f->loop);
	assert_int_equal(strlen(result->body), result->body_len);
	assert_int_equal(result->detail == NULL, result->outcome == HTTP_OK);
	xstrset(&x->body, result->body);
	xstrset(&x->detail, result->detail);
	if (x->want_header)
		xstrset(&x->header, http_header(result, x->want_header, 0));
	if (!x->n_left || --*x->n_left == 0)
		loop_exit(x->f->loop, 0);
}

static void exchange_done(struct exchange *x)
{
	http_request_cancel(x->req);
	free(x->body);
	free(x->detail);
	free(x->header);
}

static void exchange_start(struct exchange *x, struct fixture *f,
	struct http_params params, const char *path)
{
	_cleanup_(freep) char *url =
		xasprintf("http://127.0.0.1:%u%s", http_server_port(f->server), path);

	x->f = f;
	params.url = url;
	params.flags = HTTP_ALLOW_PLAIN;
	assert_int_equal(
		http_request_start(&x->req, f->client, &params, on_done, x, NULL), 0);
	/* Never before start has returned. */
	assert_int_equal(x->n_done, 0);
}

static void on_end(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 1);
}

static int run(struct loop *loop, usec_t usec)
{
	_cleanup_(loop_timer_freep) struct loop_timer *timer =
		loop_timer_new(loop, on_end, loop);

	loop_timer_set_after(timer, usec);
	return loop_run(loop, NULL);
}

#define SECONDS(n) ((n)*USEC_PER_SEC)

/* clang-format off */
static const struct {
	const char *name;
	const char *path;
	struct http_params params;
	enum http_outcome outcome;
	unsigned status;
	const char *body;
} cases[] = {
	{ "get", "/ok", { .method = HTTP_GET }, HTTP_OK, 200, "hello" },
	{ "head", "/head", { .method = HTTP_HEAD }, HTTP_OK, 200, "" },
	{ "body as large as the cap", "/ok", { .max_body_bytes = 5 }, HTTP_OK, 200, "hello" },
	{ "body one octet too large", "/ok", { .max_body_bytes = 4 }, HTTP_TOO_LARGE, 0, "" },
	{ "endless body", "/endless", { .max_body_bytes = 100000 }, HTTP_TOO_LARGE, 0, "" },
	{ "endless header", "/endless-header", { 0 }, HTTP_TOO_LARGE, 0, "" },
	{ "drip", "/drip", { .deadline_usec = 80000 }, HTTP_DEADLINE, 0, "" },
	{ "never", "/never", { .deadline_usec = 30000 }, HTTP_DEADLINE, 0, "" },
	{ "cut off", "/cut", { 0 }, HTTP_BROKEN, 0, "" },
	{ "garbage", "/garbage", { 0 }, HTTP_BROKEN, 0, "" },
	{ "nothing", "/nothing", { 0 }, HTTP_UNREACHED, 0, "" },
	{ "interim answer", "/interim", { 0 }, HTTP_OK, 200, "hello" },
	{ "chunks", "/trailer", { 0 }, HTTP_OK, 200, "hello" },
	{ "no redirect", "/redirect", { 0 }, HTTP_OK, 302, "" },
	{ "refused", "/ok", { .connect_to = "127.0.0.1:1" }, HTTP_UNREACHED, 0, "" },
};

/* clang-format on */

static void test_outcomes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		struct exchange x = { .n_done = 0 };

		test_case(cases[i].name);
		fixture_init(&f);
		exchange_start(&x, &f, cases[i].params, cases[i].path);
		assert_int_equal(run(f.loop, SECONDS(5)), 0);
		assert_int_equal(x.n_done, 1);
		assert_int_equal(x.outcome, cases[i].outcome);
		assert_int_equal(x.status, cases[i].status);
		assert_string_equal(x.body, cases[i].body);
		exchange_done(&x);
		fixture_done(&f);
	}
}

static void test_post(void **state)
{
	struct http_params params = {
		.method = HTTP_POST,
		.body = "{\"a\":1}",
		.body_len = 7,
		.content_type = "application/jose+json",
		.accept = "application/pem-certificate-chain",
	};
	struct exchange x = { .n_done = 0 };
	struct fixture f;

	fixture_init(&f);
	exchange_start(&x, &f, params, "/echo");
	assert_int_equal(run(f.loop, SECONDS(5)), 0);
	assert_int_equal(x.status, 201);
	assert_non_null(strstr(x.body, "POST /echo HTTP/1.1\r\n"));
	assert_non_null(strstr(x.body, "\r\nContent-Type: application/jose+json\r\n"));
	assert_non_null(
		strstr(x.body, "\r\nAccept: application/pem-certificate-chain\r\n"));
	assert_non_null(strstr(x.body, "\r\nUser-Agent: test/1\r\n"));
	assert_null(strstr(x.body, "Expect"));
	assert_non_null(strstr(x.body, "\r\n\r\n{\"a\":1}"));
	exchange_done(&x);

	/* Nothing that we did not ask for, and an empty body. */
	x = (struct exchange){ .n_done = 0 };
	params = (struct http_params){ .method = HTTP_POST };
	exchange_start(&x, &f, params, "/echo");
	assert_int_equal(run(f.loop, SECONDS(5)), 0);
	assert_null(strstr(x.body, "Content-Type"));
	assert_null(strstr(x.body, "Accept"));
	assert_non_null(strstr(x.body, "\r\nContent-Length: 0\r\n"));
	exchange_done(&x);
	fixture_done(&f);
}

static void test_headers(void **state)
{
	static const struct {
		const char *path;
		const char *name;
		const char *value;
	} headers[] = {
		{ "/headers", "x-0", "0" },
		{ "/headers", "X-63", "63" },
		{ "/headers", "X-64", NULL },
		{ "/headers", "X-Long", NULL },
		{ "/interim", "X-Interim", NULL },
		{ "/trailer", "X-Trailer", NULL },
		{ "/redirect", "location", "/ok" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		struct exchange x = { .want_header = headers[i].name };
		struct fixture f;

		test_case(headers[i].name);
		fixture_init(&f);
		exchange_start(
			&x, &f, (struct http_params){ .flags = 0 }, headers[i].path);
		assert_int_equal(run(f.loop, SECONDS(5)), 0);
		assert_true(x.n_headers <= 64);
		assert_int_equal(x.header == NULL, headers[i].value == NULL);
		if (x.header)
			assert_string_equal(x.header, headers[i].value);
		exchange_done(&x);
		fixture_done(&f);
	}
}

static void test_connect_to(void **state)
{
	struct exchange x = { .n_done = 0 };
	struct fixture f;

	fixture_init(&f);
	_cleanup_(freep) char *to =
		xasprintf("127.0.0.1:%u", http_server_port(f.server));
	struct http_params params = {
		.url = "http://mail.example.invalid/echo",
		.flags = HTTP_ALLOW_PLAIN,
		.connect_to = to,
	};
	x.f = &f;
	assert_int_equal(
		http_request_start(&x.req, f.client, &params, on_done, &x, NULL), 0);
	assert_int_equal(run(f.loop, SECONDS(5)), 0);
	assert_int_equal(x.outcome, HTTP_OK);
	assert_non_null(strstr(x.body, "\r\nHost: mail.example.invalid\r\n"));
	exchange_done(&x);
	fixture_done(&f);
}

#define N_AT_ONCE 5

static void test_one_connection_serves_all(void **state)
{
	struct exchange x[N_AT_ONCE] = { { .n_done = 0 } };
	unsigned n_left = N_AT_ONCE;
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < N_AT_ONCE; i++) {
		x[i].n_left = &n_left;
		exchange_start(&x[i], &f, (struct http_params){ .flags = 0 }, "/ok");
	}
	assert_int_equal(run(f.loop, SECONDS(5)), 0);
	struct exchange later = { .want_header = "X-Connection" };
	exchange_start(&later, &f, (struct http_params){ .flags = 0 }, "/ok");
	assert_int_equal(run(f.loop, SECONDS(5)), 0);
	assert_string_equal(later.header, "1");
	assert_int_equal(http_server_connections(f.server), 1);
	exchange_done(&later);
	for (size_t i = 0; i < N_AT_ONCE; i++) {
		assert_int_equal(x[i].outcome, HTTP_OK);
		exchange_done(&x[i]);
	}
	fixture_done(&f);
}

static void test_deadline_while_queued(void **state)
{
	struct exchange first = { .n_done = 0 }, queued = { .n_done = 0 };
	struct exchange last = { .n_done = 0 };
	unsigned n_left = 3;
	struct fixture f;

	fixture_init(&f);
	first.n_left = queued.n_left = last.n_left = &n_left;
	exchange_start(
		&first, &f, (struct http_params){ .deadline_usec = 90000 }, "/never");
	exchange_start(
		&queued, &f, (struct http_params){ .deadline_usec = 30000 }, "/ok");
	exchange_start(
		&last, &f, (struct http_params){ .deadline_usec = SECONDS(4) }, "/ok");
	usec_t start_usec = loop_now(f.loop);
	assert_int_equal(run(f.loop, SECONDS(5)), 0);
	assert_int_equal(queued.outcome, HTTP_DEADLINE);
	assert_true(queued.at_usec < start_usec + 90000);
	assert_int_equal(first.outcome, HTTP_DEADLINE);
	/* The way is free again. */
	assert_int_equal(last.outcome, HTTP_OK);
	exchange_done(&first);
	exchange_done(&queued);
	exchange_done(&last);
	fixture_done(&f);
}

static void test_cancel(void **state)
{
	struct exchange a = { .n_done = 0 }, b = { .n_done = 0 };
	struct fixture f;

	/* Under way: silence. */
	fixture_init(&f);
	exchange_start(&a, &f, (struct http_params){ .flags = 0 }, "/slow");
	assert_int_equal(run(f.loop, 10000), 1);
	a.req = http_request_cancel(a.req);
	assert_int_equal(run(f.loop, 100000), 1);
	assert_int_equal(a.n_done, 0);

	/* Inside another's done: one that waits, and one that has ended as well. */
	a.cancels = &b;
	exchange_start(&a, &f, (struct http_params){ .flags = 0 }, "/ok");
	exchange_start(&b, &f, (struct http_params){ .flags = 0 }, "/ok");
	assert_int_equal(run(f.loop, SECONDS(5)), 0);
	assert_int_equal(run(f.loop, 20000), 1);
	assert_int_equal(a.n_done, 1);
	assert_int_equal(b.n_done, 0);
	exchange_done(&a);
	exchange_done(&b);
	fixture_done(&f);
}

static void test_client_freed(void **state)
{
	struct exchange a = { .frees_client = true }, b = { .n_done = 0 };
	struct fixture f;

	fixture_init(&f);
	exchange_start(&a, &f, (struct http_params){ .flags = 0 }, "/ok");
	exchange_start(&b, &f, (struct http_params){ .flags = 0 }, "/slow");
	assert_int_equal(run(f.loop, SECONDS(5)), 0);
	assert_int_equal(a.n_done, 1);
	assert_int_equal(run(f.loop, 100000), 1);
	assert_int_equal(b.n_done, 0);
	exchange_done(&a);
	/* Silent, but the handle is still ours. */
	exchange_done(&b);
	fixture_done(&f);
}

static void test_refused_at_start(void **state)
{
	static const struct {
		const char *name;
		struct http_params params;
	} refused[] = {
		{ "plain", { .url = "http://ca.test/" } },
		{ "another scheme",
			{ .url = "file:///etc/passwd", .flags = HTTP_ALLOW_PLAIN } },
		{ "no scheme", { .url = "ca.test/" } },
		{ "no host", { .url = "https:///x" } },
		{ "userinfo", { .url = "https://good.test@bad.test/" } },
		{ "blank", { .url = "https://ca.test/a b" } },
		{ "line break", { .url = "https://ca.test/\r\nX: y" } },
		{ "not ASCII", { .url = "https://ca.test/\xc3\xa4" } },
		{ "header", { .url = "https://ca.test/", .accept = "a\r\nX: y" } },
	};
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct http_request *req = NULL;
		struct err err = ERR_INIT;

		test_case(refused[i].name);
		assert_int_equal(http_request_start(&req, f.client, &refused[i].params,
					 on_done, NULL, &err),
			-EINVAL);
		assert_null(req);
		assert_true(err_is_set(&err));
		err_done(&err);
	}
	_cleanup_(freep) char *url = xnew_array(char, 4096);
	memset(url, 'a', 4095);
	memcpy(url, "https://", 8);
	struct http_params params = { .url = url };
	struct http_request *req = NULL;
	assert_int_equal(
		http_request_start(&req, f.client, &params, on_done, NULL, NULL),
		-EINVAL);
	fixture_done(&f);
}

/* Plain HTTP where TLS is expected. */
static void test_no_tls(void **state)
{
	struct exchange x = { .n_done = 0 };
	struct fixture f;

	fixture_init(&f);
	_cleanup_(freep) char *url =
		xasprintf("https://127.0.0.1:%u/garbage", http_server_port(f.server));
	struct http_params params = { .url = url, .deadline_usec = SECONDS(1) };
	x.f = &f;
	assert_int_equal(
		http_request_start(&x.req, f.client, &params, on_done, &x, NULL), 0);
	assert_int_equal(run(f.loop, SECONDS(5)), 0);
	/* The server waits for a request that never becomes one. */
	assert_true(x.outcome == HTTP_TLS || x.outcome == HTTP_DEADLINE);
	exchange_done(&x);
	fixture_done(&f);
}

/* clang-format off */
static const struct {
	const char *name;
	const char *host;
	bool is_trusted;
	enum http_outcome outcome;
} trust[] = {
	{ "trusted", "mail.test", true, HTTP_OK },
	{ "another name", "imap.test", true, HTTP_TLS },
	{ "not trusted", "mail.test", false, HTTP_TLS },
};

/* clang-format on */

static void test_trust(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(tls_server_freep) struct tls_server *server =
		tls_server_new(TLS_SERVER_HTTP);
	_cleanup_(freep) char *ca =
		test_tmpdir_write(dir, "ca.pem", tls_server_pem(server));
	_cleanup_(freep) char *to = xasprintf("127.0.0.1:%u", tls_server_port(server));

	for (size_t i = 0; i < ARRAY_SIZE(trust); i++) {
		_cleanup_(freep) char *url = xasprintf("https://%s/", trust[i].host);
		struct http_params params = { .url = url, .connect_to = to };
		struct http_client_params client = {
			.ca_file = trust[i].is_trusted ? ca : NULL,
		};
		struct fixture f = { .loop = NULL };
		struct exchange x = { .f = &f };

		test_case(trust[i].name);
		assert_int_equal(loop_new_sdevent(&f.loop, NULL), 0);
		assert_int_equal(http_client_new(&f.client, f.loop, &client, NULL), 0);
		assert_int_equal(http_request_start(
					 &x.req, f.client, &params, on_done, &x, NULL),
			0);
		assert_int_equal(run(f.loop, SECONDS(5)), 0);
		assert_int_equal(x.outcome, trust[i].outcome);
		assert_string_equal(x.body, x.outcome == HTTP_OK ? "hello" : "");
		exchange_done(&x);
		fixture_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_connect_to),
		cmocka_unit_test(test_one_connection_serves_all),
		cmocka_unit_test(test_deadline_while_queued),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_client_freed),
		cmocka_unit_test(test_refused_at_start),
		cmocka_unit_test(test_no_tls),
		cmocka_unit_test(test_trust),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
