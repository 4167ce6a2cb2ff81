/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See deploy.h. */
#include "plugin/deploy.h"

#include "plugin/priv.h"
#include "util/mem.h"

static struct postseal_bundle *copy_bundle(const struct postseal_bundle *bundle)
{
	struct postseal_bundle *copy = xnew(struct postseal_bundle);
	char **names = xnew_array(char *, 1);

	for (size_t i = 0; bundle->names[i]; i++)
		strv_append(&names, bundle->names[i]);
	*copy = (struct postseal_bundle){
		.size = sizeof(*copy),
		.domain = xstrdup(bundle->domain),
		.names = (const char *const *)names,
		.key_type = xstrdup(bundle->key_type),
		.chain_pem = xstrdup(bundle->chain_pem),
		.key_pem = xstrdup(bundle->key_pem),
		.fingerprint = xstrdup(bundle->fingerprint),
		.not_after_sec = bundle->not_after_sec,
	};
	return copy;
}

static void free_bundle(void *params)
{
	struct postseal_bundle *bundle = params;

	free((char *)bundle->domain);
	strv_free((char **)bundle->names);
	free((char *)bundle->key_type);
	free((char *)bundle->chain_pem);
	secret_free((char *)bundle->key_pem);
	free((char *)bundle->fingerprint);
	free(bundle);
}

int plugin_deploy_start(struct plugin_call **ret, struct plugin_instance *instance,
	const struct postseal_bundle *bundle, plugin_done_fn *done, void *userdata,
	struct err *err)
{
	const struct postseal_deploy *d = instance->plugin->descriptor->deploy;
	struct plugin_call *call = plugin_call_new(
		instance, "install", copy_bundle(bundle), free_bundle, done, userdata);

	call->cancel = d->cancel;
	*ret = call;
	d->install(instance->data, call->params, call->handle);
	return 0;
}
