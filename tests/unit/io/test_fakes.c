/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fakes that other tests rely on are tested too. */
#include <errno.h>
#include <string.h>

#include "tests/lib/fake_http.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "util/mem.h"

struct seen {
	struct loop *loop;
	char order[16];
	unsigned n;
	usec_t at_usec;
	enum http_outcome outcome;
	unsigned status;
	char *body;
	char *header;
	struct http_request *req;
};

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct seen *seen = userdata;

	seen->n++;
	seen->at_usec = loop_now(seen->loop);
}

static void on_exit_timer(struct loop_timer *timer, void *userdata)
{
	struct seen *seen = userdata;

	loop_exit(seen->loop, 6);
}

static void test_clock(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
	struct seen seen = { .loop = loop };
	_cleanup_(loop_timer_freep) struct loop_timer *a =
		loop_timer_new(loop, on_timer, &seen);
	_cleanup_(loop_timer_freep) struct loop_timer *b =
		loop_timer_new(loop, on_timer, &seen);
	usec_t start_usec = loop_now(loop);

	assert_true(fake_loop_next(loop) == USEC_NEVER);
	loop_timer_set_after(a, 5 * USEC_PER_MIN);
	loop_timer_set_wall(b, loop_wall_now(loop) + USEC_PER_HOUR);
	assert_int_equal(fake_loop_count(loop), 2);
	assert_int_equal(fake_loop_run_ready(loop), 0);
	fake_loop_advance(loop, 6 * USEC_PER_MIN);
	assert_int_equal(seen.n, 1);
	assert_true(seen.at_usec == start_usec + 5 * USEC_PER_MIN);
	assert_true(loop_now(loop) == start_usec + 6 * USEC_PER_MIN);

	/* The wall clock is set: only the calendar timer follows. */
	loop_timer_set_after(a, USEC_PER_MIN);
	fake_loop_set_wall(loop, loop_wall_now(loop) + USEC_PER_DAY);
	assert_int_equal(fake_loop_run_ready(loop), 1);
	assert_false(loop_timer_is_armed(b));
	assert_false(fake_loop_run_until_idle(loop, USEC_PER_SEC));
	assert_true(fake_loop_run_until_idle(loop, USEC_PER_MIN));
	assert_int_equal(seen.n, 3);
}

static void on_wall_set(void *userdata)
{
	++*(unsigned *)userdata;
}

static void test_wall_watch(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
	struct loop_wall_watch *watch = NULL;
	unsigned n = 0;

	assert_int_equal(loop_wall_watch_new(&watch, loop, on_wall_set, &n, NULL), 0);
	fake_loop_advance(loop, USEC_PER_DAY);
	assert_int_equal(n, 0);
	usec_t boot = loop_boot_now(loop);
	fake_loop_set_wall(loop, USEC_PER_DAY);
	assert_int_equal(n, 0);
	fake_loop_run_ready(loop);
	assert_int_equal(n, 1);
	assert_int_equal(loop_boot_now(loop), boot);
	fake_loop_set_wall(loop, 0);
	loop_wall_watch_free(watch);
	fake_loop_run_ready(loop);
	assert_int_equal(n, 1);
}

static void test_run(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
	struct seen seen = { .loop = loop };
	_cleanup_(loop_timer_freep) struct loop_timer *timer =
		loop_timer_new(loop, on_exit_timer, &seen);
	struct loop_io *io = NULL;

	assert_int_equal(loop_run(loop, NULL), -EDEADLK);
	loop_timer_set_after(timer, USEC_PER_DAY);
	assert_int_equal(loop_run(loop, NULL), 6);
	assert_int_equal(
		loop_io_new(&io, loop, 0, LOOP_IN, NULL, NULL, NULL), -ENOTSUP);
}

static void handle(const struct fake_http_request *req, struct fake_http_answer *answer,
	void *userdata)
{
	if (strstr(req->url, "/never"))
		answer->is_never = true;
	if (strstr(req->url, "/slow"))
		answer->delay_usec = 7 * USEC_PER_SEC;
	if (strstr(req->url, "/reset"))
		answer->outcome = HTTP_UNREACHED;
	answer->status = 201;
	fake_http_add_header(answer, "Replay-Nonce", "abc");
	buf_append_str(&answer->body, req->method_name);
	buf_append(&answer->body, req->body, req->body_len);
}

static void on_answer(const struct http_result *result, void *userdata)
{
	struct seen *seen = userdata;

	/* All that it points at must outlive this. */
	seen->req = http_request_cancel(seen->req);
	seen->n++;
	seen->at_usec = loop_now(seen->loop);
	seen->outcome = result->outcome;
	seen->status = result->status;
	xstrset(&seen->body, result->body);
	xstrset(&seen->header, http_header(result, "replay-nonce", 0));
	assert_null(http_header(result, "replay-nonce", 1));
	assert_int_equal(result->detail == NULL, result->outcome == HTTP_OK);
}

/* clang-format off */
static const struct {
	const char *name;
	struct http_params params;
	enum http_outcome outcome;
	unsigned status;
	const char *body;
	usec_t after_usec;
} answers[] = {
	{ "get", { .url = "https://ca.test/x" }, HTTP_OK, 201, "GET", 0 },
	{ "post", { .method = HTTP_POST, .url = "https://ca.test/x", .body = "{}", .body_len = 2 },
		HTTP_OK, 201, "POST{}", 0 },
	{ "head", { .method = HTTP_HEAD, .url = "https://ca.test/x" }, HTTP_OK, 201, "", 0 },
	{ "slow", { .url = "https://ca.test/slow" }, HTTP_OK, 201, "GET", 7 * USEC_PER_SEC },
	{ "slower than asked", { .url = "https://ca.test/slow", .deadline_usec = USEC_PER_SEC },
		HTTP_DEADLINE, 0, "", USEC_PER_SEC },
	{ "never", { .url = "https://ca.test/never" }, HTTP_DEADLINE, 0, "", 30 * USEC_PER_SEC },
	{ "reset", { .url = "https://ca.test/reset" }, HTTP_UNREACHED, 0, "", 0 },
	{ "too large", { .url = "https://ca.test/x", .max_body_bytes = 2 }, HTTP_TOO_LARGE, 0, "", 0 },
};

/* clang-format on */

static void test_answers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
		_cleanup_(http_client_freep) struct http_client *client =
			fake_http_new(loop, handle, NULL);
		struct seen seen = { .loop = loop };

		test_case(answers[i].name);
		assert_int_equal(http_request_start(&seen.req, client,
					 &answers[i].params, on_answer, &seen, NULL),
			0);
		assert_int_equal(seen.n, 0);
		assert_int_equal(fake_http_pending(client), 1);
		assert_true(fake_loop_run_until_idle(loop, USEC_PER_MIN));
		assert_int_equal(fake_http_pending(client), 0);
		assert_int_equal(seen.n, 1);
		assert_int_equal(seen.outcome, answers[i].outcome);
		assert_int_equal(seen.status, answers[i].status);
		assert_string_equal(seen.body, answers[i].body);
		assert_true(
			seen.at_usec == FAKE_LOOP_START_USEC + answers[i].after_usec);
		if (seen.outcome == HTTP_OK)
			assert_string_equal(seen.header, "abc");
		free(seen.body);
		free(seen.header);
	}
}

static void test_cancel(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
	struct http_client *client = fake_http_new(loop, handle, NULL);
	struct http_params params = { .url = "https://ca.test/x" };
	struct seen seen = { .loop = loop };

	assert_int_equal(
		http_request_start(&seen.req, client, &params, on_answer, &seen, NULL),
		0);
	seen.req = http_request_cancel(seen.req);
	assert_int_equal(fake_http_count(client), 1);
	assert_int_equal(
		http_request_start(&seen.req, client, &params, on_answer, &seen, NULL),
		0);
	client = http_client_free(client);
	assert_true(fake_loop_run_until_idle(loop, USEC_PER_MIN));
	assert_int_equal(seen.n, 0);
	http_request_cancel(seen.req);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_wall_watch),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
