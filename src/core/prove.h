/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Proof: a real handshake with each address where an installed certificate must be seen,
 * for each of its names, until the leaf is seen or the tries are used up (promise 2).
 */
#pragma once

#include "io/loop.h"
#include "store/certificate.h"
#include "store/install.h"

struct listeners;
struct prove;

struct prove_params {
	struct loop *loop;
	struct store *store; /* borrowed, as all here */
	const struct listeners
		*listeners; /* our own, which may expect a PROXY header; or NULL */
	const struct store_certificate *certificate;
	bool is_rsa;       /* the probe offers only what that kind of key can answer */
	usec_t pause_usec; /* before the second try, doubled each time; 0 = 200 ms */
};

/* err NULL: seen at every address of what is installed. Else the first that was not. */
typedef void prove_done_fn(const struct err *err, void *userdata);

int prove_start(struct prove **ret, const struct prove_params *params,
	prove_done_fn *done, void *userdata, struct err *err);
struct prove *prove_cancel(struct prove *op);
DEFINE_CLEANUP(struct prove *, prove_cancel)
