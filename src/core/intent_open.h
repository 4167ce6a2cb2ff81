/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an order needs before it may begin: the intent that is open for the slot, or a
 * new one with a key of its own, which may take a while to make. Contract of
 * doc/architecture.md, Operations.
 */
#pragma once

#include "core/intent.h"

struct intent_open;

struct intent_open_result {
	struct intent *intent; /* the receiver's from then on; NULL: err tells */
	const struct err *err;
};

typedef void intent_open_done_fn(
	const struct intent_open_result *result, void *userdata);

int intent_open_start(struct intent_open **ret, const struct intent_params *params,
	intent_open_done_fn *done, void *userdata, struct err *err);
struct intent_open *intent_open_cancel(struct intent_open *op);
DEFINE_CLEANUP(struct intent_open *, intent_open_cancel)
