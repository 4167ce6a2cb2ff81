/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker asks that has no context for a name: its certificate. */
#pragma once

#include "core/workers/worker.h"

/* What a look-up finds. 0 with chain_pem NULL: no certificate yet. Strings are taken
 * over by the fleet. */
struct fleet_found {
	uint64_t certificate_id;
	bool is_rsa;
	char *chain_pem;
	char *key_pem;
};

typedef int fleet_lookup_fn(const char *name, unsigned client, struct fleet_found *ret,
	void *userdata, struct err *err);

/* Answers a LOOKUP of any worker. */
int fleet_answer_lookup(struct worker *worker, const struct frame_view *view,
	fleet_lookup_fn *lookup, void *userdata, const struct log_ctx *log,
	struct err *err);
