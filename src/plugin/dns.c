/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugin/dns.h"

#include "plugin/call_priv.h"
#include "plugin/instance_priv.h"
#include "util/mem.h"

typedef void method_fn(
	void *instance, const struct postseal_value *value, struct postseal_call *call);

struct dns_args {
	method_fn *method;
	struct postseal_value value; /* its strings are owned */
};

static const char *const method_names[] = {
	[PLUGIN_DNS_PLACE] = "place",
	[PLUGIN_DNS_ADD] = "add",
	[PLUGIN_DNS_REMOVE] = "remove",
	[PLUGIN_DNS_LIST] = "list",
};

static void args_free(void *userdata)
{
	struct dns_args *args = userdata;

	free((char *)args->value.domain);
	free((char *)args->value.name);
	free((char *)args->value.value);
	free(args);
}

static struct dns_args *args_new(method_fn *method, const struct postseal_value *value)
{
	struct dns_args *args = xnew(struct dns_args);

	args->method = method;
	args->value = (struct postseal_value){
		.size = sizeof(args->value),
		.domain = xstrdup(value->domain),
		.name = xstrdup(value->name),
		.value = xstrdup(value->value),
		.is_delegated = value->is_delegated,
	};
	return args;
}

static void invoke(const void *userdata, void *self, struct postseal_call *handle)
{
	const struct dns_args *args = userdata;

	args->method(self, &args->value, handle);
}

/* NULL: the provider does without it. */
static method_fn *find_method(
	const struct postseal_dns *dns, enum plugin_dns_method method)
{
	switch (method) {
	case PLUGIN_DNS_PLACE:
		return dns->place;
	case PLUGIN_DNS_ADD:
		return dns->add;
	case PLUGIN_DNS_REMOVE:
		return dns->remove;
	default:
		return dns->list;
	}
}

/* What stands for a method that is not there. */
static const struct postseal_result *find_answer(
	enum plugin_dns_method method, const struct postseal_value *value)
{
	static const struct postseal_result ok = {
		.size = sizeof(ok),
		.outcome = POSTSEAL_OK,
	};
	static const struct postseal_result not_mine = {
		.size = sizeof(not_mine),
		.outcome = POSTSEAL_REFUSED,
		.detail = "it does not know whether that zone is its own",
	};
	static const struct postseal_result no_list = {
		.size = sizeof(no_list),
		.outcome = POSTSEAL_REFUSED,
		.detail = "it cannot tell what is there",
	};

	if (method == PLUGIN_DNS_LIST)
		return &no_list;
	return value->is_delegated ? &not_mine : &ok;
}

int plugin_dns_start(struct plugin_call **ret, struct plugin_instance *instance,
	const struct plugin_dns_ask *ask, plugin_done_fn *done, void *userdata,
	struct err *err)
{
	const struct postseal_dns *dns =
		instance->plugin ? instance->plugin->descriptor.plugin.dns : NULL;
	method_fn *fn = dns ? find_method(dns, ask->method) : NULL;
	struct dns_args *args = args_new(fn, &ask->value);
	const struct call_params params = {
		.instance = instance,
		.method = method_names[ask->method],
		.invoke = fn ? invoke : NULL,
		.cancel = fn ? dns->cancel : NULL,
		.answer = find_answer(ask->method, &ask->value),
		.subject = args->value.domain,
		.args = args,
		.args_free = args_free,
		.done = done,
		.userdata = userdata,
	};

	return plugin_call_start(ret, &params, err);
}
