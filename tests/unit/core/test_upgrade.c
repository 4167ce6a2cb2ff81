/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The new build is asked, and executed: here it is a script, which says what it sees. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/process/upgrade.h"
#include "link/command.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define MARK  "POSTSEAL_UPGRADE"
#define SPARE 200

struct fixture {
	struct loop *loop;
	struct loop_timer *turn;
	char *dir, *program;
	char *argv[4];
	struct upgrade_self self;
	struct upgrade_check *check;
	unsigned n_done;
	char *error;
};

static void on_turn(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 0);
}

static void turn(struct fixture *f)
{
	loop_timer_set_after(f->turn, USEC_PER_MSEC);
	assert_int_equal(loop_run(f->loop, NULL), 0);
}

static void setup(struct fixture *f, const char *script)
{
	*f = (struct fixture){ .argv = { (char *)"postseald", (char *)"-o",
				       (char *)"a = b", NULL } };
	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	f->turn = loop_timer_new(f->loop, on_turn, f->loop);
	f->dir = test_tmpdir_new();
	f->program = xasprintf("%s/postseald", f->dir);
	if (script) {
		free(test_tmpdir_write(f->dir, "postseald", script));
		assert_int_equal(chmod(f->program, 0755), 0);
	}
	f->self = (struct upgrade_self){
		.program = xstrdup(f->program),
		.directory = xstrdup(f->dir),
		.argv = f->argv,
	};
}

static void teardown(struct fixture *f)
{
	upgrade_check_cancel(f->check);
	upgrade_self_done(&f->self);
	loop_timer_free(f->turn);
	loop_free(f->loop);
	free(f->program);
	free(f->error);
	test_tmpdir_free(f->dir);
}

/* --- who we are --------------------------------------------------------------------------- */

static void test_self(void **state)
{
	char *const argv[] = { (char *)"x", NULL };
	struct upgrade_self self;

	upgrade_self_init(&self, argv);
	assert_non_null(strstr(self.program, "test_upgrade"));
	assert_int_equal(self.program[0], '/');
	assert_int_equal(self.directory[0], '/');
	assert_ptr_equal(self.argv, argv);
	upgrade_self_done(&self);
	assert_null(self.program);
}

static void test_mark(void **state)
{
	unsetenv(MARK);
	assert_false(upgrade_has_mark());
	assert_false(upgrade_take_mark());
	setenv(MARK, "1", 1);
	assert_true(upgrade_has_mark());
	assert_true(upgrade_take_mark());
	assert_false(upgrade_has_mark());
	assert_false(upgrade_take_mark());
}

/* --- the question ---------------------------------------------------------------------------- */

static void on_checked(const char *error, void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
	f->error = xstrdup(error);
	f->check = upgrade_check_cancel(f->check);
}

static int ask(struct fixture *f)
{
	int r = upgrade_check_start(&f->check, f->loop, &f->self, on_checked, f, NULL);

	assert_int_equal(f->n_done, 0);
	return r;
}

/* clang-format off */
static const struct {
	const char *name, *script;
	const char *error; /* NULL: it can take over */
} rows[] = {
	{ "yes", "#!/bin/sh\nexit 0\n", NULL },
	{ "yes, with words", "#!/bin/sh\necho all is well\n", NULL },
	{ "no", "#!/bin/sh\necho too new >&2\nexit 1\n", "the new build refuses: too new" },
	{ "many words", "#!/bin/sh\necho a; echo b >&2; echo; exit 78\n",
	  "the new build refuses: a\nb" },
	{ "no words", "#!/bin/sh\nexit 64\n", "the new build: " },
	{ "nothing but line feeds", "#!/bin/sh\necho; echo; exit 1\n",
	  "the new build refuses:" },
	{ "dies", "#!/bin/sh\nkill -9 $$\n", "the new build: " },
	{ "is asked as we were started", "#!/bin/sh\necho \"$@\"; exit 1\n",
	  "the new build refuses: -o a = b --check-upgrade" },
	{ "no program", "neither one nor the other", "the new build: " },
	{ "no interpreter", "#!/nonexistent\n", "the new build: " },
	{ "nothing at all", NULL, "the new build: " },
	{ "talks too much", "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x\nexit 1\n",
	  "the new build refuses: xxxxxxxx" },
};

/* clang-format on */

static void test_check(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture f;

		test_case(rows[i].name);
		setup(&f, rows[i].script);
		assert_int_equal(ask(&f), 0);
		for (int k = 0; k < 20000 && f.n_done == 0; k++)
			turn(&f);
		assert_int_equal(f.n_done, 1);
		if (!rows[i].error) {
			assert_null(f.error);
		} else {
			assert_non_null(f.error);
			assert_int_equal(
				strncmp(f.error, rows[i].error, strlen(rows[i].error)),
				0);
			assert_int_not_equal(f.error[strlen(f.error) - 1], '\n');
			assert_true(strlen(f.error) < 32 * 1024);
		}
		teardown(&f);
	}
}

static void test_cancel(void **state)
{
	struct fixture f;

	setup(&f, "#!/bin/sh\nexec sleep 60\n");
	assert_int_equal(ask(&f), 0);
	for (int i = 0; i < 20; i++)
		turn(&f);
	f.check = upgrade_check_cancel(f.check);
	for (int i = 0; i < 20; i++)
		turn(&f);
	assert_int_equal(f.n_done, 0);
	teardown(&f);
}

static void test_not_known(void **state)
{
	const struct upgrade_self nobody = { 0 };
	struct upgrade_check *check = NULL;
	struct fixture f;

	setup(&f, NULL);
	assert_int_equal(
		upgrade_check_start(&check, f.loop, NULL, on_checked, &f, NULL),
		-ENOENT);
	assert_int_equal(
		upgrade_check_start(&check, f.loop, &nobody, on_checked, &f, NULL),
		-ENOENT);
	assert_null(check);
	assert_int_equal(f.n_done, 0);
	teardown(&f);
}

/* --- the answer -------------------------------------------------------------------------------- */

static int answer(const char *dir, const char *text)
{
	struct load_params params = { .conf = { .directory = dir } };
	_cleanup_(loop_freep) struct loop *loop = NULL;

	if (text)
		free(test_tmpdir_write(dir, "postseal.conf", text));
	assert_int_equal(loop_new_epoll(&loop, NULL), 0);
	params.loop = loop;
	return upgrade_answer(&params);
}

/* What it says on stderr is for who asks. */
static void test_answer(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *text = xasprintf(
		"plugin_directory = /\nstate_directory = %s\nrun_directory = %s\n", dir,
		dir);
	_cleanup_(freep) char *wrong = xasprintf("%swrokers = 3\n", text);

	assert_int_equal(answer(dir, NULL), COMMAND_CONFIG);
	assert_int_equal(answer(dir, wrong), COMMAND_CONFIG);
	assert_int_equal(answer(dir, text), COMMAND_FAILED); /* no database */
	free(test_tmpdir_write(dir, "postseal.db", "this is no database at all"));
	assert_int_equal(answer(dir, text), COMMAND_FAILED);
}

/* --- exec ---------------------------------------------------------------------------------------- */

static const char reporter[] =
	"#!/bin/bash\n"
	"echo \"$LISTEN_FDS $LISTEN_FDNAMES $" MARK " $*\" >report\n"
	"[ \"$LISTEN_PID\" = $$ ] && echo ours >>report\n"
	"[ -S /dev/fd/3 ] && [ -S /dev/fd/4 ] && [ ! -e /dev/fd/5 ] && echo both >>report\n";

/* Does not return. */
static void run_child(struct fixture *f, unsigned n)
{
	struct upgrade_luggage luggage = { .is_packed = true };

	close_range(3, SPARE, 0);
	if (chdir(f->dir) < 0)
		_exit(8);
	for (unsigned i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		luggage.fds = xreallocarray(luggage.fds, i + 1, sizeof(int));
		luggage.fds[luggage.n++] = fcntl(fd, F_DUPFD_CLOEXEC, 64);
		close(fd);
		strv_append(&luggage.names, i == 0 ? "imaps" : "kept/127.0.0.1_1");
	}
	upgrade_exec(&f->self, &luggage, NULL);
	_exit(9);
}

static int run_exec(struct fixture *f, unsigned n)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		run_child(f, n);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *read_report(const struct fixture *f)
{
	_cleanup_(freep) char *path = xasprintf("%s/report", f->dir);
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return xstrdup(text);
}

static void test_exec(void **state)
{
	struct fixture f;

	setup(&f, reporter);
	run_exec(&f, 2);
	_cleanup_(freep) char *text = read_report(&f);
	assert_string_equal(text, "2 imaps:kept/127.0.0.1_1 1 -o a = b\nours\nboth\n");
	teardown(&f);
}

/* It returns, and the process ends: nothing of it is left that could go on. */
static void test_exec_fails(void **state)
{
	struct fixture f;

	setup(&f, NULL);
	assert_int_equal(run_exec(&f, 2), 9);
	assert_int_equal(run_exec(&f, 0), 9);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_self),
		test_with_log(test_mark),
		test_with_log(test_check),
		test_with_log(test_cancel),
		test_with_log(test_not_known),
		test_with_log(test_answer),
		test_with_log(test_exec),
		test_with_log(test_exec_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
