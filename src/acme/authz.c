/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One authorization (RFC 8555 7.1.4, 7.5, 8.1, 8.2).
 *
 *     READ --pending--> SOLVE --an answer stands--> SUBMIT --told--> POLL --+
 *       | \               |                           |          ^   |   |  | pending
 *       |  +--valid--+    | none possible    refused  |          +---|---|--+
 *       |            |    |                           |              |   |
 *       |            +----|---------------------------|---> VALID <--+   |
 *       |                 v                           v                  |
 *       +--other-----> INVALID <------------------ invalid, or pending with an
 *                                                  error in the challenge
 *
 * From SOLVE to POLL an answer may stand, and leaving these states has it cleaned up.
 * A token with other octets than those of RFC 8555 8.1 fails the whole authorization: a
 * CA that sends one wants something else than to validate (CVE-2026-40611 and its kin).
 *
 * In detail: authz_answer.c (what the CA's answers say).
 */
#include "acme/authz.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "acme/authz_priv.h"
#include "util/fault.h"
#include "util/json_view.h"
#include "util/mem.h"
#include "util/strtab.h"

#define DEADLINE_USEC (30 * USEC_PER_MIN)

enum step {
	STEP_NEXT, /* run the step of the state that it is in now */
	STEP_WAIT, /* one operation or timer was started */
	STEP_DONE, /* completed: the operation may be gone */
};

/* --- state ------------------------------------------------------------------------- */

/* clang-format off */
static const unsigned next_states[_ACME_AUTHZ_STATE_MAX] = {
	[ACME_AUTHZ_READ]    = 1 << ACME_AUTHZ_SOLVE | 1 << ACME_AUTHZ_VALID | 1 << ACME_AUTHZ_INVALID,
	[ACME_AUTHZ_SOLVE]   = 1 << ACME_AUTHZ_SUBMIT | 1 << ACME_AUTHZ_INVALID,
	[ACME_AUTHZ_SUBMIT]  = 1 << ACME_AUTHZ_POLL | 1 << ACME_AUTHZ_INVALID,
	[ACME_AUTHZ_POLL]    = 1 << ACME_AUTHZ_VALID | 1 << ACME_AUTHZ_INVALID,
};

/* clang-format on */

static bool may_stand(const struct acme_authz *op)
{
	return op->state == ACME_AUTHZ_SOLVE || op->state == ACME_AUTHZ_SUBMIT ||
	       op->state == ACME_AUTHZ_POLL;
}

static int set_state(
	struct acme_authz *op, enum acme_authz_state state, struct err *err)
{
	const struct acme_challenge *chosen =
		op->chosen < 0 ? NULL : &op->challenge[op->chosen];

	assert(next_states[op->state] & 1U << state);
	log_debug(op->log, "authorization of %s: %s -> %s",
		op->name ? op->name : op->url, acme_authz_state_name(op->state),
		acme_authz_state_name(state));
	op->state = state;
	const struct acme_authz_facts facts = {
		.url = op->url,
		.name = op->name,
		.is_wildcard = op->is_wildcard,
		.state = acme_authz_state_name(state),
		.challenge = chosen ? chosen->type : NULL,
		.challenge_url = chosen ? chosen->url : NULL,
		.token = chosen ? chosen->token : NULL,
		.presented = may_stand(op),
	};
	int r = op->progress->authz_changed(op->progress->userdata, &facts, err);
	return r < 0 ? err_wrap(err, r, "progress of the authorization") : 0;
}

/* --- ending ------------------------------------------------------------------------ */

static void drop_solving(struct acme_authz *op)
{
	if (!op->is_solving)
		return;
	op->is_solving = false;
	op->solver->solve_cancel(op->solver->userdata, TAKE_PTR(op->solving));
}

/* While the solver has not said which, it may have been any. */
static void clean_up(struct acme_authz *op)
{
	if (!may_stand(op))
		return;
	drop_solving(op);
	for (size_t i = 0; i < op->n_challenges; i++) {
		if (op->chosen < 0 || (size_t)op->chosen == i)
			op->solver->cleanup(op->solver->userdata, &op->offer, i);
	}
}

static enum step complete(struct acme_authz *op, struct acme_authz_result *result)
{
	const enum acme_authz_state last = result->outcome == ACME_AUTHZ_IS_VALID
						   ? ACME_AUTHZ_VALID
						   : ACME_AUTHZ_INVALID;
	_cleanup_(err_done) struct err err = ERR_INIT;

	clean_up(op);
	loop_timer_disarm(op->poll_timer);
	loop_timer_disarm(op->deadline_timer);
	op->request = acme_request_cancel(op->request);
	if (set_state(op, last, &err) < 0 && result->outcome == ACME_AUTHZ_IS_VALID) {
		result->outcome = ACME_AUTHZ_BROKEN;
		result->err = &err;
	}
	_cleanup_(freep) char *name = xstrdup(op->name);
	acme_authz_done_fn *done = TAKE_PTR(op->done);
	result->name = name;
	done(result, TAKE_PTR(op->userdata));
	return STEP_DONE;
}

static enum step complete_valid(struct acme_authz *op)
{
	struct acme_authz_result result = { .outcome = ACME_AUTHZ_IS_VALID };

	FAULT("authorization-valid");
	return complete(op, &result);
}

static enum step complete_broken(struct acme_authz *op, const struct err *err)
{
	struct acme_authz_result result = { .outcome = ACME_AUTHZ_BROKEN, .err = err };

	return complete(op, &result);
}

static enum step complete_unsolved(struct acme_authz *op, const struct err *err)
{
	struct acme_authz_result result = { .outcome = ACME_AUTHZ_UNSOLVED,
		.err = err };

	return complete(op, &result);
}

static enum step complete_refused(
	struct acme_authz *op, const struct acme_problem *problem, usec_t retry_at_usec)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct acme_authz_result result = {
		.outcome = ACME_AUTHZ_REFUSED,
		.problem = problem,
		.err = &err,
		.retry_at_usec = retry_at_usec,
	};

	acme_problem_to_err(problem, -EACCES, &err);
	err.retry_at_usec = retry_at_usec;
	return complete(op, &result);
}

/* The authorization itself says that it is lost. */
static enum step complete_lost(struct acme_authz *op, const json_t *json)
{
	_cleanup_(acme_problem_done) struct acme_problem problem = {};

	acme_authz_parse_problem(
		&problem, json, op->chosen < 0 ? NULL : op->challenge[op->chosen].url);
	return complete_refused(op, &problem, 0);
}

static enum step complete_by_request(struct acme_authz *op,
	const struct acme_request_result *result, const char *what)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	err_copy(&err, result->err);
	err_wrap(&err, err.code, "%s", what);
	struct acme_authz_result mine = {
		.outcome = result->outcome == ACME_REQUEST_REFUSED ? ACME_AUTHZ_REFUSED
								   : ACME_AUTHZ_BROKEN,
		.problem = result->problem,
		.err = &err,
		.retry_at_usec = result->retry_at_usec,
	};
	return complete(op, &mine);
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct acme_authz *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	err_set_kind(&err, ERR_NETWORK, -ETIMEDOUT, "the authorization took too long");
	complete_broken(op, &err);
}

/* --- reading (7.5) ----------------------------------------------------------------- */

static void run(struct acme_authz *op);
static void on_read_done(const struct acme_request_result *result, void *userdata);
static void on_submit_done(const struct acme_request_result *result, void *userdata);
static void on_poll_done(const struct acme_request_result *result, void *userdata);
static void on_solve_done(const struct acme_solved *solved, void *userdata);

static int send_request(struct acme_authz *op, const char *url, const char *payload,
	acme_request_done_fn *done, struct err *err)
{
	const struct acme_request_params params = {
		.resource = ACME_URL,
		.url = url,
		.payload = payload,
	};

	op->request = acme_request_cancel(op->request);
	return acme_request_start(&op->request, op->client, &params, done, op, err);
}

static enum step step_read(struct acme_authz *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (send_request(op, op->url, "", on_read_done, &err) < 0)
		return complete_broken(op, &err);
	return STEP_WAIT;
}

/* Asks once more after a while, if it is trouble that may pass. */
static bool wait_out(struct acme_authz *op, const struct acme_request_result *result)
{
	const usec_t wall_now = loop_wall_now(acme_client_get_loop(op->client));
	usec_t wait;

	if (!acme_poll_forgive(&op->poll, wall_now, result, &wait))
		return false;
	loop_timer_set_after(op->poll_timer, wait);
	return true;
}

static void on_wait_over(struct loop_timer *timer, void *userdata)
{
	run(userdata);
}

static void make_offer(struct acme_authz *op)
{
	op->offer = (struct acme_offer){
		.url = op->url,
		.name = op->name,
		.is_wildcard = op->is_wildcard,
		.challenge = op->challenge,
		.n_challenges = op->n_challenges,
		.account_url = acme_client_get_account(op->client),
		.thumbprint = acme_client_get_signer(op->client)->thumbprint,
	};
}

static enum step follow_read(struct acme_authz *op, const json_t *json)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (authz_read_answer(op, json, &err) < 0)
		return complete_broken(op, &err);
	FAULT("authorization-read");
	const char *status = json_view_string(json, "status");
	if (strcmp(status, "valid") == 0)
		return complete_valid(op);
	if (strcmp(status, "pending") != 0)
		return complete_lost(op, json);
	op->poll = (struct acme_poll){};
	make_offer(op);
	/* Stored before the solver acts: after a crash there may be something to clean. */
	if (set_state(op, ACME_AUTHZ_SOLVE, &err) < 0)
		return complete_broken(op, &err);
	return STEP_NEXT;
}

static void on_read_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_authz *op = userdata;

	if (wait_out(op, result))
		return;
	if (result->outcome != ACME_REQUEST_OK) {
		complete_by_request(op, result, "authorization");
		return;
	}
	if (follow_read(op, result->json) == STEP_NEXT)
		run(op);
}

/* --- solving (8.1) ------------------------------------------------------------------ */

static enum step step_solve(struct acme_authz *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	int r = op->solver->solve_start(op->solver->userdata, &op->solving, &op->offer,
		on_solve_done, op, &err);
	if (r < 0) {
		err_wrap(&err, r, "challenge");
		return complete_unsolved(op, &err);
	}
	op->is_solving = true;
	return STEP_WAIT;
}

static void on_solve_done(const struct acme_solved *solved, void *userdata)
{
	struct acme_authz *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (solved->index < 0 || (size_t)solved->index >= op->n_challenges) {
		if (solved->err)
			err_copy(&err, solved->err);
		if (!err_is_set(&err))
			err_set(&err, -ENOENT, "no challenge is possible");
		complete_unsolved(op, &err);
		return;
	}
	op->chosen = solved->index;
	drop_solving(op);
	if (set_state(op, ACME_AUTHZ_SUBMIT, &err) < 0) {
		complete_broken(op, &err);
		return;
	}
	run(op);
}

/* --- telling the CA (7.5.1) --------------------------------------------------------- */

/* Waits before the first look, and between looks. */
static enum step plan_poll(struct acme_authz *op, usec_t retry_at_usec)
{
	const usec_t wall_now = loop_wall_now(acme_client_get_loop(op->client));

	loop_timer_set_after(
		op->poll_timer, acme_poll_next(&op->poll, wall_now, retry_at_usec));
	return STEP_WAIT;
}

static enum step go_to_poll(struct acme_authz *op, usec_t retry_at_usec)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	op->submitted_usec = loop_now(acme_client_get_loop(op->client));
	if (set_state(op, ACME_AUTHZ_POLL, &err) < 0)
		return complete_broken(op, &err);
	return plan_poll(op, retry_at_usec);
}

static enum step step_submit(struct acme_authz *op)
{
	const struct acme_challenge *chosen = &op->challenge[op->chosen];
	_cleanup_(err_done) struct err err = ERR_INIT;

	/* It was told before a crash of ours. */
	if (strcmp(chosen->status, "processing") == 0)
		return go_to_poll(op, 0);
	if (send_request(op, chosen->url, "{}", on_submit_done, &err) < 0)
		return complete_broken(op, &err);
	return STEP_WAIT;
}

static void on_submit_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_authz *op = userdata;

	FAULT("challenge-answered");
	/* What the answer says of the challenge, the authorization will say too. */
	if (result->outcome == ACME_REQUEST_OK)
		go_to_poll(op, result->retry_at_usec);
	else
		complete_by_request(op, result, op->challenge[op->chosen].type);
}

/* --- its verdict (7.5.1, 8.2) -------------------------------------------------------- */

static enum step step_poll(struct acme_authz *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (send_request(op, op->url, "", on_poll_done, &err) < 0)
		return complete_broken(op, &err);
	return STEP_WAIT;
}

static void on_poll_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_authz *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (wait_out(op, result))
		return;
	if (result->outcome != ACME_REQUEST_OK) {
		complete_by_request(op, result, "authorization");
		return;
	}
	const char *status =
		result->json ? json_view_string(result->json, "status") : NULL;
	if (!status) {
		err_set_kind(&err, ERR_CA, -EPROTO, "the authorization has no status");
		complete_broken(op, &err);
	} else if (strcmp(status, "valid") == 0) {
		complete_valid(op);
	} else if (strcmp(status, "pending") != 0 ||
		   authz_has_failed(op, result->json)) {
		complete_lost(op, result->json);
	} else {
		FAULT("authorization-pending");
		plan_poll(op, result->retry_at_usec);
	}
}

/* --- driver -------------------------------------------------------------------------- */

/* clang-format off */
static enum step (*const steps[_ACME_AUTHZ_STATE_MAX])(struct acme_authz *op) = {
	[ACME_AUTHZ_READ]   = step_read,
	[ACME_AUTHZ_SOLVE]  = step_solve,
	[ACME_AUTHZ_SUBMIT] = step_submit,
	[ACME_AUTHZ_POLL]   = step_poll,
};

/* clang-format on */

static void run(struct acme_authz *op)
{
	while (steps[op->state](op) == STEP_NEXT)
		;
}

/* --- start, cancel ------------------------------------------------------------------- */

int acme_authz_start(struct acme_authz **ret, struct acme_client *client,
	const struct acme_authz_params *params, acme_authz_done_fn *done,
	void *userdata, struct err *err)
{
	struct loop *loop = acme_client_get_loop(client);
	_cleanup_(acme_authz_cancelp) struct acme_authz *op = xnew(struct acme_authz);

	op->client = client;
	op->solver = params->solver;
	op->progress = params->progress;
	op->log = params->log;
	op->names = params->names;
	op->url = xstrdup(params->url);
	op->done = done;
	op->userdata = userdata;
	op->state = ACME_AUTHZ_READ;
	op->chosen = -1;
	op->poll_timer = loop_timer_new(loop, on_wait_over, op);
	op->deadline_timer = loop_timer_new(loop, on_deadline, op);
	int r = send_request(op, op->url, "", on_read_done, err);
	if (r < 0)
		return err_wrap(err, r, "authorization");
	loop_timer_set_after(
		op->deadline_timer, params->deadline_usec ?: DEADLINE_USEC);
	*ret = TAKE_PTR(op);
	return 0;
}

struct acme_authz *acme_authz_abandon(struct acme_authz *op)
{
	if (!op)
		return NULL;
	drop_solving(op);
	acme_request_cancel(op->request);
	loop_timer_free(op->deadline_timer);
	loop_timer_free(op->poll_timer);
	for (size_t i = 0; i < op->n_challenges; i++)
		authz_challenge_done(&op->challenge[i]);
	free(op->name);
	free(op->url);
	free(op);
	return NULL;
}

struct acme_authz *acme_authz_cancel(struct acme_authz *op)
{
	if (op)
		clean_up(op);
	return acme_authz_abandon(op);
}

/* --- names ---------------------------------------------------------------- */

const char *acme_authz_state_name(enum acme_authz_state state)
{
	static const char *const names[_ACME_AUTHZ_STATE_MAX] = {
		[ACME_AUTHZ_READ] = "read",
		[ACME_AUTHZ_SOLVE] = "solve",
		[ACME_AUTHZ_SUBMIT] = "submit",
		[ACME_AUTHZ_POLL] = "poll",
		[ACME_AUTHZ_VALID] = "valid",
		[ACME_AUTHZ_INVALID] = "invalid",
	};

	return STRTAB_NAME(names, state);
}
