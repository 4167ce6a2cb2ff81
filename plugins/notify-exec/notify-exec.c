/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notify exec: runs a command for each event, with the event in its environment. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/postseal-plugin.h"

#define VALUE_BYTES_MAX 2048

struct notifier {
	struct postseal_host *host;
	const struct postseal_services *services;
};

struct run {
	const struct postseal_services *services;
	struct postseal_call *call;
	struct postseal_exec *exec;
};

/* clang-format off */
static const struct postseal_setting settings[] = {
	{ "command", POSTSEAL_SETTING_STRINGS, NULL, 0, 0, NULL, POSTSEAL_SETTING_REQUIRED,
	  "Command with its arguments; an absolute path, no shell. The event is in POSTSEAL_KIND, POSTSEAL_SUBJECT, POSTSEAL_TEXT and POSTSEAL_TIME (seconds)." },
	{ "events", POSTSEAL_SETTING_STRINGS, NULL, 0, 0, NULL, 0,
	  "Kinds of events that it is told of; unset, all." },
	{ NULL, POSTSEAL_SETTING_STRING, NULL, 0, 0, NULL, 0, NULL },
};

/* clang-format on */

static int exec_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	const char *const *command = services->get_list(host, "command");
	struct notifier *p;

	if (!command[0] || command[0][0] != '/') {
		snprintf(detail, size, "command: has to begin with an absolute path");
		return -22;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return -12;
	p->host = host;
	p->services = services;
	*ret = p;
	return 0;
}

static void exec_close(void *instance)
{
	free(instance);
}

static void finish(const struct postseal_services *services, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	services->complete(call, &result);
}

static int is_wanted(struct notifier *p, const char *kind)
{
	const char *const *events = p->services->get_list(p->host, "events");

	for (size_t i = 0; events[i]; i++)
		if (strcmp(events[i], kind) == 0)
			return 1;
	return events[0] == NULL;
}

/* "NAME=value" without control octets: the text may come from a CA. */
static void set_variable(char *out, const char *name, const char *value)
{
	snprintf(out, VALUE_BYTES_MAX, "%s=%s", name, value ? value : "");
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

static void on_ended(const struct postseal_exec_result *result, void *userdata)
{
	struct run *run = userdata;
	const struct postseal_services *services = run->services;
	struct postseal_call *call = run->call;

	free(run);
	finish(services, call, result->exit_code == 0 ? POSTSEAL_OK : POSTSEAL_FAILED,
		result->detail);
}

static struct postseal_exec *begin(
	struct notifier *p, const struct postseal_notice *notice, struct run *run)
{
	char kind[VALUE_BYTES_MAX], subject[VALUE_BYTES_MAX], text[VALUE_BYTES_MAX];
	char at[VALUE_BYTES_MAX];
	const char *const env[] = { kind, subject, text, at, NULL };
	const struct postseal_exec_params params = {
		.size = sizeof(params),
		.argv = p->services->get_list(p->host, "command"),
		.env = env,
	};

	set_variable(kind, "POSTSEAL_KIND", notice->kind);
	set_variable(subject, "POSTSEAL_SUBJECT", notice->subject);
	set_variable(text, "POSTSEAL_TEXT", notice->text);
	snprintf(at, sizeof(at), "POSTSEAL_TIME=%" PRIu64, notice->at_sec);
	return p->services->exec_start(p->host, &params, on_ended, run);
}

static void exec_notify(void *instance, const struct postseal_notice *notice,
	struct postseal_call *call)
{
	struct notifier *p = instance;
	struct run *run;

	if (!is_wanted(p, notice->kind)) {
		finish(p->services, call, POSTSEAL_OK, NULL);
		return;
	}
	run = calloc(1, sizeof(*run));
	if (run) {
		run->services = p->services;
		run->call = call;
		run->exec = begin(p, notice, run);
	}
	if (run && run->exec) {
		p->services->call_set_data(call, run);
		return;
	}
	free(run);
	finish(p->services, call, POSTSEAL_FAILED, "the command could not be started");
}

static void exec_notify_cancel(void *instance, struct postseal_call *call)
{
	struct notifier *p = instance;
	struct run *run = p->services->call_get_data(call);

	if (!run)
		return;
	p->services->exec_cancel(run->exec);
	free(run);
}

static const struct postseal_notify notify = {
	.size = sizeof(notify),
	.notify = exec_notify,
	.cancel = exec_notify_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_NOTIFY,
	.name = "exec",
	.summary = "Runs a command for each event.",
	.version = "1",
	.settings = settings,
	.open = exec_open,
	.close = exec_close,
	.notify = &notify,
};
