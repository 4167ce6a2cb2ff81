/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugin/notify.h"

#include "plugin/call_priv.h"
#include "plugin/instance_priv.h"
#include "util/mem.h"

struct notify_args {
	const struct postseal_notify *notify;
	struct postseal_notice notice; /* its strings are owned */
};

static void args_free(void *userdata)
{
	struct notify_args *args = userdata;

	free((char *)args->notice.kind);
	free((char *)args->notice.subject);
	free((char *)args->notice.text);
	free(args);
}

static struct notify_args *args_new(
	const struct postseal_notify *notify, const struct postseal_notice *notice)
{
	struct notify_args *args = xnew(struct notify_args);

	args->notify = notify;
	args->notice = (struct postseal_notice){
		.size = sizeof(args->notice),
		.kind = xstrdup(notice->kind),
		.subject = xstrdup(notice->subject),
		.text = xstrdup(notice->text),
		.at_sec = notice->at_sec,
	};
	return args;
}

static void invoke(const void *userdata, void *self, struct postseal_call *handle)
{
	const struct notify_args *args = userdata;

	args->notify->notify(self, &args->notice, handle);
}

int plugin_notify_start(struct plugin_call **ret, struct plugin_instance *instance,
	const struct postseal_notice *notice, plugin_done_fn *done, void *userdata,
	struct err *err)
{
	const struct postseal_notify *notify =
		instance->plugin ? instance->plugin->descriptor.plugin.notify : NULL;
	struct notify_args *args = args_new(notify, notice);
	const struct call_params params = {
		.instance = instance,
		.method = "notify",
		.invoke = invoke,
		.cancel = notify ? notify->cancel : NULL,
		.subject = args->notice.subject,
		.args = args,
		.args_free = args_free,
		.done = done,
		.userdata = userdata,
	};

	return plugin_call_start(ret, &params, err);
}
