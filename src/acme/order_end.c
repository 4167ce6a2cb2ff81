/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How an order ends, of which there is one way: order_complete. What the CA, an
 * authorization or our own store has said becomes the one result that the caller hears,
 * and what it has presented is cleaned up before that.
 */
#include <errno.h>

#include "acme/order_priv.h"
#include "util/mem.h"

/* A refusal that another try of the same order would meet again. */
static bool is_dead(const struct acme_order *op, const struct acme_order_result *result)
{
	if (op->state == ACME_ORDER_INVALID)
		return result->outcome == ACME_ORDER_REFUSED;
	/* Of the directory: that says nothing about the order. */
	if (result->outcome != ACME_ORDER_REFUSED || op->state == ACME_ORDER_START)
		return false;
	switch (acme_problem_reaction(result->problem)) {
	case ACME_REACTION_WAIT:
	case ACME_REACTION_ACCOUNT:
		return false;
	case ACME_REACTION_RETRY:
	case ACME_REACTION_PERSON:
		break;
	}
	return result->problem->status < 500;
}

/* Cancelling them cleans up what they have presented; an order that is merely late
 * finds it again. */
void order_drop_authz(struct acme_order *op, enum acme_order_outcome outcome)
{
	for (size_t i = 0; i < op->n_authz; i++) {
		if (outcome == ACME_ORDER_LATE)
			acme_authz_abandon(op->authz[i]);
		else
			acme_authz_cancel(op->authz[i]);
	}
	op->n_authz = 0;
}

enum step order_complete(struct acme_order *op, const struct acme_order_result *result)
{
	acme_order_done_fn *done = TAKE_PTR(op->done);

	order_drop_authz(op, result->outcome);
	loop_timer_disarm(op->poll_timer);
	loop_timer_disarm(op->deadline_timer);
	op->request = acme_request_cancel(op->request);
	if (is_dead(op, result))
		order_set_state(op, ACME_ORDER_FAILED, NULL);
	done(result, TAKE_PTR(op->userdata));
	return STEP_DONE;
}

enum step order_complete_broken(struct acme_order *op, const struct err *err)
{
	const struct acme_order_result result = {
		.outcome = ACME_ORDER_BROKEN,
		.err = err,
	};

	return order_complete(op, &result);
}

enum step order_complete_refused(
	struct acme_order *op, const struct acme_problem *problem, const char *name)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct acme_order_result result = {
		.outcome = ACME_ORDER_REFUSED,
		.problem = problem,
		.err = &err,
	};

	acme_problem_to_err(problem, -EACCES, &err);
	err_wrap(&err, err.code, "%s", name);
	return order_complete(op, &result);
}

enum step order_complete_by_request(struct acme_order *op,
	const struct acme_request_result *result, const char *what)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const bool is_refusal = result->outcome == ACME_REQUEST_REFUSED;
	const struct acme_order_result mine = {
		.outcome = is_refusal ? ACME_ORDER_REFUSED : ACME_ORDER_BROKEN,
		.problem = result->problem,
		.err = &err,
		.retry_at_usec = result->retry_at_usec,
	};

	err_copy(&err, result->err);
	err_wrap(&err, err.code, "%s", what);
	return order_complete(op, &mine);
}

enum step order_complete_by_authz(
	struct acme_order *op, const struct acme_authz_result *result)
{
	static const enum acme_order_outcome outcomes[] = {
		[ACME_AUTHZ_REFUSED] = ACME_ORDER_REFUSED,
		[ACME_AUTHZ_UNSOLVED] = ACME_ORDER_UNSOLVED,
		[ACME_AUTHZ_BROKEN] = ACME_ORDER_BROKEN,
	};
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct acme_order_result mine = {
		.outcome = outcomes[result->outcome],
		.problem = result->problem,
		.err = &err,
		.retry_at_usec = result->retry_at_usec,
	};

	err_copy(&err, result->err);
	err_wrap(&err, err.code, "%s", result->name ? result->name : op->names[0]);
	return order_complete(op, &mine);
}
