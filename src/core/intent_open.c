/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See intent_open.h. The key is stored with the intent before done is called, and so before
 * anything is ordered. */
#include "core/intent_open.h"

#include "core/base/key_maker.h"
#include "util/mem.h"

struct intent_open {
	struct intent_params in;
	struct loop_defer *defer;    /* owned; there is one already */
	struct key_maker *key_maker; /* owned */
	struct intent *intent;       /* owned until it is told */
	intent_open_done_fn *done;
	void *userdata; /* borrowed */
};

static void complete(struct intent_open *op, const struct err *err)
{
	const struct intent_open_result result = {
		.intent = TAKE_PTR(op->intent),
		.err = err,
	};
	intent_open_done_fn *done = TAKE_PTR(op->done);

	done(&result, op->userdata);
}

static void on_found(void *userdata)
{
	complete(userdata, NULL);
}

static void on_key_made(const struct key_maker_result *result, void *userdata)
{
	struct intent_open *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = 0;

	if (result->key)
		r = intent_add(&op->intent, &op->in, result->key, &err);
	complete(op, r < 0 ? &err : result->err);
}

static int start_key(struct intent_open *op, struct err *err)
{
	const struct key_maker_params params = {
		.loop = op->in.loop,
		.type = key_type_parse(op->in.slot->key_type),
	};

	return key_maker_start(&op->key_maker, &params, on_key_made, op, err);
}

int intent_open_start(struct intent_open **ret, const struct intent_params *params,
	intent_open_done_fn *done, void *userdata, struct err *err)
{
	_cleanup_(intent_open_cancelp) struct intent_open *op =
		xnew(struct intent_open);

	op->in = *params;
	op->done = done;
	op->userdata = userdata;
	int r = intent_find(&op->intent, params, err);
	if (r == STORE_E_NOT_FOUND)
		r = start_key(op, err);
	if (r < 0)
		return r;
	if (op->intent)
		op->defer = loop_defer_new(params->loop, on_found, op);
	*ret = TAKE_PTR(op);
	return 0;
}

struct intent_open *intent_open_cancel(struct intent_open *op)
{
	if (!op)
		return NULL;
	key_maker_cancel(op->key_maker);
	loop_defer_free(op->defer);
	intent_free(op->intent);
	free(op);
	return NULL;
}
