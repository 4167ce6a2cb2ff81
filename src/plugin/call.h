/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One call into a plugin as an operation of doc/architecture.md, Operations: deferred,
 * bounded by a deadline, cancellable. The wrappers of each kind build on it. */
#pragma once

#include "plugin/host.h"

struct plugin_call;

/* A checked copy of what the plugin said; lives until done returns. */
struct plugin_result {
	enum postseal_outcome outcome;
	const char *detail; /* cleaned; never NULL unless OK */
	usec_t retry_usec;
	const char *saved;                        /* NULL */
	const struct postseal_address *addresses; /* checked: numeric, at most 64 */
	size_t n_addresses;
	const struct postseal_wanted *wanted; /* checked: plugin/wanted.h */
	size_t n_wanted;
	const char *place;   /* a name, checked; NULL */
	char *const *values; /* NULL-terminated, at most 64; never NULL */
};

typedef void plugin_done_fn(const struct plugin_result *result, void *userdata);

struct plugin_call *plugin_call_cancel(struct plugin_call *call);
DEFINE_CLEANUP(struct plugin_call *, plugin_call_cancel)
