/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *   TRIAL: one worker builds, rehearses and installs it
 *     └─► LOOK: a handshake with that worker, name by name
 *           └─► REST: the others
 *
 * Without a TLS listener, or without a worker that runs, there is nothing to look at:
 * workers that come later ask for what they need.
 */
#include "core/workers/swap.h"

#include <errno.h>
#include <string.h>

#include "core/workers/sight.h"
#include "util/mem.h"

struct swap {
	/* inputs */
	struct swap_params in; /* borrowed members */
	swap_done_fn *done;
	void *userdata;

	/* owned operations */
	struct fleet_op *push;
	struct sight *sight;

	/* where it stands */
	char *listener; /* owned; where we look, NULL: nowhere */
	size_t name;
	bool is_at_rest; /* pushed to all */
};

static void look(struct swap *op);

/* --- the end ------------------------------------------------------------------------------ */

static void swap_complete(struct swap *op, const struct err *err)
{
	swap_done_fn *done = op->done;

	op->done = NULL;
	if (err)
		swap_take_back(op->in.fleet, op->in.names);
	done(err, op->userdata);
}

static void fail(struct swap *op, const char *text)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	err_set_kind(&err, ERR_LOCAL, -EIO, "%s", text);
	swap_complete(op, &err);
}

void swap_take_back(struct fleet *fleet, char *const *names)
{
	for (size_t i = 0; names[i]; i++)
		fleet_drop_context(fleet, names[i]);
}

/* --- push --------------------------------------------------------------------------------- */

static void on_pushed(const char *error, void *userdata)
{
	struct swap *op = userdata;
	_cleanup_(freep) char *text = xstrdup(error);

	op->push = fleet_op_cancel(op->push);
	if (text)
		fail(op, text);
	else if (op->is_at_rest)
		swap_complete(op, NULL);
	else
		look(op);
}

static int push(struct swap *op, bool is_trial, struct err *err)
{
	const struct store_certificate *c = op->in.certificate;
	struct fleet_push what = {
		.certificate_id = (uint64_t)c->id,
		.names = op->in.names,
		.is_rsa = op->in.is_rsa,
		.is_trial = is_trial,
		.chain_pem = c->chain_pem,
		.key_pem = c->key_pem,
	};

	op->is_at_rest = !is_trial;
	return fleet_push_start(&op->push, op->in.fleet, &what, on_pushed, op, err);
}

static void push_to_all(struct swap *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (push(op, false, &err) < 0)
		swap_complete(op, &err);
}

/* --- look --------------------------------------------------------------------------------- */

static void on_sight(const char *reason, void *userdata)
{
	struct swap *op = userdata;
	_cleanup_(freep) char *text = reason ? xasprintf("%s, at the first worker: %s",
						       op->in.names[op->name], reason)
					     : NULL;

	op->sight = sight_cancel(op->sight);
	op->name++;
	if (text)
		fail(op, text);
	else if (op->in.names[op->name])
		look(op);
	else
		push_to_all(op);
}

static int start_look(struct swap *op, struct err *err)
{
	struct sight_params params = {
		.loop = op->in.loop,
		.name = op->in.names[op->name],
		.fingerprint = op->in.certificate->fingerprint,
		.is_rsa = op->in.is_rsa,
	};

	params.fd = fleet_probe(op->in.fleet, op->listener, err);
	if (params.fd < 0)
		return params.fd;
	return sight_start(&op->sight, &params, on_sight, op, err);
}

static void look(struct swap *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = op->listener ? start_look(op, &err) : -ENOTCONN;

	if (r == -ENOTCONN)
		push_to_all(op);
	else if (r < 0)
		swap_complete(op, &err);
}

/* --- the start ------------------------------------------------------------------------------ */

static int on_listener(const struct link_listener *message, int fd,
	const struct address *address, void *userdata)
{
	char **listener = userdata;

	if (message->tls != 0 || message->protocol == LINK_PROTOCOL_HTTP)
		return 0;
	*listener = xstrdup(message->name);
	return 1;
}

int swap_start(struct swap **ret, const struct swap_params *params, swap_done_fn *done,
	void *userdata, struct err *err)
{
	_cleanup_(swap_cancelp) struct swap *op = xnew(struct swap);

	op->in = *params;
	op->done = done;
	op->userdata = userdata;
	listeners_each(params->listeners, on_listener, &op->listener);
	int r = push(op, true, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(op);
	return 0;
}

struct swap *swap_cancel(struct swap *op)
{
	if (!op)
		return NULL;
	fleet_op_cancel(op->push);
	sight_cancel(op->sight);
	free(op->listener);
	free(op);
	return NULL;
}
