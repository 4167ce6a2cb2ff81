/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new certificate into the running front (promise 1). One worker gets it first and is
 * looked at by real handshakes through a socket of its own; then the others get it. What
 * is not seen is taken back: that worker asks again, and is told what was served before.
 * Sessions in flight keep what they began with.
 */
#pragma once

#include "core/workers/fleet.h"
#include "store/certificate.h"

struct swap;

struct swap_params {
	struct loop *loop;
	struct fleet *fleet;
	const struct listeners *listeners;
	const struct store_certificate *certificate; /* all borrowed */
	char *const *names;                          /* of the certificate */
	bool is_rsa;
};

/* err NULL: every worker has it. Else none has. */
typedef void swap_done_fn(const struct err *err, void *userdata);

int swap_start(struct swap **ret, const struct swap_params *params, swap_done_fn *done,
	void *userdata, struct err *err);
struct swap *swap_cancel(struct swap *op);
DEFINE_CLEANUP(struct swap *, swap_cancel)

/* After the fact: the workers forget what they have for these names and ask again. */
void swap_take_back(struct fleet *fleet, char *const *names);
