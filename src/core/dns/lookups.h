/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-ups of plugins, by the resolver of our own. */
#pragma once

#include "io/dns_resolver.h"
#include "plugin/host.h"

/* resolver NULL: refused. Operation contract: doc/architecture.md, Operations. */
int lookups_start(struct dns_resolver *resolver, void **ret_op,
	const struct plugin_lookup_params *params, plugin_lookup_done_fn *done,
	void *userdata, struct err *err);
void lookups_cancel(void *op);
