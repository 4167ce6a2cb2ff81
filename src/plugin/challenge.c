/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugin/challenge.h"

#include <stdio.h>
#include <string.h>

#include "plugin/call_priv.h"
#include "plugin/entry.h"
#include "util/mem.h"
#include "util/text.h"

typedef void method_fn(
	void *instance, const struct postseal_task *task, struct postseal_call *call);

struct challenge_args {
	method_fn *method;
	struct postseal_task task; /* its strings are owned */
};

static const char *const method_names[] = {
	[PLUGIN_CHALLENGE_OFFERS] = "offers",
	[PLUGIN_CHALLENGE_WANT] = "want",
	[PLUGIN_CHALLENGE_PRESENT] = "present",
	[PLUGIN_CHALLENGE_READY] = "ready",
	[PLUGIN_CHALLENGE_CLEANUP] = "cleanup",
};

static void args_free(void *userdata)
{
	struct challenge_args *args = userdata;
	struct postseal_task *task = &args->task;

	free((char *)task->domain);
	free((char *)task->name);
	free((char *)task->account_url);
	free((char *)task->thumbprint);
	free((char *)task->token);
	free((char *)task->key_authorization);
	free((char *)task->challenge_json);
	free((char *)task->saved);
	free((char *)task->authority);
	free((char *)task->directory_url);
	free((char *)task->directory_json);
	free(args);
}

static struct challenge_args *args_new(
	method_fn *method, const struct postseal_task *task)
{
	struct challenge_args *args = xnew(struct challenge_args);

	args->method = method;
	args->task = (struct postseal_task){
		.size = sizeof(args->task),
		.domain = xstrdup(task->domain),
		.name = xstrdup(task->name),
		.is_wildcard = task->is_wildcard,
		.account_url = xstrdup(task->account_url),
		.thumbprint = xstrdup(task->thumbprint),
		.token = xstrdup(task->token),
		.key_authorization = xstrdup(task->key_authorization),
		.challenge_json = xstrdup(task->challenge_json),
		.saved = xstrdup(task->saved),
		.authority = xstrdup(task->authority),
		.directory_url = xstrdup(task->directory_url),
		.directory_json = xstrdup(task->directory_json),
		.has_wildcard = task->has_wildcard,
	};
	return args;
}

static void invoke(const void *userdata, void *self, struct postseal_call *handle)
{
	const struct challenge_args *args = userdata;

	args->method(self, &args->task, handle);
}

/* NULL: the plugin does without it. */
static method_fn *find_method(
	const struct postseal_challenge *challenge, enum plugin_challenge_method method)
{
	switch (method) {
	case PLUGIN_CHALLENGE_OFFERS:
		return challenge->offers;
	case PLUGIN_CHALLENGE_WANT:
		return challenge->want;
	case PLUGIN_CHALLENGE_PRESENT:
		return challenge->present;
	case PLUGIN_CHALLENGE_READY:
		return challenge->ready;
	default:
		return challenge->cleanup;
	}
}

/* What its flags rule out is not asked of the plugin. */
static bool is_ruled_out(const struct postseal_challenge *challenge,
	enum plugin_challenge_method method, const struct postseal_task *task)
{
	return method == PLUGIN_CHALLENGE_OFFERS && task->is_wildcard &&
	       !(challenge->flags & POSTSEAL_CHALLENGE_WILDCARD);
}

int plugin_challenge_start(struct plugin_call **ret, struct plugin_instance *instance,
	enum plugin_challenge_method method, const struct postseal_task *task,
	plugin_done_fn *done, void *userdata, struct err *err)
{
	static const struct postseal_result ok = {
		.size = sizeof(ok),
		.outcome = POSTSEAL_OK,
	};
	static const struct postseal_result no_wildcard = {
		.size = sizeof(no_wildcard),
		.outcome = POSTSEAL_REFUSED,
		.detail = "this challenge cannot validate a wildcard name",
	};
	const struct postseal_challenge *challenge =
		instance->plugin ? instance->plugin->descriptor.plugin.challenge : NULL;
	bool is_out = challenge && is_ruled_out(challenge, method, task);
	method_fn *fn = challenge && !is_out ? find_method(challenge, method) : NULL;
	struct challenge_args *args = args_new(fn, task);
	const struct call_params params = {
		.instance = instance,
		.method = method_names[method],
		.invoke = fn ? invoke : NULL,
		.cancel = fn ? challenge->cancel : NULL,
		.answer = is_out ? &no_wildcard : &ok,
		.subject = args->task.domain,
		.args = args,
		.args_free = args_free,
		.done = done,
		.userdata = userdata,
	};

	return plugin_call_start(ret, &params, err);
}

enum postseal_fit plugin_challenge_fits(const struct plugin_instance *instance,
	const struct postseal_wanted *wanted, const char *seen, char *detail,
	size_t size)
{
	const struct plugin *plugin = instance->plugin;
	const struct postseal_challenge *challenge =
		plugin ? plugin->descriptor.plugin.challenge : NULL;
	char said[PLUGIN_FIT_DETAIL_MAX] = "";
	struct plugin_entry entry;

	text_format(detail, size, "%s", "it differs");
	if (!challenge || !challenge->fits || plugin_refusal(plugin, instance->host))
		return strcmp(wanted->value, seen) == 0 ? POSTSEAL_FIT_YES
							: POSTSEAL_FIT_NO;
	plugin_enter(&entry, instance, "fits", NULL);
	enum postseal_fit fit =
		challenge->fits(instance->self, wanted, seen, said, sizeof(said));
	plugin_leave(&entry);
	said[sizeof(said) - 1] = '\0';
	if (said[0])
		text_format(detail, size, "%s", said);
	return (unsigned)fit > POSTSEAL_FIT_FOREIGN ? POSTSEAL_FIT_NO : fit;
}
