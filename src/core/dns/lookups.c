/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/dns/lookups.h"

#include <errno.h>

#include "util/mem.h"

struct lookup_op {
	struct dns_lookup *lookup; /* owned */
	plugin_lookup_done_fn *done;
	void *userdata;
};

static enum postseal_lookup_status get_status(const struct dns_answer *answer)
{
	switch (answer->status) {
	case DNS_FOUND:
		return POSTSEAL_LOOKUP_FOUND;
	case DNS_NO_DATA:
	case DNS_NO_NAME:
		return POSTSEAL_LOOKUP_NOTHING;
	default:
		return POSTSEAL_LOOKUP_FAILED;
	}
}

static void on_answer(const struct dns_answer *answer, void *userdata)
{
	static const char *const none[] = { NULL };
	struct lookup_op *op = userdata;
	const struct postseal_lookup_result result = {
		.size = sizeof(result),
		.status = get_status(answer),
		.values = answer->values ? (const char *const *)answer->values : none,
		.is_secure = answer->is_secure,
		.detail = answer->detail,
	};

	op->done(&result, op->userdata);
}

int lookups_start(struct dns_resolver *resolver, void **ret_op,
	const struct plugin_lookup_params *params, plugin_lookup_done_fn *done,
	void *userdata, struct err *err)
{
	const struct dns_lookup_params asked = {
		.name = params->name,
		.type = dns_type_parse(params->type),
	};

	if (!resolver)
		return err_set(err, -EOPNOTSUPP, "there is no resolver here");
	struct lookup_op *op = xnew(struct lookup_op);
	op->done = done;
	op->userdata = userdata;
	int r = dns_lookup_start(&op->lookup, resolver, &asked, on_answer, op, err);
	if (r < 0) {
		free(op);
		return r;
	}
	*ret_op = op;
	return 0;
}

void lookups_cancel(void *data)
{
	struct lookup_op *op = data;

	if (!op)
		return;
	dns_lookup_cancel(op->lookup);
	free(op);
}
