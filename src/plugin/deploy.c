/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugin/deploy.h"

#include "plugin/call_priv.h"
#include "plugin/instance_priv.h"
#include "util/mem.h"

struct deploy_args {
	const struct postseal_deploy *deploy;
	struct postseal_bundle bundle; /* its strings are owned */
	char **names;                  /* owned; what bundle.names points to */
};

static void args_free(void *userdata)
{
	struct deploy_args *args = userdata;
	struct postseal_bundle *bundle = &args->bundle;

	free((char *)bundle->domain);
	strv_free(args->names);
	free((char *)bundle->key_type);
	free((char *)bundle->chain_pem);
	secret_free((char *)bundle->key_pem);
	free((char *)bundle->fingerprint);
	free(args);
}

static struct deploy_args *args_new(
	const struct postseal_deploy *deploy, const struct postseal_bundle *bundle)
{
	struct deploy_args *args = xnew(struct deploy_args);

	args->deploy = deploy;
	args->names = xnew_array(char *, 1);
	for (size_t i = 0; bundle->names && bundle->names[i]; i++)
		strv_append(&args->names, bundle->names[i]);
	args->bundle = (struct postseal_bundle){
		.size = sizeof(args->bundle),
		.domain = xstrdup(bundle->domain),
		.names = (const char *const *)args->names,
		.key_type = xstrdup(bundle->key_type),
		.chain_pem = xstrdup(bundle->chain_pem),
		.key_pem = xstrdup(bundle->key_pem),
		.fingerprint = xstrdup(bundle->fingerprint),
		.not_after_sec = bundle->not_after_sec,
	};
	return args;
}

static void invoke(const void *userdata, void *self, struct postseal_call *handle)
{
	const struct deploy_args *args = userdata;

	args->deploy->install(self, &args->bundle, handle);
}

int plugin_deploy_start(struct plugin_call **ret, struct plugin_instance *instance,
	const struct postseal_bundle *bundle, plugin_done_fn *done, void *userdata,
	struct err *err)
{
	const struct postseal_deploy *deploy =
		instance->plugin ? instance->plugin->descriptor.plugin.deploy : NULL;
	struct deploy_args *args = args_new(deploy, bundle);
	const struct call_params params = {
		.instance = instance,
		.method = "install",
		.invoke = invoke,
		.cancel = deploy ? deploy->cancel : NULL,
		.subject = args->bundle.domain,
		.args = args,
		.args_free = args_free,
		.done = done,
		.userdata = userdata,
	};

	return plugin_call_start(ret, &params, err);
}
