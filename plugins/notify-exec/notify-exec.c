/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs a program for each notice. What the notice says goes into the environment, since
 * an argument may be taken for an option; control characters are taken out, since a
 * program may print it to a terminal or into a mail's header.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/lib/exec_end.h"
#include "plugins/postseal-plugin.h"

#define VARIABLE_BYTES 4096

struct notifier {
	struct postseal_host *host;
	const struct postseal_services *services;
	const char *const *command;
	const char *const *events; /* empty = all */
};

struct run {
	const struct notifier *self;
	struct postseal_call *call;
	struct postseal_exec *exec;
};

enum { KIND, SUBJECT, TEXT, TIME, N_VARIABLES };

struct environment {
	char text[N_VARIABLES][VARIABLE_BYTES];
	const char *list[N_VARIABLES + 1];
};

/* clang-format off */
static const struct postseal_setting settings[] = {
	{ .name = "command", .type = POSTSEAL_SETTING_STRINGS,
	  .flags = POSTSEAL_SETTING_REQUIRED,
	  .text = "Absolute path of a program and its arguments; no shell is used. The event is in POSTSEAL_KIND, POSTSEAL_SUBJECT, POSTSEAL_TEXT and POSTSEAL_TIME (seconds)." },
	{ .name = "events", .type = POSTSEAL_SETTING_STRINGS,
	  .text = "Kinds of events to run it for; all when empty." },
	{ .name = NULL },
};

/* clang-format on */

static void end_call(const struct notifier *self, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	self->services->complete(call, &result);
}

/* --- what the program is told ------------------------------------------------------------ */

static void clean(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
	}
}

/* A long text is cut, and never within a character of UTF-8. */
static void cut(char *s, size_t len)
{
	while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	s[len] = '\0';
}

static void set(struct environment *env, int i, const char *name, const char *value)
{
	char *text = env->text[i];
	char whole[VARIABLE_BYTES + 4];

	/* One octet more than fits, so that the cut sees what it cuts. */
	snprintf(whole, sizeof(whole), "%s=%s", name, value ? value : "");
	if (strlen(whole) >= VARIABLE_BYTES)
		cut(whole, VARIABLE_BYTES - 1);
	memcpy(text, whole, strlen(whole) + 1);
	clean(text);
	env->list[i] = text;
}

static void fill(struct environment *env, const struct postseal_notice *notice)
{
	char when[32];

	snprintf(when, sizeof(when), "%" PRIu64, notice->at_sec);
	set(env, KIND, "POSTSEAL_KIND", notice->kind);
	set(env, SUBJECT, "POSTSEAL_SUBJECT", notice->subject);
	set(env, TEXT, "POSTSEAL_TEXT", notice->text);
	set(env, TIME, "POSTSEAL_TIME", when);
	env->list[N_VARIABLES] = NULL;
}

/* --- running ----------------------------------------------------------------------------- */

static void on_exec(const struct postseal_exec_result *result, void *userdata)
{
	struct run *run = userdata;
	char detail[EXEC_END_BYTES];

	exec_end_format(result, detail);
	if (result->exit_code == 0)
		end_call(run->self, run->call, POSTSEAL_OK, NULL);
	else
		end_call(run->self, run->call, POSTSEAL_FAILED, detail);
	free(run);
}

static void start(const struct notifier *self, const struct postseal_notice *notice,
	struct run *run)
{
	struct environment env;

	fill(&env, notice);
	const struct postseal_exec_params params = {
		.size = sizeof(params),
		.argv = self->command,
		.env = env.list,
	};
	run->exec = self->services->exec_start(self->host, &params, on_exec, run);
}

static int is_wanted(const struct notifier *self, const char *kind)
{
	const char *const *events = self->events;

	for (size_t i = 0; events[i]; i++) {
		if (strcmp(events[i], kind) == 0)
			return 1;
	}
	return !events[0];
}

static void notifier_notify(void *instance, const struct postseal_notice *notice,
	struct postseal_call *call)
{
	const struct notifier *self = instance;

	if (!is_wanted(self, notice->kind)) {
		end_call(self, call, POSTSEAL_OK, NULL);
		return;
	}
	struct run *run = calloc(1, sizeof(*run));
	if (run) {
		*run = (struct run){ self, call, NULL };
		start(self, notice, run);
	}
	if (!run || !run->exec) {
		free(run);
		end_call(self, call, POSTSEAL_FAILED, "the command was not started");
		return;
	}
	self->services->call_set_data(call, run);
}

static void notifier_cancel(void *instance, struct postseal_call *call)
{
	const struct notifier *self = instance;
	struct run *run = self->services->call_get_data(call);

	if (!run)
		return;
	self->services->exec_cancel(run->exec);
	free(run);
}

static int notifier_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	const char *const *command = services->get_list(host, "command");

	if (!command[0] || command[0][0] != '/') {
		snprintf(detail, size,
			"command: has to begin with the absolute path of a program");
		return -EINVAL;
	}
	struct notifier *self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	self->host = host;
	self->services = services;
	self->command = command;
	self->events = services->get_list(host, "events");
	*ret = self;
	return 0;
}

static void notifier_close(void *instance)
{
	free(instance);
}

static const struct postseal_notify notify = {
	.size = sizeof(notify),
	.notify = notifier_notify,
	.cancel = notifier_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_NOTIFY,
	.name = "exec",
	.summary = "Runs a program for each notice.",
	.version = "1.0",
	.settings = settings,
	.open = notifier_open,
	.close = notifier_close,
	.notify = &notify,
};
