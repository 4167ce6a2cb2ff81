/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/atomic_file.h"
#include "tests/lib/fake_http.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/plugin/fixture.h"
#include "util/mem.h"

struct heard {
	unsigned n;
	int number; /* status, exit code, ok or events */
	char text[256];
	struct loop *loop; /* exits when something is heard; NULL = none */
};

static void hear(struct heard *h, int number, const char *text)
{
	h->n++;
	h->number = number;
	snprintf(h->text, sizeof(h->text), "%s", text ? text : "-");
	if (h->loop)
		loop_exit(h->loop, 0);
}

/* --- settings, log, state ------------------------------------------------------------------ */

static void check_defaults(struct fixture *f)
{
	const struct postseal_services *s = f->services;
	struct postseal_host *h = f->handle;

	assert_string_equal(s->get_string(h, "text"), "hello");
	assert_null(s->get_string(h, "unset"));
	assert_null(s->get_list(h, "words")[0]);
	assert_int_equal(s->get_bool(h, "flag"), 1);
	assert_int_equal(s->get_int(h, "number"), 7);
	assert_int_equal(s->get_duration(h, "wait"), 5 * USEC_PER_SEC);
	assert_string_equal(s->get_string(h, "colour"), "green");
	assert_null(s->get_string(h, "path"));
	assert_int_equal(s->get_int(h, "mode"), 0640);
}

static void test_defaults(void **state)
{
	struct fixture f = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	check_defaults(&f);
	fixture_done(&f);
}

/* Named in a list, without a block of its own. */
static void test_without_block(void **state)
{
	struct fixture f = { 0 };

	fixture_init(&f, fake_loop_new(), NULL);
	check_defaults(&f);
	fixture_done(&f);
}

static void test_settings(void **state)
{
	struct fixture f = { 0 };

	fixture_init(&f, fake_loop_new(),
		"text = a b\nwords = x, y z\nflag = no\nnumber = 9\nwait = 2m\n"
		"colour = red\npath = /a/%d\naddresses = 127.0.0.1:25 [::1]:25\n"
		"url = https://a.example/\nmode = 0600\npin = 1234\n");
	const struct postseal_services *s = f.services;
	struct postseal_host *h = f.handle;
	assert_string_equal(s->get_string(h, "text"), "a b");
	assert_string_equal(s->get_list(h, "words")[2], "z");
	assert_null(s->get_list(h, "words")[3]);
	assert_int_equal(s->get_bool(h, "flag"), 0);
	assert_int_equal(s->get_int(h, "number"), 9);
	assert_int_equal(s->get_duration(h, "wait"), 2 * USEC_PER_MIN);
	assert_string_equal(s->get_string(h, "colour"), "red");
	assert_string_equal(s->get_string(h, "path"), "/a/%d");
	assert_string_equal(s->get_list(h, "addresses")[1], "[::1]:25");
	assert_string_equal(s->get_string(h, "url"), "https://a.example/");
	assert_int_equal(s->get_int(h, "mode"), 0600);
	assert_string_equal(s->get_string(h, "pin"), "1234");
	fixture_done(&f);
}

/* A plugin's slip is told and not followed. */
static void test_foreign_settings(void **state)
{
	struct fixture f = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	test_log_expect(LOG_LEVEL_WARNING, "asks for the setting nothing, which");
	assert_null(f.services->get_string(f.handle, "nothing"));
	test_log_expect(LOG_LEVEL_WARNING, "number, which it has not of that type");
	assert_null(f.services->get_string(f.handle, "number"));
	test_log_expect(LOG_LEVEL_WARNING, "text, which it has not of that type");
	assert_null(f.services->get_list(f.handle, "text")[0]);
	test_log_expect(LOG_LEVEL_WARNING, "the setting ?");
	assert_int_equal(f.services->get_int(f.handle, NULL), 0);
	fixture_done(&f);
}

static void test_log(void **state)
{
	struct fixture f = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	f.services->log(f.handle, POSTSEAL_LOG_INFO, "one\ntwo %s");
	assert_true(test_log_has(LOG_LEVEL_INFO, "probe: one?two %s"));
	test_log_expect(LOG_LEVEL_WARNING, "strange");
	f.services->log(f.handle, 99, "strange");
	f.services->log(f.handle, POSTSEAL_LOG_INFO, NULL);
	fixture_done(&f);
}

static void test_state(void **state)
{
	struct fixture f = { 0 };
	char *text;

	fixture_init(&f, fake_loop_new(), "");
	assert_int_equal(f.services->load_state(f.handle, "token", &text), 0);
	assert_null(text);
	assert_string_equal(f.asked, "load notify-probe token");
	assert_int_equal(f.services->save_state(f.handle, "token", "abc"), 0);
	assert_string_equal(f.asked, "save notify-probe token");
	assert_int_equal(f.services->load_state(f.handle, "token", &text), 0);
	assert_string_equal(text, "abc");
	free(text);
	assert_int_equal(f.services->load_state(f.handle, "", &text), -EINVAL);
	_cleanup_(freep) char *large = xnew_array(char, 65538);
	memset(large, 'x', 65537);
	assert_int_equal(f.services->save_state(f.handle, "token", large), -E2BIG);
	f.backing_fails = -EIO;
	test_log_expect(LOG_LEVEL_WARNING, "save state: the store is closed");
	assert_int_equal(f.services->save_state(f.handle, "token", "x"), -EIO);
	fixture_done(&f);
}

/* --- timers ------------------------------------------------------------------------------------ */

static void on_timer(void *userdata)
{
	hear(userdata, 1, NULL);
}

static void test_timer(void **state)
{
	struct fixture f = { 0 };
	struct heard h = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	struct postseal_timer *timer =
		f.services->timer_start(f.handle, USEC_PER_SEC, on_timer, &h);
	assert_non_null(timer);
	fake_loop_advance(f.loop, USEC_PER_SEC - 1);
	assert_int_equal(h.n, 0);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	assert_int_equal(h.n, 1);
	/* What is gone may be cancelled. */
	f.services->timer_cancel(timer);
	timer = f.services->timer_start(f.handle, 0, on_timer, &h);
	assert_int_equal(h.n, 1);
	f.services->timer_cancel(timer);
	f.services->timer_cancel(timer);
	f.services->timer_cancel(NULL);
	/* Another kind's handle is not taken for a timer's. */
	timer = f.services->timer_start(f.handle, 0, on_timer, &h);
	f.services->exec_cancel((struct postseal_exec *)timer);
	fake_loop_run_ready(f.loop);
	assert_int_equal(h.n, 2);
	fixture_done(&f);
}

/* What is under way goes with the instance; services are deaf then. */
static void test_closed(void **state)
{
	struct fixture f = { 0 };
	struct heard h = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	struct postseal_timer *timer =
		f.services->timer_start(f.handle, 0, on_timer, &h);
	f.instance = plugin_instance_close(f.instance);
	fake_loop_run_ready(f.loop);
	assert_int_equal(h.n, 0);
	f.services->timer_cancel(timer);
	assert_null(f.services->timer_start(f.handle, 0, on_timer, &h));
	assert_null(f.services->get_string(f.handle, "text"));
	f.services->log(f.handle, POSTSEAL_LOG_ERROR, "nobody hears");
	assert_int_equal(f.services->save_state(f.handle, "a", "b"), -EINVAL);
	fixture_done(&f);
}

/* --- HTTP --------------------------------------------------------------------------------------- */

static void handle_http(const struct fake_http_request *req,
	struct fake_http_answer *answer, void *userdata)
{
	answer->status = 201;
	buf_printf(&answer->body, "%s %s %s", req->method_name, req->url, req->body);
}

static void on_http(const struct postseal_http_result *result, void *userdata)
{
	hear(userdata, (int)result->status, result->body);
}

static void test_http(void **state)
{
	struct fixture f = { 0 };
	struct heard h = { 0 };
	struct loop *loop = fake_loop_new();
	struct postseal_http_params params = {
		.size = sizeof(params),
		.method = "POST",
		.url = "https://a.example/x",
		.body = "body",
		.body_len = 4,
	};

	f.http = fake_http_new(loop, handle_http, NULL);
	fixture_init(&f, loop, "");
	struct postseal_http *op =
		f.services->http_start(f.handle, &params, on_http, &h);
	assert_non_null(op);
	assert_int_equal(h.n, 0);
	fake_loop_run_ready(loop);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.number, 201);
	assert_string_equal(h.text, "POST https://a.example/x body");
	f.services->http_cancel(op);
	op = f.services->http_start(f.handle, &params, on_http, &h);
	f.services->http_cancel(op);
	fake_loop_run_ready(loop);
	assert_int_equal(h.n, 1);
	params.method = "DELETE";
	test_log_expect(LOG_LEVEL_WARNING, "neither GET nor POST");
	assert_null(f.services->http_start(f.handle, &params, on_http, &h));
	params.size = 0;
	test_log_expect(LOG_LEVEL_WARNING, "without their size");
	assert_null(f.services->http_start(f.handle, &params, on_http, &h));
	fixture_done(&f);
}

static void test_no_http(void **state)
{
	struct fixture f = { 0 };
	struct heard h = { 0 };
	const struct postseal_http_params params = {
		.size = sizeof(params),
		.method = "GET",
		.url = "https://a.example/x",
	};

	fixture_init(&f, fake_loop_new(), "");
	test_log_expect(LOG_LEVEL_WARNING, "there is no HTTP client here");
	assert_null(f.services->http_start(f.handle, &params, on_http, &h));
	fixture_done(&f);
}

/* --- programs and descriptors -------------------------------------------------------------------- */

static struct loop *new_real_loop(void)
{
	struct loop *loop = NULL;

	assert_int_equal(loop_new_epoll(&loop, NULL), 0);
	return loop;
}

static void on_exec(const struct postseal_exec_result *result, void *userdata)
{
	hear(userdata, result->exit_code, result->output);
}

static void test_exec(void **state)
{
	struct fixture f = { 0 };
	struct heard h = { 0 };
	const char *argv[] = { "/bin/sh", "-c", "cat; echo $A $PATH; exit 3", NULL };
	const char *env[] = { "A=b", NULL };
	struct postseal_exec_params params = {
		.size = sizeof(params),
		.argv = argv,
		.env = env,
		.input = "in ",
		.input_len = 3,
	};

	fixture_init(&f, new_real_loop(), "");
	h.loop = f.loop;
	assert_non_null(f.services->exec_start(f.handle, &params, on_exec, &h));
	assert_int_equal(h.n, 0);
	loop_run(f.loop, NULL);
	assert_int_equal(h.number, 3);
	assert_non_null(strstr(h.text, "in b /usr"));

	struct postseal_exec *op =
		f.services->exec_start(f.handle, &params, on_exec, &h);
	f.services->exec_cancel(op);
	f.services->exec_cancel(op);
	argv[0] = "sh";
	test_log_expect(LOG_LEVEL_WARNING, "not the absolute path");
	assert_null(f.services->exec_start(f.handle, &params, on_exec, &h));
	argv[0] = "/bin/sh";
	env[0] = "A";
	test_log_expect(LOG_LEVEL_WARNING, "a variable without");
	assert_null(f.services->exec_start(f.handle, &params, on_exec, &h));
	assert_int_equal(h.n, 1);
	fixture_done(&f);
}

static void on_watch(int fd, unsigned events, void *userdata)
{
	char c;

	assert_int_equal(read(fd, &c, 1), 1);
	hear(userdata, (int)events, "watch");
}

static void test_watch(void **state)
{
	struct fixture f = { 0 };
	struct heard h = { 0 };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	fixture_init(&f, new_real_loop(), "");
	h.loop = f.loop;
	struct postseal_watch *watch =
		f.services->watch_start(f.handle, fds[0], POSTSEAL_IN, on_watch, &h);
	assert_non_null(watch);
	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(write(fds[1], "x", 1), 1);
		loop_run(f.loop, NULL);
		assert_int_equal(h.n, i);
		assert_int_equal(h.number, POSTSEAL_IN);
	}
	f.services->watch_cancel(watch);
	f.services->watch_cancel(watch);
	test_log_expect(LOG_LEVEL_WARNING, "watch not started");
	assert_null(f.services->watch_start(f.handle, -1, POSTSEAL_IN, on_watch, &h));
	fixture_done(&f);
	close(fds[0]);
	close(fds[1]);
}

/* --- files ------------------------------------------------------------------------------------------ */

static void test_files(void **state)
{
	struct fixture f = { 0 };
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *a = xasprintf("%s/a", dir);
	_cleanup_(freep) char *b = xasprintf("%s/none/b", dir);
	_cleanup_(buf_done) struct buf text = BUF_INIT(100);
	struct postseal_file files[] = {
		{ .path = a, .data = "one", .len = 3, .mode = 0640 },
		{ .path = b, .data = "two", .len = 3, .mode = 0600 },
	};
	char detail[200] = "";
	struct stat st;

	fixture_init(&f, fake_loop_new(), "");
	int r = f.services->write_files(f.handle, files, 2, detail, sizeof(detail));
	assert_int_equal(r, -ENOENT);
	assert_non_null(strstr(detail, "none"));
	assert_int_equal(access(a, F_OK), -1);
	r = f.services->write_files(f.handle, files, 1, detail, sizeof(detail));
	assert_int_equal(r, 0);
	assert_int_equal(stat(a, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_read(a, 0, 100, &text, NULL), 0);
	assert_string_equal(buf_str(&text), "one");
	files[0].path = "a";
	r = f.services->write_files(f.handle, files, 1, detail, sizeof(detail));
	assert_int_equal(r, -EINVAL);
	assert_string_equal(detail, "a: not an absolute path");
	files[0].path = a;
	files[0].mode = 04755;
	r = f.services->write_files(f.handle, files, 1, detail, sizeof(detail));
	assert_int_equal(r, -EINVAL);
	assert_int_equal(f.services->write_files(f.handle, files, 0, NULL, 0), -EINVAL);
	fixture_done(&f);
}

/* --- answers ----------------------------------------------------------------------------------------- */

static void on_publication(int ok, const char *detail, void *userdata)
{
	hear(userdata, ok, detail);
}

static const struct postseal_answer answer = {
	.size = sizeof(answer),
	.kind = POSTSEAL_ANSWER_HTTP,
	.name = "mail.example.org",
	.token = "to-k_en",
	.key_authorization = "to-k_en.thumb",
};

static void test_publication(void **state)
{
	struct fixture f = { 0 };
	struct heard h = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	struct postseal_publication *op =
		f.services->publish_start(f.handle, &answer, on_publication, &h);
	assert_string_equal(
		f.asked, "publish 0 mail.example.org to-k_en to-k_en.thumb");
	f.publication_done(true, NULL, f.publication_userdata);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.number, 1);
	assert_int_equal(f.n_cancelled, 1); /* given back */
	f.services->publication_cancel(op);
	assert_int_equal(f.n_cancelled, 1);

	f.services->look_start(f.handle, &answer, on_publication, &h);
	assert_string_equal(f.asked, "look 0 mail.example.org to-k_en to-k_en.thumb");
	f.publication_done(false, "404", f.publication_userdata);
	assert_int_equal(h.number, 0);
	assert_string_equal(h.text, "404");

	op = f.services->publish_start(f.handle, &answer, on_publication, &h);
	f.services->publication_cancel(op);
	assert_int_equal(f.n_cancelled, 3);
	f.services->withdraw(f.handle, &answer);
	assert_string_equal(
		f.asked, "withdraw 0 mail.example.org to-k_en to-k_en.thumb");
	f.backing_fails = -ENOTCONN;
	test_log_expect(LOG_LEVEL_WARNING, "no front is there");
	assert_null(f.services->look_start(f.handle, &answer, on_publication, &h));
	assert_int_equal(h.n, 2);
	fixture_done(&f);
}

static const struct {
	const char *name;
	struct postseal_answer answer;
} wrong_answers[] = {
	{ "no name", { sizeof(answer), POSTSEAL_ANSWER_HTTP, NULL, "t", "t.x" } },
	{ "wrong name", { sizeof(answer), POSTSEAL_ANSWER_HTTP, "a b", "t", "t.x" } },
	{ "wildcard", { sizeof(answer), POSTSEAL_ANSWER_HTTP, "*.a.b", "t", "t.x" } },
	{ "no token", { sizeof(answer), POSTSEAL_ANSWER_HTTP, "a.b", NULL, "t.x" } },
	{ "path", { sizeof(answer), POSTSEAL_ANSWER_HTTP, "a.b", "../t", "t.x" } },
	{ "line end", { sizeof(answer), POSTSEAL_ANSWER_HTTP, "a.b", "t", "t\r\n" } },
	{ "no answer", { sizeof(answer), POSTSEAL_ANSWER_ALPN, "a.b", "t", NULL } },
	{ "kind", { sizeof(answer), 5, "a.b", "t", "t.x" } },
};

static void test_wrong_answers(void **state)
{
	struct fixture f = { 0 };
	struct heard h = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	for (size_t i = 0; i < ARRAY_SIZE(wrong_answers); i++) {
		test_case(wrong_answers[i].name);
		test_log_expect(LOG_LEVEL_WARNING, "answer not started: an answer");
		assert_null(f.services->publish_start(
			f.handle, &wrong_answers[i].answer, on_publication, &h));
		test_log_expect(LOG_LEVEL_WARNING, "withdrawal not started");
		f.services->withdraw(f.handle, &wrong_answers[i].answer);
	}
	assert_string_equal(f.asked, "");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_defaults),
		test_with_log(test_without_block),
		test_with_log(test_settings),
		test_with_log(test_foreign_settings),
		test_with_log(test_log),
		test_with_log(test_state),
		test_with_log(test_timer),
		test_with_log(test_closed),
		test_with_log(test_http),
		test_with_log(test_no_http),
		test_with_log(test_exec),
		test_with_log(test_watch),
		test_with_log(test_files),
		test_with_log(test_publication),
		test_with_log(test_wrong_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
