/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wrapper of kind dns: what a provider leaves NULL gets its default here. The value is
 * copied. */
#pragma once

#include "plugin/call.h"

enum plugin_dns_method {
	PLUGIN_DNS_PLACE,
	PLUGIN_DNS_ADD,
	PLUGIN_DNS_REMOVE,
	PLUGIN_DNS_LIST, /* REFUSED by one that cannot tell */
};

struct plugin_dns_ask {
	enum plugin_dns_method method;
	struct postseal_value value;
};

int plugin_dns_start(struct plugin_call **ret, struct plugin_instance *instance,
	const struct plugin_dns_ask *ask, plugin_done_fn *done, void *userdata,
	struct err *err);
