/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Service: look-ups in the DNS. */
#include <errno.h>
#include <string.h>

#include "plugin/entry.h"
#include "plugin/service_priv.h"
#include "util/dname.h"
#include "util/mem.h"

static const char *const types[] = { "A", "AAAA", "CNAME", "NS", "TXT", NULL };

struct lookup {
	struct service_op op;
	void *backing_op; /* owned, by way of the backing */
	postseal_lookup_fn *fn;
	void *userdata;
};

static void lookup_free(struct service_op *op)
{
	struct lookup *l = container_of(op, struct lookup, op);
	const struct plugin_dns_backing *backing = op->instance->host->params.dns;

	if (l->backing_op)
		backing->lookup_cancel(backing->userdata, l->backing_op);
	free(l);
}

static void on_done(const struct postseal_lookup_result *result, void *userdata)
{
	struct lookup *l = userdata;
	postseal_lookup_fn *fn = l->fn;
	void *fn_userdata = l->userdata;
	struct plugin_entry entry;

	/* What the result points to lives until we return. */
	plugin_enter(&entry, l->op.instance, "callback of lookup_start", NULL);
	service_op_free(&l->op);
	fn(result, fn_userdata);
	plugin_leave(&entry);
}

static bool is_type(const char *type)
{
	for (size_t i = 0; type && types[i]; i++) {
		if (strcmp(types[i], type) == 0)
			return true;
	}
	return false;
}

static int start(struct lookup *l, const char *name, const char *type, struct err *err)
{
	const struct plugin_dns_backing *backing = l->op.instance->host->params.dns;

	if (!is_type(type) || !name || !dname_is_valid(name, DNAME_UNDERSCORE))
		return err_set(err, -EINVAL, "a question that is none");
	if (!backing)
		return err_set(err, -EOPNOTSUPP, "there is no DNS here");
	const struct plugin_lookup_params params = { .name = name, .type = type };
	return backing->lookup_start(
		backing->userdata, &l->backing_op, &params, on_done, l, err);
}

struct postseal_lookup *service_lookup_start(struct postseal_host *host,
	const char *name, const char *type, postseal_lookup_fn *fn, void *userdata)
{
	struct plugin_instance *instance = plugin_instance_of(host);
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!instance || !fn)
		return NULL;
	struct lookup *l = xnew(struct lookup);
	if (!service_op_init(&l->op, instance, HANDLE_LOOKUP, lookup_free)) {
		free(l);
		return NULL;
	}
	l->fn = fn;
	l->userdata = userdata;
	if (start(l, name, type, &err) < 0) {
		service_op_free(&l->op);
		return service_refuse(instance, "look-up", &err);
	}
	return l->op.handle;
}

void service_lookup_cancel(struct postseal_lookup *op)
{
	service_op_cancel(HANDLE_LOOKUP, op);
}
