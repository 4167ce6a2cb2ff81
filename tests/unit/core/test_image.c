/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An image of the manager is a process: each case has a child that lives in a folder of
 * its own, with tests/unit/core/fake_worker, and says by its exit code how that ended.
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/process/image.h"
#include "core/process/starts.h"
#include "store/store.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define FAILED      100 /* plus the error's kind */
#define CONFIG      "authority ca {\n directory = https://127.0.0.1:1/dir\n}\n"
#define WAIT_USEC   10000
#define WAITS_MAX   2000
#define STRANGE_ERR "the error does not say so: "

struct fixture {
	char *directory;    /* owned */
	const char *wanted; /* in the error of an image that fails */
};

static void setup(struct fixture *f, const char *more)
{
	char cwd[4096];

	*f = (struct fixture){ .directory = test_tmpdir_new(), .wanted = "" };
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	_cleanup_(freep) char *program =
		xasprintf("%s/tests/unit/core/fake_worker", cwd);
	_cleanup_(freep) char *path = xasprintf("%s/postseal-front", f->directory);
	_cleanup_(freep) char *notes = xasprintf("%s/notes", f->directory);
	_cleanup_(freep) char *run = xasprintf("%s/run", f->directory);
	assert_int_equal(symlink(program, path), 0);
	assert_int_equal(mkdir(run, 0755), 0);
	assert_int_equal(setenv("FAKE_WORKER_NOTES", notes, 1), 0);
	_cleanup_(freep) char *text = xasprintf("plugin_directory = /\n"
						"program_directory = %s\n"
						"state_directory = %s/state\n"
						"run_directory = %s/run\n"
						"workers = 1\n" CONFIG "%s",
		f->directory, f->directory, f->directory, more);
	free(test_tmpdir_write(f->directory, "postseal.conf", text));
}

static void teardown(struct fixture *f)
{
	test_tmpdir_free(f->directory);
}

_Noreturn static void live(const struct fixture *f)
{
	const struct load_params params = { .conf = { .directory = f->directory } };
	char *const argv[] = { (char *)"/bin/false", NULL };
	_cleanup_(err_done) struct err err = ERR_INIT;
	char pid[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* As if systemd had started it: then deaths are counted. */
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("SYSTEMD_EXEC_PID", pid, 1);
	int r = image_run(&params, argv, &err);
	_cleanup_(freep) char *text = err_format(&err);
	if (r < 0 && !strstr(text, f->wanted))
		fprintf(stderr, STRANGE_ERR "%s\n", text);
	_exit(r >= 0 ? r : strstr(text, f->wanted) ? FAILED + (int)err.kind : 99);
}

static pid_t begin(const struct fixture *f)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		live(f);
	return pid;
}

static bool has_file(const struct fixture *f, const char *name)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", f->directory, name);

	return access(path, F_OK) == 0;
}

static void wait_ready(const struct fixture *f)
{
	for (unsigned i = 0; i < WAITS_MAX && !has_file(f, "run/control"); i++)
		usleep(WAIT_USEC);
	assert_true(has_file(f, "run/control"));
}

static int end(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* --- its ends ------------------------------------------------------------------------------- */

static void test_ends_in_order(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct fixture f;

		setup(&f, "");
		pid_t pid = begin(&f);
		wait_ready(&f);
		assert_true(has_file(&f, "run/" STARTS_FILE));
		kill(pid, signals[i]);
		assert_int_equal(end(pid), 0);
		assert_false(has_file(&f, "run/" STARTS_FILE));
		teardown(&f);
	}
}

/* Whenever it comes: held back until there is a loop that takes it. */
static void test_ends_while_it_starts(void **state)
{
	for (unsigned i = 0; i < 10; i++) {
		struct fixture f;

		setup(&f, "");
		pid_t pid = begin(&f);
		for (unsigned k = 0; k < WAITS_MAX && !has_file(&f, "state"); k++)
			usleep(200);
		usleep(i * 500);
		kill(pid, SIGTERM);
		assert_int_equal(end(pid), 0);
		teardown(&f);
	}
}

/* What was killed is counted, and forgotten after an end in order. */
static void test_deaths_are_counted(void **state)
{
	struct fixture f;

	setup(&f, "");
	for (unsigned i = 0; i < 2; i++) {
		pid_t pid = begin(&f);
		wait_ready(&f);
		kill(pid, SIGKILL);
		assert_int_equal(end(pid), -SIGKILL);
		assert_true(has_file(&f, "run/" STARTS_FILE));
		_cleanup_(freep) char *path = xasprintf("%s/run/control", f.directory);
		assert_int_equal(unlink(path), 0);
	}
	pid_t pid = begin(&f);
	wait_ready(&f);
	kill(pid, SIGTERM);
	assert_int_equal(end(pid), 0);
	assert_false(has_file(&f, "run/" STARTS_FILE));
	teardown(&f);
}

/* --- what it cannot begin with ---------------------------------------------------------------- */

static void test_configuration_is_wrong(void **state)
{
	struct fixture f;

	setup(&f, "domain {{{\n");
	f.wanted = "the configuration has";
	assert_int_equal(end(begin(&f)), FAILED + ERR_CONFIG);
	/* A person is needed, and no pause after that. */
	assert_false(has_file(&f, "run/" STARTS_FILE));
	teardown(&f);
}

static void test_no_folder(void **state)
{
	struct fixture f;

	setup(&f, "");
	free(test_tmpdir_write(f.directory, "state", "a file"));
	f.wanted = "state";
	int code = end(begin(&f));
	assert_true(code >= FAILED);
	assert_int_not_equal(code, FAILED + ERR_CONFIG);
	teardown(&f);
}

static void test_newer_database(void **state)
{
	struct store *store = NULL;
	sqlite3 *db = NULL;
	struct fixture f;

	setup(&f, "");
	_cleanup_(freep) char *folder = xasprintf("%s/state", f.directory);
	_cleanup_(freep) char *path = xasprintf("%s/" STORE_FILE, folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(store_open(&store, path, 0, NULL), 0);
	store_close(store);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "PRAGMA user_version = 700", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	f.wanted = "has schema 700";
	assert_true(end(begin(&f)) >= FAILED);
	teardown(&f);
}

int main(void)
{
	/* Children log, and their log is not looked at. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_in_order),
		cmocka_unit_test(test_ends_while_it_starts),
		cmocka_unit_test(test_deaths_are_counted),
		cmocka_unit_test(test_configuration_is_wrong),
		cmocka_unit_test(test_no_folder),
		cmocka_unit_test(test_newer_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
