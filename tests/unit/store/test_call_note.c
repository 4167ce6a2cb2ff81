/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/call_note.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

static void die_segv(void)
{
	raise(SIGSEGV);
}

static void die_abort(void)
{
	abort();
}

static void die_exit(void)
{
	exit(3);
}

static void die_killed(void)
{
	raise(SIGKILL);
}

static int recurse(volatile char *up, int depth)
{
	volatile char room[4096];

	room[0] = up ? up[0] : 1;
	return depth < 0 ? 0 : recurse(room, depth + 1) + room[0];
}

/* No room for a handler on the stack that has run over. */
static void die_stack(void)
{
	const struct rlimit limit = { 256 * 1024, 256 * 1024 };

	setrlimit(RLIMIT_STACK, &limit);
	recurse(NULL, 0);
}

static const struct {
	const char *name;
	void (*die)(void);
	int signo; /* what the note says */
} deaths[] = {
	{ "a crash", die_segv, SIGSEGV },
	{ "abort()", die_abort, SIGABRT },
	{ "exit()", die_exit, -1 },
	{ "killed from outside", die_killed, 0 },
	{ "stack used up", die_stack, SIGSEGV },
};

static void open_note(
	struct call_note **note, const char *path, struct call_death *death)
{
	assert_int_equal(call_note_open(note, path, death, NULL), 0);
}

/* A process that dies in a call, or after it. */
static void run_child(const char *path, void (*die)(void), bool is_inside)
{
	const struct rlimit none = { 0, 0 };
	struct call_death death;
	struct call_note *note;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		/* cmocka would catch it and go on with the next test. */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		open_note(&note, path, &death);
		call_note_set(note, "deploy", "files", "install", "a.example");
		if (!is_inside)
			call_note_clear(note);
		die();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void test_deaths(void **state)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", (const char *)*state, "note");
	struct call_death death;
	struct call_note *note;

	for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
		test_case(deaths[i].name);
		run_child(path, deaths[i].die, true);
		open_note(&note, path, &death);
		assert_string_equal(death.place.kind, "deploy");
		assert_string_equal(death.place.name, "files");
		assert_string_equal(death.place.method, "install");
		assert_string_equal(death.place.subject, "a.example");
		assert_int_equal(death.signo, deaths[i].signo);
		call_note_close(note);
		/* Told once. */
		open_note(&note, path, &death);
		assert_string_equal(death.place.kind, "");
		call_note_close(note);
	}
}

static void test_not_inside(void **state)
{
	_cleanup_(freep) char *path =
		xasprintf("%s/%s", (const char *)*state, "outside");
	struct call_death death;
	struct call_note *note;

	run_child(path, die_segv, false);
	open_note(&note, path, &death);
	assert_string_equal(death.place.kind, "");
	call_note_close(note);
}

static void test_long_and_missing(void **state)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", (const char *)*state, "long");
	struct call_note *note;
	struct call_death death;
	char subject[1000];

	memset(subject, 'x', sizeof(subject) - 1);
	subject[sizeof(subject) - 1] = '\0';
	open_note(&note, path, &death);
	call_note_set(note, "notify", "n", NULL, subject);
	call_note_close(note);
	/* Closing is a return, too. */
	open_note(&note, path, &death);
	assert_string_equal(death.place.kind, "");
	call_note_close(note);
}

/* A file that is not ours, or damaged, says nothing, and nothing unprintable. */
static void test_damaged(void **state)
{
	_cleanup_(freep) char *path =
		xasprintf("%s/%s", (const char *)*state, "damaged");
	struct call_death death;
	struct call_note *note;
	char page[4096];

	for (int fill = 0; fill < 256; fill += 51) {
		memset(page, fill, sizeof(page));
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
		close(fd);
		open_note(&note, path, &death);
		assert_string_equal(death.place.kind, "");
		call_note_close(note);
	}
	run_child(path, die_segv, true);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	memset(page, '\n', sizeof(page));
	assert_true(pwrite(fd, page, sizeof(page) - 64, 64) > 0);
	close(fd);
	open_note(&note, path, &death);
	assert_int_equal(strspn(death.place.subject, "?"), strlen(death.place.subject));
	call_note_close(note);
}

static void test_errors(void **state)
{
	_cleanup_(freep) char *folder =
		xasprintf("%s/%s", (const char *)*state, "folder");
	_cleanup_(freep) char *link = xasprintf("%s/%s", (const char *)*state, "link");
	struct call_death death;
	struct call_note *note;

	assert_int_equal(mkdir(folder, 0700), 0);
	assert_true(call_note_open(&note, folder, &death, NULL) < 0);
	assert_int_equal(symlink("/etc/hostname", link), 0);
	assert_true(call_note_open(&note, link, &death, NULL) < 0);
	assert_true(call_note_open(&note, "/nonexistent/note", &death, NULL) < 0);
}

static int setup(void **state)
{
	*state = test_tmpdir_new();
	return 0;
}

static int teardown(void **state)
{
	test_tmpdir_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deaths),
		cmocka_unit_test(test_not_inside),
		cmocka_unit_test(test_long_and_missing),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
