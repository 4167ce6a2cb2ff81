/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What waits until each running worker has acknowledged a publication. The fleet starts
 * these; who asked for one holds it as struct fleet_op of fleet.h and may cancel it.
 */
#pragma once

#include "core/workers/worker.h"
#include "util/list.h"

struct fleet_op;
typedef void fleet_done_fn(const char *error, void *userdata);

/* Those under way; embedded in the fleet. */
struct fleet_ops {
	struct list ops; /* fleet_op.entry */
	struct loop *loop;
	usec_t deadline_usec;
};

/* Certificates and answers are numbered each for themselves. */
enum fleet_op_kind {
	FLEET_OP_PUSH,
	FLEET_OP_ANSWER,
};

struct fleet_op_params {
	enum fleet_op_kind kind;
	uint64_t id;
	unsigned n_acks; /* from each worker */
	fleet_done_fn *done;
	void *userdata;
};

void fleet_ops_init(struct fleet_ops *ops, struct loop *loop, usec_t deadline_usec);
/* Who waits keeps the handle, and hears nothing more. */
void fleet_ops_done(struct fleet_ops *ops);

/* Without an expected worker it is done at once (not from within). */
struct fleet_op *fleet_op_new(
	struct fleet_ops *ops, const struct fleet_op_params *params);
/* The worker owes it acknowledgements; all are named before the loop's next turn. */
void fleet_op_expect(struct fleet_op *op, const struct worker *worker);
/* Silent (doc/architecture.md, Operations). */
struct fleet_op *fleet_op_cancel(struct fleet_op *op);
DEFINE_CLEANUP(struct fleet_op *, fleet_op_cancel)

/* error NULL: it is in force there. */
void fleet_ops_acknowledge(struct fleet_ops *ops, const struct worker *worker,
	enum fleet_op_kind kind, uint64_t id, const char *error);
/* It has gone: what is started in its place is told everything anew. */
void fleet_ops_forgive(struct fleet_ops *ops, const struct worker *worker);
