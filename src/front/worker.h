/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The worker: what the manager says over the link is applied here. It believes its
 * manager no more than it must: what is malformed is refused and logged, and whatever is
 * served stays. When the link is lost it goes on with what it has (promise 10).
 */
#pragma once

#include "io/loop.h"

struct worker;

/* Its work is over: drained, or told nothing before the link was lost (code 1). Called
 * once, not from within worker_new; the worker may be freed in it. */
typedef void worker_ended_fn(int code, void *userdata);

struct worker_params {
	struct loop *loop;
	int link_fd; /* a connected unix stream socket; taken over on success */
	const char *priority; /* of GnuTLS; NULL = TLS_CONTEXT_PRIORITY */
	worker_ended_fn *ended;
	void *userdata;
};

int worker_new(
	struct worker **ret, const struct worker_params *params, struct err *err);
/* Closes all connections at once. */
struct worker *worker_free(struct worker *worker);
DEFINE_CLEANUP(struct worker *, worker_free)
