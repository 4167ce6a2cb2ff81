/* SPDX-License-Identifier: GPL-3.0-or-later */
/* This program is its own child, as the manager is; others are scripts that misbehave. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/key_maker.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define PATIENCE_USEC (60 * USEC_PER_SEC)

struct run {
	struct loop *loop;
	struct key_maker *op;
	unsigned n_done;
	enum key_type type; /* of the key that came */
	char *text;         /* of the error; NULL: there is a key */
};

static void on_done(const struct key_maker_result *result, void *userdata)
{
	struct run *run = userdata;

	/* The result outlives the operation. */
	run->op = key_maker_cancel(run->op);
	run->n_done++;
	assert_true(!result->key == !!result->err);
	if (result->key)
		run->type = key_get_type(result->key);
	else
		run->text = err_format(result->err);
	loop_exit(run->loop, 0);
}

static void on_end(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 1);
}

static void run_for(struct run *run, usec_t usec)
{
	_cleanup_(loop_timer_freep) struct loop_timer *timer =
		loop_timer_new(run->loop, on_end, run->loop);

	loop_timer_set_after(timer, usec);
	assert_true(loop_run(run->loop, NULL) >= 0);
}

static void run_init(struct run *run)
{
	*run = (struct run){ .type = _KEY_TYPE_INVALID };
	assert_int_equal(loop_new_epoll(&run->loop, NULL), 0);
}

static void run_done(struct run *run)
{
	key_maker_cancel(run->op);
	loop_free(run->loop);
	free(run->text);
}

static void start(struct run *run, enum key_type type, const char *program, usec_t usec)
{
	const struct key_maker_params params = {
		.loop = run->loop,
		.type = type,
		.program = program,
		.deadline_usec = usec,
	};

	assert_int_equal(key_maker_start(&run->op, &params, on_done, run, NULL), 0);
	assert_int_equal(run->n_done, 0);
}

static void test_makes(void **state)
{
	static const enum key_type types[] = { KEY_ECDSA_P256, KEY_ECDSA_P384,
		KEY_ED25519, KEY_RSA_2048 };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct run run;

		test_case(key_type_name(types[i]));
		run_init(&run);
		start(&run, types[i], NULL, 0);
		run_for(&run, PATIENCE_USEC);
		assert_int_equal(run.n_done, 1);
		assert_null(run.text);
		assert_int_equal(run.type, types[i]);
		run_done(&run);
	}
}

/* --- children that fail --------------------------------------------------------------------- */

static char *write_script(const char *dir, const char *name, const char *body)
{
	_cleanup_(freep) char *text = xasprintf("#!/bin/sh\n%s\n", body);
	char *path = test_tmpdir_write(dir, name, text);

	assert_int_equal(chmod(path, 0700), 0);
	return path;
}

/* Prints a key of the wrong type: by this very program. */
static char *format_wrong_type(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	assert_true(n > 0);
	path[n] = '\0';
	return xasprintf("exec %s --make-key ecdsa-p256", path);
}

/* clang-format off */
static const struct {
	const char *name, *body, *error;
} failures[] = {
	{ "it says why", "echo no entropy >&2; exit 1",
		"no rsa-2048 key was made: %s ended with status 1: no entropy" },
	{ "it dies", "kill -KILL $$", "no rsa-2048 key was made: %s was killed by signal 9 (Killed)" },
	{ "nothing comes", "exit 0", NULL },
	{ "rubbish comes", "echo rubbish", NULL },
	{ "too much comes", "head -c 100000 /dev/zero", NULL },
	{ "it never ends", "sleep 60", "no rsa-2048 key was made: %s did not end within 200ms" },
	{ "a part of a key, and death", "echo -----BEGIN PRIVATE KEY-----; echo MII; exit 1",
		"no rsa-2048 key was made: %s ended with status 1" },
};

/* clang-format on */

static void expect_text(const char *format, const char *program, const char *text)
{
	const char *rest = strstr(format, "%s");
	_cleanup_(freep) char *expected =
		xasprintf("%.*s%s%s", (int)(rest - format), format, program, rest + 2);

	assert_string_equal(text, expected);
}

static void run_failure(const char *name, const char *body, const char *error)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *program = write_script(dir, "maker", body);
	struct run run;

	test_case(name);
	run_init(&run);
	start(&run, KEY_RSA_2048, program,
		strstr(body, "sleep") ? 200 * USEC_PER_MSEC : 0);
	run_for(&run, PATIENCE_USEC);
	assert_int_equal(run.n_done, 1);
	assert_non_null(run.text);
	if (error)
		expect_text(error, program, run.text);
	else
		assert_memory_equal(run.text, "no rsa-2048 key was made: ", 26);
	assert_null(strstr(run.text, "MII"));
	run_done(&run);
}

static void test_failures(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
		run_failure(failures[i].name, failures[i].body, failures[i].error);
	_cleanup_(freep) char *body = format_wrong_type();
	run_failure("of another type", body, NULL);
}

static void test_no_program(void **state)
{
	struct run run;

	run_init(&run);
	start(&run, KEY_RSA_2048, "/nonexistent/postseald", 0);
	run_for(&run, PATIENCE_USEC);
	assert_non_null(strstr(run.text, "/nonexistent/postseald cannot be run"));
	run_done(&run);
}

/* Silent, and the child is killed: it would tell a file that it has ended. */
static void test_cancel(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *mark = xasprintf("%s/pid", dir);
	_cleanup_(freep) char *body = xasprintf("echo $$ > %s; exec sleep 600", mark);
	_cleanup_(freep) char *program = write_script(dir, "maker", body);
	struct run run;
	int pid = 0;

	run_init(&run);
	start(&run, KEY_RSA_2048, program, 0);
	for (unsigned i = 0; pid == 0 && i < 1000; i++) {
		FILE *file = fopen(mark, "re");

		run_for(&run, 10 * USEC_PER_MSEC);
		if (file && fscanf(file, "%d", &pid) != 1)
			pid = 0;
		if (file)
			fclose(file);
	}
	assert_true(pid > 0);
	run.op = key_maker_cancel(run.op);
	run_for(&run, 10 * USEC_PER_MSEC);
	assert_int_equal(run.n_done, 0);
	assert_true(kill(pid, 0) < 0 && errno == ESRCH);
	run_done(&run);
}

static void test_cancel_at_once(void **state)
{
	static const enum key_type types[] = { KEY_ECDSA_P256, KEY_RSA_2048 };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct run run;

		run_init(&run);
		start(&run, types[i], NULL, 0);
		run.op = key_maker_cancel(run.op);
		run_for(&run, 10 * USEC_PER_MSEC);
		assert_int_equal(run.n_done, 0);
		run_done(&run);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_makes),
		test_with_log(test_failures),
		test_with_log(test_no_program),
		test_with_log(test_cancel),
		test_with_log(test_cancel_at_once),
	};

	if (argc == 3 && strcmp(argv[1], "--" KEY_MAKER_OPTION) == 0)
		return key_maker_answer(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
