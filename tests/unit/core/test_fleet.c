/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fleet with real processes: tests/unit/core/fake_worker is what it runs. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/workers/fleet.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/core/notes.h"
#include "util/buf.h"
#include "util/mem.h"

#define PROGRAM   "tests/unit/core/fake_worker"
#define N_WORKERS 2

struct fixture {
	struct loop *loop;
	struct loop_timer *turn;
	char *directory;
	char *notes; /* path */
	struct plugin_host *host;
	struct conf *conf;
	struct listeners *listeners;
	struct fleet *fleet;
	unsigned n_names;

	/* what the fleet said */
	unsigned n_ready;
	char *ready_error;
	unsigned n_drained;
	char *asked; /* of the last look-up */
	bool lookup_fails, has_certificate;
};

/* --- time ---------------------------------------------------------------------------------- */

static void on_turn(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 0);
}

/* About a millisecond. */
static void turn(struct fixture *f)
{
	loop_timer_set_after(f->turn, USEC_PER_MSEC);
	assert_int_equal(loop_run(f->loop, NULL), 0);
}

#define until(f, condition)                                        \
	do {                                                       \
		for (int _i = 0; _i < 30000 && !(condition); _i++) \
			turn(f);                                   \
		assert_true(condition);                            \
	} while (0)

/* --- what the workers wrote down ------------------------------------------------------------- */

static char *read_notes(struct fixture *f)
{
	char text[64 * 1024] = "";
	FILE *file = fopen(f->notes, "re");

	if (file) {
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
		fclose(file);
	}
	return xstrdup(text);
}

static unsigned count(struct fixture *f, const char *line)
{
	_cleanup_(freep) char *text = read_notes(f);
	_cleanup_(freep) char *wanted = xasprintf("%s\n", line);
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, wanted)); p++)
		n += p == text || p[-1] == '\n';
	return n;
}

/* --- the fleet -------------------------------------------------------------------------------- */

static int lookup(const char *name, unsigned client, struct fleet_found *ret,
	void *userdata, struct err *err)
{
	struct fixture *f = userdata;

	xstrset(&f->asked, name);
	*ret = (struct fleet_found){ 0 };
	if (f->lookup_fails)
		return err_set(err, -EIO, "the disk is gone");
	if (f->has_certificate)
		*ret = (struct fleet_found){
			.certificate_id = 42,
			.chain_pem = xstrdup("chain"),
			.key_pem = xstrdup("key"),
		};
	return 0;
}

static void names(void (*add)(const char *name, void *add_userdata), void *add_userdata,
	void *userdata)
{
	struct fixture *f = userdata;

	for (unsigned i = 0; i < f->n_names; i++) {
		_cleanup_(freep) char *name = xasprintf("n%u.test", i);
		add(name, add_userdata);
	}
}

static struct conf *load_listeners(struct fixture *f, const char *const *names)
{
	_cleanup_(freep) char *text = xstrdup("");

	for (size_t i = 0; names[i]; i++) {
		_cleanup_(freep) char *before = text;
		text = xasprintf("%slistener %s {\n address = unix:%s/%s\n"
				 " protocol = imap\n backend = 127.0.0.1:1\n}\n",
			before, names[i], f->directory, names[i]);
	}
	return notes_load(f->host, text);
}

static void use_listeners(struct fixture *f, const char *const *names)
{
	conf_unref(f->conf);
	f->conf = load_listeners(f, names);
	assert_int_equal(listeners_prepare(f->listeners, f->conf, NULL), 0);
	listeners_commit(f->listeners);
}

static void behave(const char *mode)
{
	assert_int_equal(setenv("FAKE_WORKER", mode, 1), 0);
}

static int open_fleet(struct fixture *f, const char *program)
{
	const struct fleet_params params = {
		.loop = f->loop,
		.program = program,
		.n_workers = N_WORKERS,
		.listeners = f->listeners,
		.lookup = lookup,
		.names = names,
		.userdata = f,
		.max_contexts = 10,
		.max_connections = 10,
		.ack_deadline_usec = 1500 * USEC_PER_MSEC,
		.start_deadline_usec = 2 * USEC_PER_SEC,
	};

	return fleet_new(&f->fleet, &params, NULL);
}

static void setup(struct fixture *f, const char *mode)
{
	static const char *const one[] = { "imaps", NULL };

	*f = (struct fixture){ .n_names = 3 };
	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	f->turn = loop_timer_new(f->loop, on_turn, f->loop);
	f->directory = test_tmpdir_new();
	f->notes = xasprintf("%s/notes", f->directory);
	assert_int_equal(setenv("FAKE_WORKER_NOTES", f->notes, 1), 0);
	behave(mode);
	f->host = notes_new_host(f->loop);
	f->listeners = listeners_new(NULL);
	use_listeners(f, one);
	assert_int_equal(open_fleet(f, PROGRAM), 0);
}

static void teardown(struct fixture *f)
{
	fleet_free(f->fleet);
	listeners_free(f->listeners);
	conf_unref(f->conf);
	plugin_host_free(f->host);
	test_tmpdir_free(f->directory);
	loop_timer_free(f->turn);
	loop_free(f->loop);
	free(f->notes);
	free(f->ready_error);
	free(f->asked);
}

static void on_ready(const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	f->n_ready++;
	f->ready_error = err ? err_format(err) : NULL;
}

static void start(struct fixture *f)
{
	assert_int_equal(fleet_start(f->fleet, on_ready, f, NULL), 0);
	assert_int_equal(f->n_ready, 0);
	until(f, f->n_ready > 0);
	assert_null(f->ready_error);
}

static unsigned count_running(struct fixture *f)
{
	struct link_stats stats;
	unsigned n;

	fleet_get_stats(f->fleet, &stats, &n);
	return n;
}

/* --- operations ---------------------------------------------------------------------------------- */

struct waiter {
	struct fleet_op *op;
	unsigned n_done;
	char *error;
	bool drops;
};

static void on_done(const char *error, void *userdata)
{
	struct waiter *w = userdata;

	w->n_done++;
	w->error = xstrdup(error);
	if (w->drops)
		w->op = fleet_op_cancel(w->op);
}

static void waiter_done(struct waiter *w)
{
	fleet_op_cancel(w->op);
	free(w->error);
	*w = (struct waiter){ 0 };
}

static void push(struct fixture *f, struct waiter *w, uint64_t id)
{
	char *const list[] = { (char *)"a.test", (char *)"b.test", NULL };
	const struct fleet_push certificate = {
		.certificate_id = id,
		.names = list,
		.chain_pem = "chain",
		.key_pem = "key",
	};

	assert_int_equal(
		fleet_push_start(&w->op, f->fleet, &certificate, on_done, w, NULL), 0);
	assert_int_equal(w->n_done, 0);
}

static void publish(struct fixture *f, struct waiter *w, const char *token)
{
	const struct link_answer answer = {
		.name = (char *)"a.test",
		.token = (char *)token,
		.content = (char *)"token.thumb",
	};

	assert_int_equal(
		fleet_publish_start(&w->op, f->fleet, &answer, on_done, w, NULL), 0);
	assert_int_equal(w->n_done, 0);
}

/* --- start ------------------------------------------------------------------------------------------ */

static void test_start(void **state)
{
	struct fixture f;

	setup(&f, "");
	start(&f);
	assert_int_equal(count_running(&f), N_WORKERS);
	assert_int_equal(count(&f, "configure"), N_WORKERS);
	assert_int_equal(count(&f, "listener imaps"), N_WORKERS);
	assert_int_equal(count(&f, "names 3"), N_WORKERS);
	assert_int_equal(count(&f, "start"), N_WORKERS);
	teardown(&f);
}

static void test_cannot_be_executed(void **state)
{
	struct fixture f;
	_cleanup_(err_done) struct err err = ERR_INIT;

	setup(&f, "");
	fleet_free(f.fleet);
	assert_int_equal(open_fleet(&f, "/nonexistent/postseal-front"), 0);
	assert_int_equal(fleet_start(f.fleet, on_ready, &f, &err), -ENOENT);
	_cleanup_(freep) char *text = err_format(&err);
	assert_non_null(strstr(text, "/nonexistent/postseal-front"));
	turn(&f);
	assert_int_equal(f.n_ready, 0);
	teardown(&f);
}

static void test_exits_at_its_start(void **state)
{
	struct fixture f;

	setup(&f, "exits");
	/* the second may end before or after the first was told of */
	assert_int_equal(fleet_start(f.fleet, on_ready, &f, NULL), 0);
	until(&f, f.n_ready > 0);
	assert_int_equal(f.n_ready, 1);
	assert_non_null(strstr(f.ready_error, "exit code 3"));
	teardown(&f);
}

static void test_never_ready(void **state)
{
	struct fixture f;

	setup(&f, "idles");
	fleet_free(f.fleet);
	const struct fleet_params params = {
		.loop = f.loop,
		.program = PROGRAM,
		.n_workers = 1,
		.listeners = f.listeners,
		.lookup = lookup,
		.names = names,
		.userdata = &f,
		.start_deadline_usec = 100 * USEC_PER_MSEC,
	};
	assert_int_equal(fleet_new(&f.fleet, &params, NULL), 0);
	test_log_expect(LOG_LEVEL_ERROR, "is not ready in time");
	test_log_expect(LOG_LEVEL_ERROR, "signal 9");
	assert_int_equal(fleet_start(f.fleet, on_ready, &f, NULL), 0);
	until(&f, f.n_ready > 0);
	assert_non_null(strstr(f.ready_error, "signal 9"));
	teardown(&f);
}

/* --- certificates and answers -------------------------------------------------------------------------- */

static void test_push(void **state)
{
	struct fixture f;
	struct waiter w = { .drops = true };

	setup(&f, "");
	/* nobody is there yet: done at once, but later */
	push(&f, &w, 1);
	until(&f, w.n_done);
	assert_null(w.error);
	start(&f);
	waiter_done(&w);
	push(&f, &w, 2);
	until(&f, w.n_done);
	assert_null(w.error);
	assert_int_equal(count(&f, "context 0 2 a.test chain"), N_WORKERS);
	assert_int_equal(count(&f, "context 0 2 b.test chain"), N_WORKERS);
	waiter_done(&w);
	push(&f, &w, 3);
	waiter_done(&w); /* cancelled */
	until(&f, count(&f, "context 0 3 b.test chain") == N_WORKERS);
	turn(&f);
	assert_int_equal(w.n_done, 0);
	fleet_drop_context(f.fleet, "a.test");
	until(&f, count(&f, "no context a.test") == N_WORKERS);
	teardown(&f);
}

static void test_push_without_names(void **state)
{
	const struct fleet_push nothing = { .certificate_id = 1 };
	struct fleet_op *op = NULL;
	struct fixture f;

	setup(&f, "");
	assert_int_equal(
		fleet_push_start(&op, f.fleet, &nothing, on_done, NULL, NULL), -EINVAL);
	assert_null(op);
	teardown(&f);
}

static void test_refused(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };

	setup(&f, "refuses");
	start(&f);
	push(&f, &w, 1);
	until(&f, w.n_done);
	assert_non_null(strstr(w.error, "it does not like it"));
	assert_non_null(strstr(w.error, "front worker "));
	assert_null(strstr(w.error, "front worker 0"));
	/* what the others say afterwards goes nowhere */
	for (unsigned i = 0; i < 5; i++)
		turn(&f);
	assert_int_equal(w.n_done, 1);
	waiter_done(&w);
	publish(&f, &w, "t1");
	until(&f, w.n_done);
	assert_non_null(strstr(w.error, "it does not like it"));
	waiter_done(&w);
	teardown(&f);
}

static void test_no_acknowledgement(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };

	setup(&f, "mute");
	start(&f);
	push(&f, &w, 1);
	until(&f, w.n_done);
	assert_non_null(strstr(w.error, "did not acknowledge it in time"));
	waiter_done(&w);
	/* the fleet's end is silent; the handle stays with who has it */
	push(&f, &w, 1);
	f.fleet = fleet_free(f.fleet);
	assert_int_equal(w.n_done, 0);
	waiter_done(&w);
	teardown(&f);
}

static void test_publish(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };

	setup(&f, "");
	start(&f);
	publish(&f, &w, "t1");
	until(&f, w.n_done);
	assert_null(w.error);
	assert_int_equal(count(&f, "answer a.test t1"), N_WORKERS);
	waiter_done(&w);
	fleet_withdraw(f.fleet, false, "a.test", "t1");
	fleet_withdraw(f.fleet, false, "a.test", "t1");
	fleet_withdraw(f.fleet, true, "a.test", "t1");
	until(&f, count(&f, "withdrawn a.test t1") == N_WORKERS);
	teardown(&f);
}

/* --- one ends ------------------------------------------------------------------------------------------------ */

static bool is_child(const char *pid)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%s/stat", pid);
	char state = 0;
	int parent = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	bool ok = fscanf(file, "%*d (%*[^)]) %c %d", &state, &parent) == 2;
	fclose(file);
	return ok && parent == getpid();
}

/* By what ps(1) shows of it; it is a child of ours. */
static pid_t find_worker(const char *title)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	assert_non_null(proc);
	while (!found && (entry = readdir(proc))) {
		char text[64] = "";
		_cleanup_(freep) char *path =
			xasprintf("/proc/%s/cmdline", entry->d_name);

		if (!is_child(entry->d_name))
			continue;
		FILE *file = fopen(path, "re");
		if (!file)
			continue;
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
		fclose(file);
		if (strcmp(text, title) == 0)
			found = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	closedir(proc);
	if (!found)
		fail_msg("%s is not there", title);
	return found;
}

static void test_replaced_and_told_everything(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };
	pid_t pid;

	setup(&f, "");
	start(&f);
	publish(&f, &w, "t1");
	until(&f, w.n_done);
	waiter_done(&w);
	publish(&f, &w, "t2");
	until(&f, w.n_done);
	waiter_done(&w);
	fleet_withdraw(f.fleet, false, "a.test", "t1");
	f.n_names = 5;
	fleet_update_names(f.fleet);
	pid = find_worker("postseal-front: worker 2");
	test_log_expect(LOG_LEVEL_ERROR, "worker 2 ended: signal 9");
	assert_int_equal(kill(pid, SIGKILL), 0);
	until(&f, count_running(&f) == N_WORKERS - 1);
	until(&f, count_running(&f) == N_WORKERS);
	assert_int_equal(f.n_ready, 1);
	assert_int_equal(count(&f, "configure"), N_WORKERS + 1);
	assert_int_equal(count(&f, "listener imaps"), N_WORKERS + 1);
	assert_int_equal(count(&f, "names 5"), 1);
	assert_int_equal(count(&f, "answer a.test t1"), N_WORKERS);
	assert_int_equal(count(&f, "answer a.test t2"), N_WORKERS + 1);
	assert_int_equal(count(&f, "start"), N_WORKERS + 1);
	teardown(&f);
}

/* Who waits for one that dies is not held up by it. */
static void test_forgiven(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };

	setup(&f, "mute");
	start(&f);
	pid_t first = find_worker("postseal-front: worker 1");
	pid_t second = find_worker("postseal-front: worker 2");
	push(&f, &w, 1);
	test_log_expect(LOG_LEVEL_ERROR, "worker 1 ended: signal 9");
	test_log_expect(LOG_LEVEL_ERROR, "worker 2 ended: signal 9");
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_int_equal(kill(second, SIGKILL), 0);
	until(&f, w.n_done);
	assert_null(w.error);
	waiter_done(&w);
	teardown(&f);
}

/* It breaks its link and does not mind SIGTERM. */
static void test_hangs_up(void **state)
{
	struct fixture f;
	struct waiter w = { 0 };

	setup(&f, "hangs-up");
	start(&f);
	for (unsigned i = 0; i < N_WORKERS; i++) {
		test_log_expect(LOG_LEVEL_ERROR, "does not end in time");
		test_log_expect(LOG_LEVEL_ERROR, "signal 9");
	}
	behave("");
	push(&f, &w, 1);
	until(&f, w.n_done && count_running(&f) < N_WORKERS);
	until(&f, count(&f, "start") == 2 * N_WORKERS);
	waiter_done(&w);
	teardown(&f);
}

static void test_speaks_nonsense(void **state)
{
	struct fixture f;

	setup(&f, "babbles");
	for (unsigned i = 0; i < N_WORKERS; i++) {
		test_log_expect(LOG_LEVEL_ERROR, "speaks nonsense");
		test_log_expect(LOG_LEVEL_ERROR, "signal 9");
	}
	assert_int_equal(fleet_start(f.fleet, on_ready, &f, NULL), 0);
	behave("");
	until(&f, count(&f, "start") == 2 * N_WORKERS);
	teardown(&f);
}

/* --- what workers ask ----------------------------------------------------------------------------------------- */

static void test_lookup(void **state)
{
	struct fixture f;

	setup(&f, "asks");
	f.has_certificate = true;
	start(&f);
	until(&f, count(&f, "context 7 42 asked.test chain") == N_WORKERS);
	assert_string_equal(f.asked, "asked.test");
	teardown(&f);

	setup(&f, "asks");
	start(&f);
	until(&f, count(&f, "context 7 0 asked.test none") == N_WORKERS);
	teardown(&f);

	setup(&f, "asks");
	f.lookup_fails = true;
	for (unsigned i = 0; i < N_WORKERS; i++)
		test_log_expect(LOG_LEVEL_ERROR, "asked.test: the disk is gone");
	start(&f);
	until(&f, count(&f, "context 7 0 asked.test none") == N_WORKERS);
	teardown(&f);
}

static void test_stats(void **state)
{
	struct link_stats stats = { 0 };
	struct fixture f;
	unsigned n;

	setup(&f, "");
	start(&f);
	until(&f, (fleet_get_stats(f.fleet, &stats, &n), stats.connections > 3));
	assert_int_equal(n, N_WORKERS);
	assert_int_equal(stats.connections, 3 * N_WORKERS);
	assert_int_equal(stats.handshakes, 10 * N_WORKERS);
	_cleanup_(link_tally_freep) struct link_tally *sum = fleet_sum_ends(f.fleet);
	assert_int_equal(
		link_tally_find(sum, "imaps")->count[LINK_END_RELAYED], 7 * N_WORKERS);
	assert_null(link_tally_find(sum, "smtps"));
	teardown(&f);
}

/* --- a reload --------------------------------------------------------------------------------------------------- */

static void test_listeners_and_names_change(void **state)
{
	static const char *const later[] = { "pop3s", "smtps", NULL };
	struct fixture f;

	setup(&f, "");
	start(&f);
	_cleanup_(strv_freep) char **before = fleet_list_listeners(f.fleet);
	assert_int_equal(strv_length(before), 1);
	assert_string_equal(before[0], "imaps");
	use_listeners(&f, later);
	fleet_update_listeners(f.fleet, before);
	f.n_names = 100003;
	fleet_update_names(f.fleet);
	until(&f, count(&f, "names 32768") == 3 * N_WORKERS);
	until(&f, count(&f, "names 1696") == N_WORKERS);
	f.n_names = 100000;
	fleet_update_names(f.fleet);
	until(&f, count(&f, "no names 3") == N_WORKERS);
	/* nothing new is told to nobody */
	fleet_update_names(f.fleet);
	assert_int_equal(count(&f, "no listener imaps"), N_WORKERS);
	assert_int_equal(count(&f, "listener pop3s"), N_WORKERS);
	assert_int_equal(count(&f, "listener smtps"), N_WORKERS);
	assert_int_equal(count(&f, "listener imaps"), N_WORKERS);
	teardown(&f);
}

/* --- the key of tickets ------------------------------------------------------------------------------------------ */

/* What is behind the last such words in the notes; "" if they are not there. */
static char *find_last(struct fixture *f, const char *words)
{
	_cleanup_(freep) char *text = read_notes(f);
	const char *found = NULL;

	for (const char *p = text; (p = strstr(p, words)); p++)
		found = p + strlen(words);
	return found ? xasprintf("%.*s", (int)strcspn(found, "\n"), found)
		     : xstrdup("");
}

static unsigned count_key(struct fixture *f, const char *words, const char *key)
{
	_cleanup_(freep) char *line = xasprintf("%s%s", words, key);

	return count(f, line);
}

/* All have the same, and one that comes later has the present one. */
static void test_ticket_key(void **state)
{
	struct fixture f;

	setup(&f, "");
	start(&f);
	_cleanup_(freep) char *first = find_last(&f, "first key ");
	assert_int_equal(count_key(&f, "first key ", first), N_WORKERS);
	fleet_set_ticket_rotation(f.fleet, 100 * USEC_PER_MSEC);
	_cleanup_(freep) char *later = NULL;
	until(&f, (free(later), later = find_last(&f, "later key "), *later));
	fleet_set_ticket_rotation(f.fleet, USEC_PER_HOUR);
	assert_string_not_equal(first, later);
	until(&f, count_key(&f, "later key ", later) == N_WORKERS);
	test_log_expect(LOG_LEVEL_ERROR, "worker 2 ended: signal 9");
	assert_int_equal(kill(find_worker("postseal-front: worker 2"), SIGKILL), 0);
	until(&f, count(&f, "start") == N_WORKERS + 1);
	/* On a slow machine there may have been one more meanwhile. */
	_cleanup_(freep) char *present = find_last(&f, "first key ");
	assert_string_not_equal(present, first);
	until(&f, count_key(&f, "later key ", present) > 0);
	teardown(&f);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void on_drained(void *userdata)
{
	struct fixture *f = userdata;

	f->n_drained++;
}

static void test_drain(void **state)
{
	struct fixture f;

	setup(&f, "");
	start(&f);
	fleet_drain(f.fleet, USEC_PER_SEC, on_drained, &f);
	assert_int_equal(f.n_drained, 0);
	until(&f, f.n_drained);
	assert_int_equal(count(&f, "drain"), N_WORKERS);
	assert_int_equal(count_running(&f), 0);
	for (unsigned i = 0; i < 5; i++)
		turn(&f);
	assert_int_equal(f.n_drained, 1);
	/* nobody is started anew */
	assert_int_equal(count(&f, "configure"), N_WORKERS);
	teardown(&f);
}

static void test_drain_of_nobody(void **state)
{
	struct fixture f;

	setup(&f, "");
	fleet_drain(f.fleet, USEC_PER_HOUR, on_drained, &f);
	assert_int_equal(f.n_drained, 0);
	until(&f, f.n_drained);
	teardown(&f);
}

/* Those that do not end by themselves are killed a second after their time. */
static void test_drain_by_force(void **state)
{
	struct fixture f;

	setup(&f, "stays");
	start(&f);
	fleet_drain(f.fleet, 0, on_drained, &f);
	until(&f, count(&f, "drain") == N_WORKERS);
	assert_int_equal(f.n_drained, 0);
	until(&f, f.n_drained);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_start),
		test_with_log(test_cannot_be_executed),
		/* one or both are told of */
		cmocka_unit_test(test_exits_at_its_start),
		test_with_log(test_never_ready),
		test_with_log(test_push),
		test_with_log(test_push_without_names),
		test_with_log(test_refused),
		test_with_log(test_no_acknowledgement),
		test_with_log(test_publish),
		test_with_log(test_replaced_and_told_everything),
		test_with_log(test_forgiven),
		test_with_log(test_hangs_up),
		test_with_log(test_speaks_nonsense),
		test_with_log(test_lookup),
		test_with_log(test_stats),
		test_with_log(test_listeners_and_names_change),
		test_with_log(test_ticket_key),
		test_with_log(test_drain),
		test_with_log(test_drain_of_nobody),
		test_with_log(test_drain_by_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
