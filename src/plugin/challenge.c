/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See challenge.h. */
#include "plugin/challenge.h"

#include "plugin/priv.h"
#include "util/mem.h"

typedef void method_fn(
	void *instance, const struct postseal_task *task, struct postseal_call *call);

static struct postseal_task *copy_task(const struct postseal_task *task)
{
	struct postseal_task *copy = xnew(struct postseal_task);

	*copy = (struct postseal_task){
		.size = sizeof(*copy),
		.domain = xstrdup(task->domain),
		.name = xstrdup(task->name),
		.is_wildcard = task->is_wildcard,
		.account_url = xstrdup(task->account_url),
		.thumbprint = xstrdup(task->thumbprint),
		.token = xstrdup(task->token),
		.key_authorization = xstrdup(task->key_authorization),
		.challenge_json = xstrdup(task->challenge_json),
		.saved = xstrdup(task->saved),
	};
	return copy;
}

static void free_task(void *params)
{
	struct postseal_task *task = params;

	free((char *)task->domain);
	free((char *)task->name);
	free((char *)task->account_url);
	free((char *)task->thumbprint);
	free((char *)task->token);
	free((char *)task->key_authorization);
	free((char *)task->challenge_json);
	free((char *)task->saved);
	free(task);
}

static method_fn *find_method(
	const struct postseal_challenge *c, enum plugin_challenge_method method)
{
	switch (method) {
	case PLUGIN_CHALLENGE_OFFERS:
		return c->offers;
	case PLUGIN_CHALLENGE_WANT:
		return c->want;
	case PLUGIN_CHALLENGE_PRESENT:
		return c->present;
	case PLUGIN_CHALLENGE_READY:
		return c->ready;
	case PLUGIN_CHALLENGE_CLEANUP:
		return c->cleanup;
	}
	return NULL;
}

int plugin_challenge_start(struct plugin_call **ret, struct plugin_instance *instance,
	enum plugin_challenge_method method, const struct postseal_task *task,
	plugin_done_fn *done, void *userdata, struct err *err)
{
	/* clang-format off */
	static const char *const names[] = {
		[PLUGIN_CHALLENGE_OFFERS]  = "offers",
		[PLUGIN_CHALLENGE_WANT]    = "want",
		[PLUGIN_CHALLENGE_PRESENT] = "present",
		[PLUGIN_CHALLENGE_READY]   = "ready",
		[PLUGIN_CHALLENGE_CLEANUP] = "cleanup",
	};
	/* clang-format on */
	const struct postseal_challenge *c = instance->plugin->descriptor->challenge;
	method_fn *fn = find_method(c, method);
	struct plugin_call *call = plugin_call_new(
		instance, names[method], copy_task(task), free_task, done, userdata);

	call->cancel = c->cancel;
	*ret = call;
	if (fn)
		fn(instance->data, call->params, call->handle);
	else
		plugin_call_complete(call, POSTSEAL_OK, NULL);
	return 0;
}
