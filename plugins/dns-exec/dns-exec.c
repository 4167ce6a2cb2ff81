/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program puts values into the DNS: lego's contract for one, so that programs written for
 * it serve here.
 *
 *     PROGRAM present|cleanup NAME. VALUE
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/lib/exec_end.h"
#include "plugins/lib/zones.h"

#define ARGUMENTS_MAX 64 /* of the setting */
#define NAME_BYTES    300

struct provider {
	struct postseal_host *host;
	const struct postseal_services *services;
	const char *const *command;
	const char *const *zones;
	uint64_t timeout_usec;
};

struct run {
	const struct provider *self;
	struct postseal_call *call;
	struct postseal_exec *exec;
};

/* clang-format off */
static const struct postseal_setting settings[] = {
	{ .name = "command", .type = POSTSEAL_SETTING_STRINGS,
	  .flags = POSTSEAL_SETTING_REQUIRED,
	  .text = "Absolute path of a program and its arguments; present or cleanup, the name with a dot at its end, and the value are added. No shell is used." },
	{ .name = "timeout", .type = POSTSEAL_SETTING_DURATION, .fallback = "1m",
	  .min = 1000000, .max = 3600000000,
	  .text = "How long it may run." },
	ZONES_SETTING,
	{ .name = NULL },
};

/* clang-format on */

static void end_call(const struct provider *self, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	self->services->complete(call, &result);
}

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

static void start(const struct provider *self, const char *verb,
	const struct postseal_value *value, struct run *run)
{
	const char *argv[ARGUMENTS_MAX + 4];
	char name[NAME_BYTES];
	size_t n = 0;

	snprintf(name, sizeof(name), "%s.", value->name);
	for (; self->command[n]; n++)
		argv[n] = self->command[n];
	argv[n++] = verb;
	argv[n++] = name;
	argv[n++] = value->value;
	argv[n] = NULL;
	const struct postseal_exec_params params = {
		.size = sizeof(params),
		.argv = argv,
		.deadline_usec = self->timeout_usec,
	};
	run->exec = self->services->exec_start(self->host, &params, on_exec, run);
}

static void run(const struct provider *self, const char *verb,
	const struct postseal_value *value, struct postseal_call *call)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run) {
		*run = (struct run){ self, call, NULL };
		start(self, verb, value, run);
	}
	if (!run || !run->exec) {
		free(run);
		end_call(self, call, POSTSEAL_FAILED, "the command was not started");
		return;
	}
	self->services->call_set_data(call, run);
}

static void provider_place(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	const struct provider *self = instance;

	zones_place(self->services, self->zones, value, call);
}

static void provider_add(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	run(instance, "present", value, call);
}

static void provider_remove(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	run(instance, "cleanup", value, call);
}

static void provider_cancel(void *instance, struct postseal_call *call)
{
	const struct provider *self = instance;
	struct run *run = self->services->call_get_data(call);

	if (!run)
		return;
	self->services->exec_cancel(run->exec);
	free(run);
}

static int check_command(const char *const *command, char *detail, size_t size)
{
	size_t n = 0;

	while (command[n])
		n++;
	if (n > 0 && n <= ARGUMENTS_MAX && command[0][0] == '/')
		return 0;
	snprintf(detail, size,
		"command: has to begin with the absolute path of a program, and to have at most %d words",
		ARGUMENTS_MAX);
	return -EINVAL;
}

static int provider_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	const char *const *command = services->get_list(host, "command");
	int r = check_command(command, detail, size);

	if (r < 0)
		return r;
	struct provider *self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	self->host = host;
	self->services = services;
	self->command = command;
	self->zones = services->get_list(host, "zones");
	self->timeout_usec = services->get_duration(host, "timeout");
	*ret = self;
	return 0;
}

static void provider_close(void *instance)
{
	free(instance);
}

static const struct postseal_dns provider = {
	.size = sizeof(provider),
	.place = provider_place,
	.add = provider_add,
	.remove = provider_remove,
	.cancel = provider_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_DNS,
	.name = "exec",
	.summary = "Runs a program that puts values into the DNS.",
	.version = "1.0",
	.settings = settings,
	.open = provider_open,
	.close = provider_close,
	.dns = &provider,
};
