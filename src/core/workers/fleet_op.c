/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See fleet_op.h. The end always comes by the timer, so that no caller is called back
 * from within. */
#include "core/workers/fleet_op.h"

#include "util/mem.h"

struct expected {
	const struct worker *worker; /* borrowed; NULL: heard or gone */
	unsigned left;               /* acknowledgements that it owes */
};

struct fleet_op {
	struct list entry;
	struct fleet_ops *ops; /* borrowed */
	struct fleet_op_params in;
	struct expected *expected; /* owned */
	unsigned n_expected;
	struct loop_timer *timer;
	char *error; /* owned; the first */
};

void fleet_ops_init(struct fleet_ops *ops, struct loop *loop, usec_t deadline_usec)
{
	*ops = (struct fleet_ops){ .loop = loop, .deadline_usec = deadline_usec };
	list_init(&ops->ops);
}

void fleet_ops_done(struct fleet_ops *ops)
{
	struct fleet_op *op, *next;

	list_foreach_safe(op, next, &ops->ops, entry) {
		list_remove(&op->entry);
		loop_timer_disarm(op->timer);
	}
}

static void op_complete(struct fleet_op *op)
{
	_cleanup_(freep) char *error = TAKE_PTR(op->error);
	fleet_done_fn *done = TAKE_PTR(op->in.done);

	list_remove(&op->entry);
	loop_timer_disarm(op->timer);
	done(error, op->in.userdata);
}

static bool is_settled(const struct fleet_op *op)
{
	for (unsigned i = 0; i < op->n_expected; i++)
		if (op->expected[i].worker)
			return false;
	return true;
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct fleet_op *op = userdata;

	if (!op->error && !is_settled(op))
		op->error = xasprintf("a front worker did not acknowledge it in time");
	op_complete(op);
}

static void settle(struct fleet_op *op)
{
	if (op->error || is_settled(op))
		loop_timer_set_after(op->timer, 0);
}

struct fleet_op *fleet_op_new(
	struct fleet_ops *ops, const struct fleet_op_params *params)
{
	struct fleet_op *op = xnew(struct fleet_op);

	op->ops = ops;
	op->in = *params;
	op->timer = loop_timer_new(ops->loop, on_deadline, op);
	list_append(&ops->ops, &op->entry);
	settle(op);
	return op;
}

void fleet_op_expect(struct fleet_op *op, const struct worker *worker)
{
	op->expected =
		xreallocarray(op->expected, op->n_expected + 1, sizeof(*op->expected));
	op->expected[op->n_expected++] = (struct expected){ worker, op->in.n_acks };
	loop_timer_set_after(op->timer, op->ops->deadline_usec);
}

struct fleet_op *fleet_op_cancel(struct fleet_op *op)
{
	if (!op)
		return NULL;
	list_remove(&op->entry);
	loop_timer_free(op->timer);
	free(op->expected);
	free(op->error);
	free(op);
	return NULL;
}

static void acknowledge(
	struct fleet_op *op, const struct worker *worker, const char *error)
{
	for (unsigned i = 0; i < op->n_expected; i++) {
		if (op->expected[i].worker != worker)
			continue;
		if (error && !op->error)
			op->error = xasprintf(
				"front worker %u: %s", worker_get_index(worker), error);
		if (--op->expected[i].left == 0)
			op->expected[i].worker = NULL;
	}
	settle(op);
}

void fleet_ops_acknowledge(struct fleet_ops *ops, const struct worker *worker,
	enum fleet_op_kind kind, uint64_t id, const char *error)
{
	struct fleet_op *op;

	list_foreach(op, &ops->ops, entry)
		if (op->in.kind == kind && op->in.id == id)
			acknowledge(op, worker, error);
}

void fleet_ops_forgive(struct fleet_ops *ops, const struct worker *worker)
{
	struct fleet_op *op;

	list_foreach(op, &ops->ops, entry) {
		for (unsigned i = 0; i < op->n_expected; i++)
			if (op->expected[i].worker == worker)
				op->expected[i].worker = NULL;
		settle(op);
	}
}
