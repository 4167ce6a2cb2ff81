/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See fleet_lookup.h. Without a certificate, or after a failure, the answer says so: the
 * client gets the placeholder and does not wait. */
#include "core/workers/fleet_lookup.h"

#include <stdlib.h>

#include "core/workers/worker_tell.h"
#include "util/mem.h"

struct answerer {
	fleet_lookup_fn *lookup;
	void *userdata;
	const struct log_ctx *log;
};

static void answer_lookup(struct worker *worker, const struct link_lookup *lookup,
	const struct answerer *by)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct fleet_found found = { 0 };

	if (by->lookup(lookup->name, lookup->client, &found, by->userdata, &err) < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(by->log, "certificate of %s: %s", lookup->name, text);
	}
	struct link_context context = {
		.request = lookup->request,
		.certificate_id = found.certificate_id,
		.name = lookup->name,
		.is_rsa = found.is_rsa,
		.chain_pem = found.chain_pem,
		.key_pem = found.key_pem,
	};
	worker_tell_context(worker, &context);
	free(found.chain_pem);
	secret_free(found.key_pem);
}

int fleet_answer_lookup(struct worker *worker, const struct frame_view *view,
	fleet_lookup_fn *lookup, void *userdata, const struct log_ctx *log,
	struct err *err)
{
	const struct answerer by = { lookup, userdata, log };
	struct link_lookup m = { 0 };
	int r = link_lookup_unpack(view, &m, err);

	if (r >= 0)
		answer_lookup(worker, &m, &by);
	link_lookup_done(&m);
	return r;
}
