/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/atomic_file.h"
#include "io/exec.h"
#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/mem.h"

struct run {
	struct loop *loop;
	struct exec *op;
	unsigned n_done;
	enum exec_outcome outcome;
	int code;
	char *output;
	size_t output_len;
	char *detail;
};

static void on_done(const struct exec_result *result, void *userdata)
{
	struct run *run = userdata;

	/* The result must outlive the operation. */
	run->op = exec_cancel(run->op);
	run->n_done++;
	run->outcome = result->outcome;
	run->code = result->code;
	xstrset(&run->output, result->output);
	run->output_len = result->output_len;
	xstrset(&run->detail, result->detail);
	loop_exit(run->loop, 0);
}

static void on_end(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 1);
}

static int run_for(struct loop *loop, usec_t usec)
{
	_cleanup_(loop_timer_freep) struct loop_timer *timer =
		loop_timer_new(loop, on_end, loop);

	loop_timer_set_after(timer, usec);
	return loop_run(loop, NULL);
}

static void run_done(struct run *run)
{
	exec_cancel(run->op);
	free(run->output);
	free(run->detail);
	loop_free(run->loop);
}

static void run_start(struct run *run, const struct exec_params *params)
{
	*run = (struct run){ .n_done = 0 };
	assert_int_equal(loop_new_sdevent(&run->loop, NULL), 0);
	assert_int_equal(
		exec_start(&run->op, run->loop, params, on_done, run, NULL), 0);
	assert_int_equal(run->n_done, 0);
}

#define SH(script)                            \
	(const char *const[])                 \
	{                                     \
		"/bin/sh", "-c", script, NULL \
	}

/* clang-format off */
static const struct {
	const char *name;
	struct exec_params params;
	enum exec_outcome outcome;
	int code;
	const char *output;
} cases[] = {
	{ "nothing", { .argv = SH("exit 0") }, EXEC_EXITED, 0, "" },
	{ "status", { .argv = SH("exit 23") }, EXEC_EXITED, 23, "" },
	{ "both outputs", { .argv = SH("echo a; echo b >&2; echo c") }, EXEC_EXITED, 0, "a\nb\nc\n" },
	{ "signal", { .argv = SH("kill -9 $$") }, EXEC_SIGNALED, SIGKILL, "" },
	{ "no such program", { .argv = (const char *const[]){ "/no/such/program", NULL } }, EXEC_NOT_STARTED, ENOENT, "" },
	{ "no program", { .argv = (const char *const[]){ "/etc/passwd", NULL } }, EXEC_NOT_STARTED, EACCES, "" },
	{ "no such folder", { .argv = SH("pwd"), .directory = "/no/such" }, EXEC_NOT_STARTED, ENOENT, "" },
	{ "folder", { .argv = SH("pwd"), .directory = "/usr" }, EXEC_EXITED, 0, "/usr\n" },
	{ "folder by default", { .argv = SH("pwd") }, EXEC_EXITED, 0, "/\n" },
	{ "environment", { .argv = (const char *const[]){ "/usr/bin/env", NULL },
		.env = (const char *const[]){ "A=b", NULL } }, EXEC_EXITED, 0, "A=b\n" },
	{ "environment by default", { .argv = SH("echo ${PATH:+path} ${HOME:-none}") }, EXEC_EXITED, 0, "path none\n" },
	{ "umask", { .argv = SH("umask") }, EXEC_EXITED, 0, "0077\n" },
	{ "no input", { .argv = SH("cat") }, EXEC_EXITED, 0, "" },
	{ "input", { .argv = SH("cat"), .input = "one\ntwo", .input_len = 7 }, EXEC_EXITED, 0, "one\ntwo" },
	{ "output cap", { .argv = SH("echo 0123456789; head -c 1000000 /dev/zero; exit 3"), .max_output_bytes = 4 },
		EXEC_EXITED, 3, "0123" },
	{ "only three descriptors", { .argv = SH("ls /proc/self/fd | wc -l") }, EXEC_EXITED, 0, "4\n" },
	/* The C library keeps two signals, 32 and 33, to itself. */
	{ "no signal is blocked or ignored",
		{ .argv = SH("grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f2 | cut -c10- | sort -u") },
		EXEC_EXITED, 0, "0000000\n" },
	{ "grandchild keeps the output", { .argv = SH("sleep 1 & echo x") }, EXEC_EXITED, 0, "x\n" },
	{ "deadline", { .argv = SH("echo a; sleep 30; echo b"), .deadline_usec = 50000 }, EXEC_DEADLINE, 0, "a\n" },
};

/* clang-format on */

static void test_cases(void **state)
{
	/* A descriptor that leaks would be seen. */
	_cleanup_(closep) int leak = open("/dev/null", O_RDONLY);
	signal(SIGUSR1, SIG_IGN);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	assert_true(leak >= 0);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct run run;

		test_case(cases[i].name);
		run_start(&run, &cases[i].params);
		assert_int_equal(run_for(run.loop, 10 * USEC_PER_SEC), 0);
		assert_int_equal(run.n_done, 1);
		assert_int_equal(run.outcome, cases[i].outcome);
		assert_int_equal(run.code, cases[i].code);
		assert_string_equal(run.output, cases[i].output);
		assert_int_equal(run.output_len, strlen(cases[i].output));
		assert_int_equal(run.detail == NULL,
			cases[i].outcome == EXEC_EXITED && cases[i].code == 0);
		run_done(&run);
	}
}

/* Dead, or a zombie: a grandchild is reaped by whoever inherited it, in its own time. */
static bool is_dead(pid_t pid)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/status", (int)pid);
	struct buf text = BUF_INIT(8192);
	bool dead = file_read(path, 0, 8192, &text, NULL) < 0 ||
		    strstr(buf_str(&text), "State:\tZ");

	buf_done(&text);
	return dead;
}

/* The output is the number of the process that must be gone. */
static bool is_gone(const char *output)
{
	pid_t pid = (pid_t)strtol(output, NULL, 10);

	assert_true(pid > 1);
	for (unsigned i = 0; i < 200 && !is_dead(pid); i++)
		usleep(5000);
	return is_dead(pid);
}

static void test_deadline_kills_all(void **state)
{
	struct run run;
	struct exec_params params = {
		/* The grandchild turns a deaf ear to SIGTERM. */
		.argv = SH("(trap '' TERM; exec sleep 60) & echo $!; wait"),
		.deadline_usec = 100000,
	};

	run_start(&run, &params);
	assert_int_equal(run_for(run.loop, 10 * USEC_PER_SEC), 0);
	assert_int_equal(run.outcome, EXEC_DEADLINE);
	assert_non_null(strstr(run.detail, "100ms"));
	assert_true(is_gone(run.output));
	run_done(&run);
}

static void test_cancel(void **state)
{
	struct exec_params params = { .argv = SH("exec sleep 60") };
	struct run run;

	run_start(&run, &params);
	assert_int_equal(run_for(run.loop, 20000), 1);
	run.op = exec_cancel(run.op);
	assert_int_equal(run_for(run.loop, 20000), 1);
	assert_int_equal(run.n_done, 0);
	run_done(&run);
}

static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Many at once, of which none is left when the loop has run, or has gone. */
static void test_cancelled_are_reaped(void **state)
{
	for (unsigned is_run = 0; is_run < 2; is_run++) {
		struct exec_params params = { .argv = SH("exec sleep 60") };
		struct run run[8] = { 0 };

		run_start(&run[0], &params);
		for (unsigned i = 1; i < ARRAY_SIZE(run); i++)
			assert_int_equal(exec_start(&run[i].op, run[0].loop, &params,
						 on_done, &run[i], NULL),
				0);
		assert_true(has_children());
		for (unsigned i = 0; i < ARRAY_SIZE(run); i++)
			run[i].op = exec_cancel(run[i].op);
		for (unsigned i = 0; is_run && i < 200 && has_children(); i++)
			assert_int_equal(run_for(run[0].loop, 5000), 1);
		if (is_run)
			assert_false(has_children());
		run_done(&run[0]);
		assert_false(has_children());
	}
}

static void test_relative_path(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct exec_params params = { .argv = (const char *const[]){ "sh", NULL } };
	struct exec *op = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(loop_new_sdevent(&loop, NULL), 0);
	assert_int_equal(exec_start(&op, loop, &params, on_done, NULL, &err), -EINVAL);
	assert_null(op);
	err_done(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_deadline_kills_all),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_cancelled_are_reaped),
		cmocka_unit_test(test_relative_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
