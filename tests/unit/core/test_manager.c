/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole manager in a folder of its own: start, each command over the control socket,
 * reloads good and bad, stop. Its worker is tests/unit/core/fake_worker, which ends with
 * its link; its CA is nobody, so that every order fails at once.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/process/manager.h"
#include "store/certificate.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/buf.h"
#include "util/mem.h"

#define TURN_CODE 1000

#define AUTHORITY "authority ca {\n directory = https://127.0.0.1:1/dir\n}\n"
#define DOMAIN                                                     \
	"domain mail.test {\n authority = ca\n names = mail.test " \
	"imap.mail.test\n key_type = ecdsa-p256 rsa-2048\n}\n"

struct fixture {
	struct loop *loop;
	struct loop_timer *turn;
	char *directory;
	char *socket_path;
	struct manager *manager;
	int exit_code; /* TURN_CODE: it goes on */

	/* the last command */
	struct command_call *call;
	bool is_done;
	enum command_exit code;
	char *message;
	struct buf rows;
	unsigned n_rows;
};

static void on_turn(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, TURN_CODE);
}

static void turn(struct fixture *f)
{
	loop_timer_set_after(f->turn, USEC_PER_MSEC);
	f->exit_code = loop_run(f->loop, NULL);
}

#define until(f, condition)                                       \
	do {                                                      \
		for (int _i = 0; _i < 8000 && !(condition); _i++) \
			turn(f);                                  \
		assert_true(condition);                           \
	} while (0)

/* --- a manager ------------------------------------------------------------------------------- */

/* more: blocks; listener: the name of one at a socket of the folder, NULL = none. */
static void configure(struct fixture *f, const char *more, const char *listener)
{
	_cleanup_(freep) char *block = NULL;

	if (listener)
		block = xasprintf("listener %s {\n address = unix:%s/%s\n"
				  " protocol = imap\n backend = 127.0.0.1:1\n}\n",
			listener, f->directory, listener);
	_cleanup_(freep) char *text = xasprintf("plugin_directory = /\n"
						"program_directory = %s\n"
						"state_directory = %s/state\n"
						"run_directory = %s/run\n"
						"workers = 1\n"
						"%s%s",
		f->directory, f->directory, f->directory, more, block ? block : "");
	free(test_tmpdir_write(f->directory, "postseal.conf", text));
}

static int open_manager(struct fixture *f, struct err *err)
{
	const struct load_params params = { .conf = { .directory = f->directory } };

	return manager_new(&f->manager, f->loop, &params, err);
}

static void link_worker(struct fixture *f)
{
	char cwd[4096];

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	_cleanup_(freep) char *program =
		xasprintf("%s/tests/unit/core/fake_worker", cwd);
	_cleanup_(freep) char *path = xasprintf("%s/postseal-front", f->directory);
	_cleanup_(freep) char *notes = xasprintf("%s/notes", f->directory);
	assert_int_equal(symlink(program, path), 0);
	assert_int_equal(setenv("FAKE_WORKER_NOTES", notes, 1), 0);
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .rows = BUF_INIT(1024 * 1024) };
	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	f->turn = loop_timer_new(f->loop, on_turn, f->loop);
	f->directory = test_tmpdir_new();
	f->socket_path = xasprintf("%s/run/control", f->directory);
	link_worker(f);
}

static void start(struct fixture *f)
{
	assert_int_equal(open_manager(f, NULL), 0);
	assert_int_equal(manager_start(f->manager, NULL), 0);
}

static void teardown(struct fixture *f)
{
	command_call_cancel(f->call);
	manager_free(f->manager);
	loop_timer_free(f->turn);
	loop_free(f->loop);
	test_tmpdir_free(f->directory);
	free(f->socket_path);
	free(f->message);
	buf_done(&f->rows);
}

/* --- reloads ----------------------------------------------------------------------------------- */

#define NOT_YET 1000

static void on_reloaded(
	int r, const struct conf_report *report, const struct err *err, void *userdata)
{
	int *told = userdata;

	assert_int_equal(*told, NOT_YET);
	*told = r;
}

static int reload(struct fixture *f)
{
	int r = NOT_YET;
	struct reload *handle = manager_reload(f->manager, 0, on_reloaded, &r);

	assert_int_equal(r, NOT_YET);
	until(f, r != NOT_YET);
	manager_forget_reload(handle);
	return r;
}

/* --- commands ---------------------------------------------------------------------------------- */

static void on_row(const json_t *row, void *userdata)
{
	struct fixture *f = userdata;
	char *text = json_dumps(row, JSON_COMPACT);

	f->n_rows++;
	buf_printf(&f->rows, "%s\n", text);
	free(text);
}

static void on_done(enum command_exit code, const char *message, void *userdata)
{
	struct fixture *f = userdata;

	f->is_done = true;
	f->code = code;
	xstrset(&f->message, message ? message : "");
}

/* args: JSON, taken over. */
static void ask(struct fixture *f, const char *name, json_t *args)
{
	const struct command_call_params params = {
		.socket_path = f->socket_path,
		.name = name,
		.args = args,
		.on_row = on_row,
	};

	f->call = command_call_cancel(f->call);
	f->is_done = false;
	f->n_rows = 0;
	buf_reset(&f->rows);
	assert_int_equal(
		command_call_start(&f->call, f->loop, &params, on_done, f, NULL), 0);
	json_decref(args);
}

static void run(struct fixture *f, const char *name, json_t *args)
{
	ask(f, name, args);
	until(f, f->is_done);
}

static bool has(struct fixture *f, const char *part)
{
	bool found = strstr(buf_str(&f->rows), part) || strstr(f->message, part);

	if (!found)
		print_message("%s%s\n", buf_str(&f->rows), f->message);
	return found;
}

struct refusal_case {
	const char *name;
	const char *args;
	enum command_exit code;
	const char *says;
};

static const struct refusal_case refusals[] = {
	{ "status", "{\"name\":\"other.test\"}", COMMAND_FAILED, "no domain" },
	{ "status", "{\"nam\":\"mail.test\"}", COMMAND_USAGE, "did you mean" },
	{ "renew", "{}", COMMAND_FAILED, "(nothing) is no domain" },
	{ "renew", "{\"name\":\"other.test\"}", COMMAND_FAILED, "no domain" },
	{ "events", "{\"count\":-1}", COMMAND_USAGE, "count is" },
	{ "events", "{\"count\":10001}", COMMAND_USAGE, "count is" },
	{ "events", "{\"count\":[]}", COMMAND_USAGE, "must be" },
	{ "reload", "{\"x\":1}", COMMAND_USAGE, "no argument" },
	{ "account-show", "{\"authority\":\"x\"}", COMMAND_FAILED, "no account" },
	{ "account-create", "{\"authority\":\"x\"}", COMMAND_FAILED, "is called x" },
	{ "account-create", "{\"key_pem\":\"x\"}", COMMAND_FAILED, "to be imported" },
	{ "statsu", "{}", COMMAND_USAGE, "did you mean \"status\"" },
};

static void test_commands_refuse(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY DOMAIN, NULL);
	start(&f);
	/* while the CA is being asked, another key could not be imported anyway */
	until(&f, (run(&f, "status", NULL), f.code == COMMAND_ATTENTION));
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal_case *c = &refusals[i];

		test_case(c->args);
		run(&f, c->name, json_loads(c->args, 0, NULL));
		assert_int_equal(f.code, c->code);
		assert_true(has(&f, c->says));
	}
	_cleanup_(freep) char *long_text = xasprintf("%020000d", 1);
	run(&f, "account-create", json_pack("{s:s}", "key_pem", long_text));
	assert_int_equal(f.code, COMMAND_USAGE);
	teardown(&f);
}

static void test_commands(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY DOMAIN, "imaps");
	start(&f);
	/* two slots, both of which fail, and a summary */
	until(&f, (run(&f, "status", NULL), f.code == COMMAND_ATTENTION));
	assert_int_equal(f.n_rows, 3);
	assert_true(has(&f, "\"domain\":\"mail.test\""));
	assert_true(has(&f, "\"key_type\":\"rsa-2048\""));
	assert_true(has(&f, "\"summary\""));
	run(&f, "status", json_pack("{s:s}", "name", "imap.mail.test"));
	assert_int_equal(f.n_rows, 3);
	run(&f, "plugins", NULL);
	assert_int_equal(f.code, COMMAND_OK);
	assert_int_equal(f.n_rows, 0);
	until(&f, (run(&f, "events", NULL), f.n_rows >= 3));
	assert_true(has(&f, "\"kind\":\"started\""));
	assert_true(has(&f, "\"kind\":\"failed\""));
	run(&f, "events", json_pack("{s:i}", "count", 1));
	assert_int_equal(f.n_rows, 1);
	run(&f, "account-show", NULL);
	assert_int_equal(f.code, COMMAND_OK);
	assert_true(has(&f, "\"status\":\"new\""));
	assert_true(has(&f, "\"thumbprint\":\""));
	run(&f, "account-create", NULL);
	assert_int_equal(f.code, COMMAND_FAILED);
	assert_true(has(&f, "cannot be reached"));
	teardown(&f);
}

/* Both of its slots are watched; the peer goes after none, one, or both have ended. */
static void test_renew(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY DOMAIN, NULL);
	start(&f);
	run(&f, "renew", json_pack("{s:s, s:b}", "name", "mail.test", "wait", 1));
	assert_int_equal(f.code, COMMAND_FAILED);
	assert_true(has(&f, "postsealctl status tells why"));
	for (unsigned n = 0; n < 12; n++) {
		ask(&f, "renew",
			json_pack("{s:s, s:b, s:b}", "name", "imap.mail.test", "force",
				1, "wait", 1));
		for (unsigned i = 0; i < n; i++)
			turn(&f);
		f.call = command_call_cancel(f.call);
		turn(&f);
	}
	/* who waits hears of the end */
	ask(&f, "renew",
		json_pack(
			"{s:s, s:b, s:b}", "name", "mail.test", "force", 1, "wait", 1));
	turn(&f);
	manager_stop(f.manager);
	until(&f, f.is_done);
	assert_int_equal(f.code, COMMAND_FAILED);
	teardown(&f);
}

/* More than fit into a page; of one subject, and behind one that was seen. */
static void test_many_events(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY, NULL);
	start(&f);
	for (int i = 0; i < 300; i++)
		events_add(f.manager->events, LOG_LEVEL_DEBUG, "reload",
			i % 3 ? "a.test" : "b.test", "number %d", i);
	run(&f, "events", json_pack("{s:i}", "count", 250));
	assert_int_equal(f.code, COMMAND_OK);
	assert_int_equal(f.n_rows, 250);
	assert_true(has(&f, "\"number 299\"") && has(&f, "\"number 50\""));
	assert_false(has(&f, "\"number 49\""));
	run(&f, "events", json_pack("{s:i, s:s}", "count", 90, "name", "b.test"));
	assert_int_equal(f.n_rows, 90);
	assert_true(has(&f, "\"number 297\"") && has(&f, "\"number 30\""));
	assert_false(has(&f, "\"number 27\"") || has(&f, "a.test"));
	run(&f, "events", json_pack("{s:i, s:i}", "count", 10000, "after", 0));
	assert_true(f.n_rows > 300);
	run(&f, "events", json_pack("{s:i, s:i}", "count", 10, "after", 100000));
	assert_int_equal(f.n_rows, 0);
	/* the peer goes in the midst of it */
	for (unsigned n = 0; n < 5; n++) {
		ask(&f, "events", json_pack("{s:i}", "count", 300));
		for (unsigned i = 0; i < n; i++)
			turn(&f);
		f.call = command_call_cancel(f.call);
		turn(&f);
	}
	teardown(&f);
}

static void test_events_follow(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY, NULL);
	start(&f);
	until(&f, (run(&f, "events", NULL), f.n_rows > 0));
	ask(&f, "events", json_pack("{s:i, s:b}", "count", 0, "follow", 1));
	for (unsigned i = 0; i < 20; i++)
		turn(&f);
	assert_false(f.is_done);
	kill(getpid(), SIGHUP);
	until(&f, f.n_rows > 0);
	assert_non_null(strstr(buf_str(&f.rows), "\"kind\":\"reload\""));
	f.call = command_call_cancel(f.call);
	turn(&f);
	kill(getpid(), SIGHUP);
	for (unsigned i = 0; i < 5; i++)
		turn(&f);
	teardown(&f);
}

/* --- start ---------------------------------------------------------------------------------------- */

static void test_cannot_start(void **state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct fixture f;

	setup(&f);
	configure(&f, "frob = 1\n", NULL);
	assert_int_equal(open_manager(&f, &err), -EINVAL);
	assert_int_equal(err.kind, ERR_CONFIG);
	err_done(&err);
	configure(&f, "program_directory = /nonexistent\n", NULL);
	assert_int_equal(open_manager(&f, NULL), 0);
	assert_int_equal(manager_start(f.manager, &err), -ENOENT);
	f.manager = manager_free(f.manager);
	err_done(&err);
	/* what stands at its address is no socket */
	free(test_tmpdir_write(f.directory, "taken", ""));
	configure(&f, "", "taken");
	assert_true(open_manager(&f, &err) < 0);
	teardown(&f);
}

static void test_one_at_a_time(void **state)
{
	struct manager *second = NULL;
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY, NULL);
	start(&f);
	const struct load_params params = { .conf = { .directory = f.directory } };
	assert_int_equal(manager_new(&second, f.loop, &params, NULL), -EBUSY);
	assert_null(second);
	teardown(&f);
}

/* --- reload ------------------------------------------------------------------------------------------ */

static bool is_there(struct fixture *f, const char *name)
{
	_cleanup_(strv_freep) char **names = fleet_list_listeners(f->manager->fleet);

	return names && strv_contains(names, name);
}

static void test_reload(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY, "imaps");
	start(&f);
	run(&f, "reload", NULL);
	assert_int_equal(f.code, COMMAND_OK);
	/* names and listeners come and go */
	configure(&f, AUTHORITY DOMAIN, "pop3s");
	run(&f, "reload", NULL);
	assert_int_equal(f.code, COMMAND_OK);
	assert_int_equal(served_count(f.manager->served), 2);
	assert_true(is_there(&f, "pop3s"));
	assert_false(is_there(&f, "imaps"));
	/* another authority: the jobs that ask it go with it */
	configure(&f,
		"authority ca {\n directory = https://127.0.0.1:1/other\n}\n" DOMAIN,
		"pop3s");
	run(&f, "reload", NULL);
	assert_int_equal(f.code, COMMAND_OK);
	configure(&f, AUTHORITY, NULL);
	run(&f, "reload", NULL);
	assert_int_equal(f.code, COMMAND_OK);
	assert_int_equal(served_count(f.manager->served), 0);
	assert_int_equal(schedule_count(f.manager->schedule), 0);
	teardown(&f);
}

/* What is read once stays, and the reload says so; what it can follow it does not name. */
static void test_reload_of_what_is_read_once(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY, NULL);
	start(&f);
	configure(&f, "events_keep = 200\ndrain_timeout = 7s\n" AUTHORITY, NULL);
	run(&f, "reload", NULL);
	assert_int_equal(f.code, COMMAND_OK);
	assert_true(has(&f, "events_keep"));
	assert_true(has(&f, "at the next start only"));
	assert_null(strstr(buf_str(&f.rows), "drain_timeout"));
	assert_null(strstr(buf_str(&f.rows), "workers"));
	teardown(&f);
}

/* A creation is under way when its authority goes. */
static void test_reload_under_account_create(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY, NULL);
	start(&f);
	for (unsigned n = 0; n < 5; n++) {
		_cleanup_(freep) char *other = xasprintf("authority ca {\n directory = "
							 "https://127.0.0.1:1/%u\n}\n",
			n);
		ask(&f, "account-create", NULL);
		for (unsigned i = 0; i < n; i++)
			turn(&f);
		configure(&f, other, NULL);
		assert_int_equal(reload(&f), 0);
		until(&f, f.is_done);
		assert_int_equal(f.code, COMMAND_FAILED);
	}
	teardown(&f);
}

/* --- the brake ----------------------------------------------------------------------------------------- */

#define N_MANY 12

/* So many domains, the first with another name in its certificate. */
static char *format_many(unsigned n, const char *more)
{
	struct buf text = BUF_INIT(65536);

	buf_append_str(&text, AUTHORITY);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&text,
			"domain d%u.test {\n authority = ca\n names = d%u.test%s\n}\n",
			i, i, more);
	return buf_steal(&text);
}

static int give_certificate(const struct store_slot *slot, void *userdata)
{
	struct store *store = userdata;
	_cleanup_(freep) char *fingerprint = xasprintf("%064d", (int)slot->id);
	struct store_certificate c = {
		.slot_id = slot->id,
		.authority = slot->authority,
		.names = slot->names,
		.chain_pem = (char *)"c",
		.key_pem = (char *)"k",
		.serial = (char *)"01",
		.fingerprint = fingerprint,
		.issuer = (char *)"a test",
		.not_before_usec = 1,
		.not_after_usec = (usec_t)4000000000 * USEC_PER_SEC,
		.issued_usec = 1,
		.state = STORE_CERTIFICATE_SERVED,
	};
	struct store_slot changed = *slot;

	assert_int_equal(store_certificate_add(store, &c, NULL), 0);
	changed.certificate_id = c.id;
	changed.due_usec = USEC_NEVER;
	return store_slot_save(store, &changed, NULL);
}

static void configure_many(struct fixture *f, unsigned n, const char *more)
{
	_cleanup_(freep) char *text = format_many(n, more);

	configure(f, text, "imap");
}

/* A manager of N_MANY domains that have been served for long. */
static void start_many(struct fixture *f)
{
	setup(f);
	configure_many(f, N_MANY, "");
	assert_int_equal(open_manager(f, NULL), 0);
	assert_null(f->manager->held_text); /* a first start is no change */
	assert_int_equal(store_slot_each(f->manager->store, NULL, give_certificate,
				 f->manager->store, NULL),
		0);
	f->manager = manager_free(f->manager);
	start(f);
	until(f, f->manager->control);
}

struct brake_case {
	const char *name;
	unsigned n;
	const char *more;
	const char *percent;
	bool is_held;
};

/* clang-format off */
static const struct brake_case brake_cases[] = {
	{ "nothing",            N_MANY,      "",       "20%",  false },
	{ "few of them",        N_MANY - 10, "",       "20%",  false },
	{ "too many removed",   N_MANY - 11, "",       "20%",  true },
	{ "too many re-issued", N_MANY,      " x.d%u.test", "20%", true },
	{ "only new ones",      4 * N_MANY,  "",       "20%",  false },
	{ "the brake is off",   0,           "",       "100%", false },
};

/* clang-format on */

static void test_brake(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(brake_cases); i++) {
		const struct brake_case *c = &brake_cases[i];
		struct fixture f;

		test_case(c->name);
		start_many(&f);
		_cleanup_(freep) char *blocks = format_many(c->n, "");
		_cleanup_(freep) char *changed =
			*c->more
				? xasprintf("policy default {\n profile = other\n}\n%s",
					  blocks)
				: xstrdup(blocks);
		_cleanup_(freep) char *text =
			xasprintf("change_brake = %s\n%s", c->percent, changed);
		configure(&f, text, "imap");
		run(&f, "plan", NULL);
		assert_int_equal(f.code, c->is_held ? COMMAND_ATTENTION : COMMAND_OK);
		assert_int_equal(
			conf_count_blocks(f.manager->loaded.conf, "domain"), N_MANY);
		run(&f, "reload", NULL);
		assert_int_equal(f.code, c->is_held ? COMMAND_ATTENTION : COMMAND_OK);
		assert_int_equal(conf_count_blocks(f.manager->loaded.conf, "domain"),
			c->is_held ? N_MANY : c->n);
		assert_int_equal(f.manager->held_text != NULL, c->is_held);
		if (c->is_held)
			assert_true(has(&f, "--yes"));
		run(&f, "reload", json_pack("{s:b}", "yes", 1));
		assert_int_equal(f.code, COMMAND_OK);
		assert_int_equal(
			conf_count_blocks(f.manager->loaded.conf, "domain"), c->n);
		assert_null(f.manager->held_text);
		teardown(&f);
	}
}

/* Nobody can say yes to a start: what was served stays, and nothing is ordered for it. */
static void test_start_is_held(void **state)
{
	struct fixture f;

	start_many(&f);
	f.manager = manager_free(f.manager);
	configure_many(&f, 1, "");
	start(&f);
	assert_non_null(f.manager->held);
	assert_int_equal(served_count(f.manager->served), N_MANY);
	assert_true(served_choose(f.manager->served, "d7.test", 0) > 0);
	int64_t id = f.manager->held->entry[0].slot.id;
	_cleanup_(err_done) struct err err = ERR_INIT;
	assert_int_equal(
		schedule_start(f.manager->schedule, id, JOB_FORCED, &err), -EAGAIN);
	run(&f, "status", NULL);
	assert_true(has(&f, "would be re-issued or removed"));
	run(&f, "reload", NULL);
	assert_int_equal(f.code, COMMAND_ATTENTION);
	run(&f, "reload", json_pack("{s:b}", "yes", 1));
	assert_int_equal(f.code, COMMAND_OK);
	assert_null(f.manager->held);
	assert_int_equal(served_count(f.manager->served), 1);
	assert_int_equal(served_choose(f.manager->served, "d7.test", 0), 0);
	teardown(&f);
}

static void test_plan(void **state)
{
	struct fixture f;

	start_many(&f);
	configure_many(&f, 2, "");
	run(&f, "plan", NULL);
	assert_true(has(&f, "the domain is gone"));
	assert_true(has(&f, "\"summary\""));
	_cleanup_(freep) char *text = format_many(N_MANY, "");
	_cleanup_(freep) char *more = xasprintf("%sdomain new.test {\n"
						" authority = ca\n}\n",
		text);
	configure(&f, more, "imap");
	run(&f, "plan", NULL);
	assert_int_equal(f.code, COMMAND_OK);
	assert_true(has(&f, "\"why\":\"new: new.test\""));
	assert_true(has(&f, "\"orders\":1"));
	configure(&f, "nonsense = 1\n", "imap");
	run(&f, "plan", NULL);
	assert_int_equal(f.code, COMMAND_CONFIG);
	assert_true(has(&f, "nonsense"));
	teardown(&f);
}

static void test_bad_reload_changes_nothing(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY DOMAIN, "imaps");
	start(&f);
	const struct conf *before = f.manager->loaded.conf;
	configure(&f, "frob = 1\n", "pop3s");
	run(&f, "reload", NULL);
	assert_int_equal(f.code, COMMAND_CONFIG);
	assert_int_equal(f.n_rows, 1);
	assert_true(has(&f, "line 6: frob"));
	assert_ptr_equal(f.manager->loaded.conf, before);
	/* a listener that cannot be bound */
	free(test_tmpdir_write(f.directory, "taken", ""));
	configure(&f, AUTHORITY, "taken");
	run(&f, "reload", NULL);
	assert_int_equal(f.code, COMMAND_FAILED);
	assert_ptr_equal(f.manager->loaded.conf, before);
	assert_true(is_there(&f, "imaps"));
	assert_int_equal(served_count(f.manager->served), 2);
	teardown(&f);
}

/* One after the other; who has gone holds up nobody; the last one is put in force. */
static void test_reloads_queue(void **state)
{
	int first = NOT_YET, second = NOT_YET, gone = NOT_YET;
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY, NULL);
	start(&f);
	struct reload *a = manager_reload(f.manager, 0, on_reloaded, &first);
	struct reload *b = manager_reload(f.manager, 0, on_reloaded, &gone);
	manager_forget_reload(b);
	for (unsigned i = 0; i < 3; i++)
		assert_null(manager_reload(f.manager, 0, NULL, NULL));
	struct reload *c = manager_reload(f.manager, 0, on_reloaded, &second);
	until(&f, first != NOT_YET);
	assert_int_equal(first, 0);
	assert_int_equal(second, NOT_YET);
	manager_forget_reload(a);
	configure(&f, AUTHORITY DOMAIN, NULL);
	until(&f, second != NOT_YET);
	manager_forget_reload(c);
	assert_int_equal(second, 0);
	assert_int_equal(gone, NOT_YET);
	assert_int_equal(conf_count_blocks(f.manager->loaded.conf, "domain"), 1);
	assert_true(list_is_empty(&f.manager->reloads));
	teardown(&f);
}

/* Whoever ends it, and at whichever turn: nobody waits for ever, and nothing is lost. */
static void test_reload_meets_the_end(void **state)
{
	for (unsigned n = 0; n < 12; n++) {
		int r = NOT_YET;
		struct fixture f;

		setup(&f);
		configure(&f, AUTHORITY, NULL);
		start(&f);
		configure(&f, AUTHORITY DOMAIN, NULL);
		struct reload *handle = manager_reload(f.manager, 0, on_reloaded, &r);
		manager_reload(f.manager, 0, NULL, NULL);
		for (unsigned i = 0; i < n; i++)
			turn(&f);
		if (n % 2)
			manager_stop(f.manager);
		if (n % 2)
			assert_true(r == 0 || r == -ESHUTDOWN);
		manager_forget_reload(handle);
		teardown(&f);
	}
}

/* --- stop ---------------------------------------------------------------------------------------------- */

static void test_stop(void **state)
{
	struct fixture f;

	setup(&f);
	configure(&f, AUTHORITY DOMAIN, "imaps");
	start(&f);
	until(&f, (run(&f, "events", NULL), f.n_rows > 0));
	kill(getpid(), SIGTERM);
	until(&f, f.manager->is_stopping || f.exit_code != TURN_CODE);
	int r = NOT_YET;
	struct reload *handle = manager_reload(f.manager, 0, on_reloaded, &r);
	int code = TURN_CODE;
	until(&f, (code = MIN(code, f.exit_code), r == -ESHUTDOWN));
	manager_forget_reload(handle);
	until(&f, (code = MIN(code, f.exit_code), code != TURN_CODE));
	assert_int_equal(code, 0);
	teardown(&f);
}

int main(void)
{
	/* Orders fail all the time, and say so. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands_refuse),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_many_events),
		cmocka_unit_test(test_events_follow),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_of_what_is_read_once),
		cmocka_unit_test(test_reload_under_account_create),
		cmocka_unit_test(test_brake),
		cmocka_unit_test(test_start_is_held),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_bad_reload_changes_nothing),
		cmocka_unit_test(test_reloads_queue),
		cmocka_unit_test(test_reload_meets_the_end),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
