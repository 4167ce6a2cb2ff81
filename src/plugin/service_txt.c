/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Service: TXT values in the DNS. Which provider has them is core's to say. */
#include <errno.h>
#include <string.h>

#include "plugin/entry.h"
#include "plugin/service_priv.h"
#include "plugin/wanted.h"
#include "util/dname.h"
#include "util/mem.h"

#define TXT_MIN service_end_of(struct postseal_txt, value)

struct txt {
	struct service_op op;
	void *backing_op; /* owned, by way of the backing */
	postseal_txt_fn *fn;
	void *userdata;
};

static void txt_free(struct service_op *op)
{
	struct txt *t = container_of(op, struct txt, op);
	const struct plugin_dns_backing *backing = op->instance->host->params.dns;

	if (t->backing_op)
		backing->txt_cancel(backing->userdata, t->backing_op);
	free(t);
}

static void on_done(const struct postseal_txt_result *result, void *userdata)
{
	struct txt *t = userdata;
	postseal_txt_fn *fn = t->fn;
	void *fn_userdata = t->userdata;
	struct plugin_entry entry;

	/* What the result points to lives until we return. */
	plugin_enter(&entry, t->op.instance, "callback of txt_start", NULL);
	service_op_free(&t->op);
	fn(result, fn_userdata);
	plugin_leave(&entry);
}

static int check(
	enum postseal_txt_act act, const struct postseal_txt *txt, struct err *err)
{
	if ((unsigned)act > POSTSEAL_TXT_REMOVE)
		return err_set(err, -EINVAL, "an act that is not known");
	if (!txt->domain || !txt->name || !dname_is_valid(txt->name, DNAME_UNDERSCORE))
		return err_set(err, -EINVAL, "a value for what is no name");
	if (act != POSTSEAL_TXT_WHERE && !wanted_is_value(txt->value))
		return err_set(err, -EINVAL, "a value that is none");
	return 0;
}

static int start(struct txt *t, enum postseal_txt_act act,
	const struct postseal_txt *txt, struct err *err)
{
	const struct plugin_dns_backing *backing = t->op.instance->host->params.dns;
	int r = check(act, txt, err);

	if (r < 0)
		return r;
	if (!backing)
		return err_set(err, -EOPNOTSUPP, "there is no DNS here");
	const struct plugin_txt_params params = { .act = act, .txt = txt };
	return backing->txt_start(
		backing->userdata, &t->backing_op, &params, on_done, t, err);
}

struct postseal_txt_op *service_txt_start(struct postseal_host *host,
	enum postseal_txt_act act, const struct postseal_txt *txt, postseal_txt_fn *fn,
	void *userdata)
{
	struct plugin_instance *instance = plugin_instance_of(host);
	struct postseal_txt taken;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!instance || !fn ||
		!service_take(instance, &taken, sizeof(taken), txt, TXT_MIN))
		return NULL;
	struct txt *t = xnew(struct txt);
	if (!service_op_init(&t->op, instance, HANDLE_TXT, txt_free)) {
		free(t);
		return NULL;
	}
	t->fn = fn;
	t->userdata = userdata;
	if (start(t, act, &taken, &err) < 0) {
		service_op_free(&t->op);
		return service_refuse(instance, "value", &err);
	}
	return t->op.handle;
}

void service_txt_cancel(struct postseal_txt_op *op)
{
	service_op_cancel(HANDLE_TXT, op);
}
