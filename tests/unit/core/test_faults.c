/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/notice/faults.h"
#include "store/plugin_state.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/core/notes.h"
#include "util/mem.h"

#define CONF                                                             \
	"authority le {\n\tdirectory = https://ca.example/d\n}\n"        \
	"domain a.example {\n\tauthority = le\n\tchallenge = probe\n}\n" \
	"domain b.example {\n\tauthority = le\n}\n"

static const struct plugin_place probe = {
	.kind = POSTSEAL_KIND_CHALLENGE,
	.plugin = "probe",
	.method = "present",
	.subject = "a.example",
};

struct fixture {
	char *dir;  /* owned */
	char *note; /* owned */
	char *path; /* owned */
	struct loop *loop;
	struct plugin_host *host;
	struct store *store;
	struct faults *faults;
	struct events *events;
};

static int setup(void **state)
{
	struct fixture *f = xnew(struct fixture);

	f->dir = test_tmpdir_new();
	f->path = xasprintf("%s/postseal.db", f->dir);
	f->note = xasprintf("%s/postseal.db-call", f->dir);
	f->loop = fake_loop_new();
	f->host = notes_new_host(f->loop);
	*state = f;
	return test_log_setup(NULL);
}

static void close_faults(struct fixture *f)
{
	f->events = events_free(f->events);
	f->faults = faults_free(f->faults);
	f->store = store_close(f->store);
}

static void open_faults(struct fixture *f)
{
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
	f->faults = faults_new(NULL);
	assert_int_equal(faults_open(f->faults, f->store, f->host, f->note, NULL), 0);
	f->events = events_new(&(struct events_params){
		.store = f->store,
		.loop = f->loop,
		.keep = 100,
	});
	faults_tell(f->faults, f->events);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_faults(f);
	plugin_host_free(f->host);
	loop_free(f->loop);
	test_tmpdir_free(f->dir);
	free(f->note);
	free(f->path);
	free(f);
	return test_log_teardown(NULL);
}

static const char *reason(const struct fixture *f)
{
	return faults_get_reason(f->faults, POSTSEAL_KIND_CHALLENGE, "probe");
}

/* A process that dies in the plugin, as the manager would. */
static void die_inside(struct fixture *f, int signo)
{
	const struct rlimit none = { 0, 0 };
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL); /* cmocka would catch it */
		open_faults(f);
		const struct plugin_noter *noter = faults_get_noter(f->faults);
		noter->enter(noter->userdata, &probe);
		raise(signo);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void test_two_deaths(void **state)
{
	struct fixture *f = *state;

	die_inside(f, SIGABRT);
	test_log_expect(LOG_LEVEL_WARNING,
		"postseald has died in present of plugin challenge probe, for a.example: signal 6");
	open_faults(f);
	assert_null(reason(f));
	assert_int_equal(
		faults_count_deaths(f->faults, POSTSEAL_KIND_CHALLENGE, "probe"), 1);
	close_faults(f);

	die_inside(f, SIGABRT);
	test_log_expect(LOG_LEVEL_ERROR, "postsealctl plugins enable probe lifts that");
	open_faults(f);
	assert_non_null(strstr(reason(f), "in its present twice, last for a.example"));
	close_faults(f);

	/* Stored, and told once. */
	open_faults(f);
	assert_non_null(reason(f));
	assert_int_equal(faults_enable(f->faults, "probe", NULL), 1);
	assert_null(reason(f));
	assert_int_equal(faults_enable(f->faults, "probe", NULL), 0);
	close_faults(f);
	open_faults(f);
	assert_null(reason(f));
	assert_int_equal(
		faults_count_deaths(f->faults, POSTSEAL_KIND_CHALLENGE, "probe"), 0);
}

static void test_killed_from_outside(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 3; i++)
		die_inside(f, SIGKILL);
	open_faults(f);
	assert_null(reason(f));
	assert_int_equal(
		faults_count_deaths(f->faults, POSTSEAL_KIND_CHALLENGE, "probe"), 0);
	assert_true(test_log_has(LOG_LEVEL_NOTICE, "not held against it"));
}

static void test_breach_holds(void **state)
{
	struct fixture *f = *state;

	open_faults(f);
	const struct plugin_noter *noter = faults_get_noter(f->faults);
	_cleanup_(conf_unrefp) struct conf *conf = notes_load(f->host, CONF);
	const struct conf_block *a = conf_find_block(conf, "domain", "a.example");
	const struct conf_block *b = conf_find_block(conf, "domain", "b.example");
	assert_null(faults_format_hold(f->faults, conf, a));

	test_log_expect(LOG_LEVEL_ERROR, "it ended a call twice (in its present");
	noter->breach(noter->userdata, &probe, "it ended a call twice");
	noter->breach(noter->userdata, &probe, "it ended a call twice");
	assert_string_equal(
		noter->refusal(noter->userdata, POSTSEAL_KIND_CHALLENGE, "probe"),
		reason(f));
	assert_null(noter->refusal(noter->userdata, POSTSEAL_KIND_DEPLOY, "probe"));
	_cleanup_(freep) char *hold = faults_format_hold(f->faults, conf, a);
	assert_non_null(strstr(hold, "plugin challenge probe: it is disabled"));
	/* One that names no challenge takes what there is. */
	assert_null(faults_format_hold(f->faults, conf, b));
}

/* A store that was damaged, and a plugin that is gone meanwhile. */
static void test_odd_texts(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"deaths\":5}",
		"{\"deaths\":{\"present\":\"x\"},\"reason\":7}" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		test_case(texts[i]);
		open_faults(f);
		assert_int_equal(store_plugin_state_save(f->store, "(host)",
					 "challenge probe", texts[i], NULL),
			0);
		close_faults(f);
		open_faults(f);
		assert_null(reason(f));
		assert_int_equal(faults_count_deaths(
					 f->faults, POSTSEAL_KIND_CHALLENGE, "probe"),
			0);
		close_faults(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_two_deaths, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_killed_from_outside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_breach_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_texts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
