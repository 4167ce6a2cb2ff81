/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See notify.h. */
#include "plugin/notify.h"

#include "plugin/priv.h"
#include "util/mem.h"

static struct postseal_notice *copy_notice(const struct postseal_notice *notice)
{
	struct postseal_notice *copy = xnew(struct postseal_notice);

	*copy = (struct postseal_notice){
		.size = sizeof(*copy),
		.kind = xstrdup(notice->kind),
		.subject = xstrdup(notice->subject),
		.text = xstrdup(notice->text),
		.at_sec = notice->at_sec,
	};
	return copy;
}

static void free_notice(void *params)
{
	struct postseal_notice *notice = params;

	free((char *)notice->kind);
	free((char *)notice->subject);
	free((char *)notice->text);
	free(notice);
}

int plugin_notify_start(struct plugin_call **ret, struct plugin_instance *instance,
	const struct postseal_notice *notice, plugin_done_fn *done, void *userdata,
	struct err *err)
{
	const struct postseal_notify *n = instance->plugin->descriptor->notify;
	struct plugin_call *call = plugin_call_new(
		instance, "notify", copy_notice(notice), free_notice, done, userdata);

	call->cancel = n->cancel;
	*ret = call;
	n->notify(instance->data, call->params, call->handle);
	return 0;
}
