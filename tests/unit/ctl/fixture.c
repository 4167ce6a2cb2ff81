/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/ctl/fixture.h"

#include <string.h>

#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define WORDS_MAX 16

static void answer(struct control_request *request, const json_t *args, void *userdata)
{
	struct fixture *f = userdata;

	for (size_t i = 0; f->rows && f->rows[i]; i++) {
		json_t *row = json_loads(f->rows[i], 0, NULL);
		assert_non_null(row);
		control_request_row(request, row);
	}
	control_request_end(request, f->code, "%s", f->message ? f->message : "");
}

static void note(struct fixture *f, const char *name, const json_t *args)
{
	_cleanup_(freep) char *text = json_view_format(args);

	free(f->asked);
	f->asked = xasprintf("%s %s", name, text);
}

#define ANSWER(name, command)                                                        \
	static void run_##name(                                                      \
		struct control_request *request, const json_t *args, void *userdata) \
	{                                                                            \
		note(userdata, command, args);                                       \
		answer(request, args, userdata);                                     \
	}
ANSWER(status, "status")
ANSWER(renew, "renew")
ANSWER(reload, "reload")
ANSWER(events, "events")
ANSWER(plugins, "plugins")
ANSWER(plugins_enable, "plugins-enable")
ANSWER(account_show, "account-show")
ANSWER(account_create, "account-create")
ANSWER(account_export, "account-export")
ANSWER(account_import, "account-import")

/* clang-format off */

/* The arguments that the real table has. */
static const struct control_argument name_only[] = { { "name", "" }, { NULL, NULL } };
static const struct control_argument renew_arguments[] = {
	{ "name", "" }, { "force", "" }, { "wait", "" }, { NULL, NULL } };
static const struct control_argument none[] = { { NULL, NULL } };
static const struct control_argument events_arguments[] = {
	{ "after", "" }, { "count", "" }, { "name", "" }, { "follow", "" }, { NULL, NULL } };
static const struct control_argument show_arguments[] = { { "authority", "" }, { NULL, NULL } };
static const struct control_argument create_arguments[] = {
	{ "authority", "" }, { "key_pem", "" }, { NULL, NULL } };
static const struct control_argument import_arguments[] = {
	{ "authority", "" }, { "directory", "" }, { "url", "" }, { "key_pem", "" },
	{ "replace", "" }, { NULL, NULL } };

static const struct control_command table[] = {
	{ "status",         CONTROL_READ,  name_only,        "", "", run_status },
	{ "renew",          CONTROL_ADMIN, renew_arguments,  "", "", run_renew },
	{ "reload",         CONTROL_ADMIN, none,             "", "", run_reload },
	{ "events",         CONTROL_READ,  events_arguments, "", "", run_events },
	{ "plugins",        CONTROL_READ,  none,             "", "", run_plugins },
	{ "plugins-enable", CONTROL_ADMIN, name_only,        "", "", run_plugins_enable },
	{ "account-show",   CONTROL_READ,  show_arguments,   "", "", run_account_show },
	{ "account-create", CONTROL_ADMIN, create_arguments, "", "", run_account_create },
	{ "account-export", CONTROL_ADMIN, show_arguments,   "", "", run_account_export },
	{ "account-import", CONTROL_ADMIN, import_arguments, "", "", run_account_import },
	{ NULL,             CONTROL_READ,  NULL, NULL, NULL, NULL },
};

/* clang-format on */

int fixture_setup(void **state)
{
	struct fixture *f = xnew(struct fixture);

	f->dir = test_tmpdir_new();
	f->socket = xasprintf("%s/control", f->dir);
	f->asked = xstrdup("");
	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	assert_int_equal(control_new(&f->control,
				 &(struct control_params){
					 .loop = f->loop,
					 .socket_path = f->socket,
					 .table = table,
					 .userdata = f,
				 },
				 NULL),
		0);
	*state = f;
	return test_log_setup(NULL);
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	loop_free(f->loop);
	test_tmpdir_free(f->dir);
	free(f->socket);
	free(f->asked);
	free(f->out);
	free(f->err);
	free(f);
	return test_log_teardown(NULL);
}

void fixture_stop_daemon(struct fixture *f)
{
	f->control = control_free(f->control);
}

static void call(
	struct fixture *f, const char *option, const char *value, const char *words)
{
	_cleanup_(freep) char *copy = xstrdup(words);
	char *argv[WORDS_MAX + 1] = { "postsealctl", (char *)option, (char *)value };
	struct ctl ctl = { .loop = f->loop };
	char *rest = copy;
	size_t len;

	for (size_t n = 3; n < WORDS_MAX && rest && rest[0]; n++)
		argv[n] = strsep(&rest, " ");
	free(f->out);
	free(f->err);
	ctl.out = open_memstream(&f->out, &len);
	ctl.err = open_memstream(&f->err, &len);
	f->exit_code = ctl_main(&ctl, argv);
	fclose(ctl.out);
	fclose(ctl.err);
}

void fixture_call(struct fixture *f, const char *words)
{
	call(f, "-s", f->socket, words);
}

void fixture_call_conf(struct fixture *f, const char *words)
{
	call(f, "-c", f->dir, words);
}
