/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One order (RFC 8555 7.1.3, 7.1.6, 7.4; `replaces` RFC 9773 section 5).
 *
 *   START ---------> NEW  (newOrder, 7.4)       START --resumed--> READ
 *                     |                                            |
 *        +------------+------- where the order stands -------------+
 *        v                     (7.1.6)
 *     PENDING                  authorizations, all at once (7.5)
 *        |   \------has none------+
 *        | all valid              v
 *        v    --orderNotReady--> AWAIT     polls until the order is ready
 *      READY  <-----ready--------+
 *        |    <--still ready--+
 *        | finalize (7.4)     |
 *        v                    |
 *    PROCESSING --------------+            polls until it is valid
 *        |
 *        v
 *      VALID                               downloads (7.4.2)
 *        |  \--not the preferred chain--> ALTERNATE
 *        v                                    |
 *      DONE <---------------------------------+
 *
 * Every answer that shows the order is followed to where it says the order stands; the
 * table `where_to` has it all, so that an order may be ready, processing or valid at
 * once. `invalid` leads from anywhere to INVALID, where the authorizations are read for
 * the true cause, and then to FAILED.
 *
 * An order that ends neither in DONE nor in FAILED still stands at the CA.
 *
 * In detail: order_download.c (the certificate), order_cause.c (why it is
 * invalid), order_end.c (how it ends).
 */
#include "acme/order.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "acme/order_priv.h"
#include "util/base64url.h"
#include "util/dname.h"
#include "util/fault.h"
#include "util/json_view.h"
#include "util/mem.h"
#include "util/strtab.h"

#define DEADLINE_USEC (30 * USEC_PER_MIN)
/* A CA that takes no finalize after so many polls will take none. */
#define FINALIZES_MAX 10

/* --- state ------------------------------------------------------------------------- */

#define TO(state) (1U << ACME_ORDER_##state)
#define TO_ANY_SHOWN                                                          \
	(TO(PENDING) | TO(READY) | TO(PROCESSING) | TO(VALID) | TO(INVALID) | \
		TO(FAILED))

/* clang-format off */
static const unsigned next_states[_ACME_ORDER_STATE_MAX] = {
	[ACME_ORDER_START]      = TO(NEW) | TO(READ),
	[ACME_ORDER_NEW]        = TO_ANY_SHOWN,
	[ACME_ORDER_READ]       = TO_ANY_SHOWN,
	[ACME_ORDER_PENDING]    = TO(READY) | TO(AWAIT) | TO(FAILED),
	[ACME_ORDER_AWAIT]      = TO(READY) | TO(PROCESSING) | TO(VALID) | TO(INVALID) | TO(FAILED),
	[ACME_ORDER_READY]      = TO(AWAIT) | TO(PROCESSING) | TO(VALID) | TO(INVALID) | TO(FAILED),
	[ACME_ORDER_PROCESSING] = TO(READY) | TO(VALID) | TO(INVALID) | TO(FAILED),
	[ACME_ORDER_VALID]      = TO(ALTERNATE) | TO(DONE) | TO(FAILED),
	[ACME_ORDER_ALTERNATE]  = TO(DONE),
	[ACME_ORDER_INVALID]    = TO(FAILED),
};

/* Where an order goes that is shown with this status; FAILED: that is nonsense. */
static const enum acme_order_state where_to[_ACME_ORDER_STATE_MAX][_ORDER_STATUS_MAX] = {
	/*                          pending             ready                  processing             valid             invalid */
	[ACME_ORDER_NEW]        = { ACME_ORDER_PENDING, ACME_ORDER_READY,      ACME_ORDER_PROCESSING, ACME_ORDER_VALID, ACME_ORDER_INVALID },
	[ACME_ORDER_READ]       = { ACME_ORDER_PENDING, ACME_ORDER_READY,      ACME_ORDER_PROCESSING, ACME_ORDER_VALID, ACME_ORDER_INVALID },
	[ACME_ORDER_AWAIT]      = { ACME_ORDER_AWAIT,   ACME_ORDER_READY,      ACME_ORDER_PROCESSING, ACME_ORDER_VALID, ACME_ORDER_INVALID },
	[ACME_ORDER_READY]      = { ACME_ORDER_AWAIT,   ACME_ORDER_PROCESSING, ACME_ORDER_PROCESSING, ACME_ORDER_VALID, ACME_ORDER_INVALID },
	[ACME_ORDER_PROCESSING] = { ACME_ORDER_FAILED,  ACME_ORDER_READY,      ACME_ORDER_PROCESSING, ACME_ORDER_VALID, ACME_ORDER_INVALID },
};

/* clang-format on */

int order_set_state(struct acme_order *op, enum acme_order_state state, struct err *err)
{
	assert(next_states[op->state] & 1U << state);
	log_debug(op->log, "order for %s: %s -> %s", op->names[0],
		acme_order_state_name(op->state), acme_order_state_name(state));
	op->state = state;
	const struct acme_order_facts facts = {
		.state = state,
		.url = op->url,
		.finalize_url = op->object.finalize_url,
		.certificate_url = op->object.certificate_url,
		.expires_usec = op->object.expires_usec,
	};
	int r = op->progress->order_changed(op->progress->userdata, &facts, err);
	return r < 0 ? err_wrap(err, r, "progress of the order") : 0;
}

/* --- the deadline ------------------------------------------------------------------- */

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct acme_order *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	char duration[USEC_DURATION_MAX];
	const struct acme_order_result result = {
		.outcome = ACME_ORDER_LATE,
		.err = &err,
	};

	err_set_kind(&err, ERR_CA, -ETIMEDOUT,
		"the order is still %s after %s; it can be resumed",
		acme_order_state_name(op->state),
		usec_format_duration(op->deadline_usec, duration, sizeof(duration)));
	order_complete(op, &result);
}

/* --- the directory, and what it allows (7.1.1) --------------------------------------- */

static void on_start_done(const struct acme_request_result *result, void *userdata);
static void on_new_done(const struct acme_request_result *result, void *userdata);
static void on_look_done(const struct acme_request_result *result, void *userdata);
static void on_finalize_done(const struct acme_request_result *result, void *userdata);
static void on_authz_done(const struct acme_authz_result *result, void *userdata);

static int send_request(struct acme_order *op, const struct acme_request_params *params,
	acme_request_done_fn *done, struct err *err)
{
	op->request = acme_request_cancel(op->request);
	return acme_request_start(&op->request, op->client, params, done, op, err);
}

/* The first step, taken by acme_order_start itself: nothing may order_complete before that
 * returns. */
static int fetch_directory(struct acme_order *op, struct err *err)
{
	const struct acme_request_params params = { .resource = ACME_DIRECTORY };

	return send_request(op, &params, on_start_done, err);
}

enum step order_send_step(struct acme_order *op,
	const struct acme_request_params *params, acme_request_done_fn *done)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (send_request(op, params, done, &err) < 0)
		return order_complete_broken(op, &err);
	return STEP_WAIT;
}

enum step order_go_to(struct acme_order *op, enum acme_order_state state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (order_set_state(op, state, &err) < 0)
		return order_complete_broken(op, &err);
	return STEP_NEXT;
}

/* What is not offered is not asked for: a CA may choke on members that it does not
 * know. */
static int fit_to_directory(struct acme_order *op, struct err *err)
{
	const struct acme_directory *directory = acme_client_get_directory(op->client);

	if (!directory->renewal_info)
		free(TAKE_PTR(op->replaces));
	if (op->url || !op->profile || strv_contains(directory->profiles, op->profile))
		return 0;
	return err_set_kind(err, ERR_CONFIG, -EINVAL,
		"the CA does not offer the profile %s%s%s", op->profile,
		directory->profiles ? ", but for example " : " nor any other",
		directory->profiles ? directory->profiles[0] : "");
}

static void on_start_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_order *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (result->outcome != ACME_REQUEST_OK) {
		order_complete_by_request(op, result, "order");
		return;
	}
	if (fit_to_directory(op, &err) < 0) {
		order_complete_broken(op, &err);
		return;
	}
	if (order_go_to(op, op->url ? ACME_ORDER_READ : ACME_ORDER_NEW) == STEP_NEXT)
		order_run(op);
}

/* --- following what an answer shows (7.1.6) ------------------------------------------- */

static enum step wait_for_poll(struct acme_order *op, usec_t retry_at_usec)
{
	const usec_t wall_now = loop_wall_now(acme_client_get_loop(op->client));

	loop_timer_set_after(
		op->poll_timer, acme_poll_next(&op->poll, wall_now, retry_at_usec));
	return STEP_WAIT;
}

static void on_wait_over(struct loop_timer *timer, void *userdata)
{
	order_run(userdata);
}

bool order_wait_out(struct acme_order *op, const struct acme_request_result *result)
{
	const usec_t wall_now = loop_wall_now(acme_client_get_loop(op->client));
	usec_t wait;

	if (!acme_poll_forgive(&op->poll, wall_now, result, &wait))
		return false;
	loop_timer_set_after(op->poll_timer, wait);
	return true;
}

static bool is_polled(enum acme_order_state state)
{
	return state == ACME_ORDER_AWAIT || state == ACME_ORDER_PROCESSING;
}

static enum step follow(struct acme_order *op, const struct acme_request_result *result)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (order_object_parse(&op->object, op->client, result->json, &err) < 0)
		return order_complete_broken(op, &err);
	const enum acme_order_state next = where_to[op->state][op->object.status];
	if (next == ACME_ORDER_FAILED) {
		err_set_kind(
			&err, ERR_CA, -EPROTO, "the order has gone back to pending");
		return order_complete_broken(op, &err);
	}
	if (next != op->state && order_set_state(op, next, &err) < 0)
		return order_complete_broken(op, &err);
	if (next == ACME_ORDER_PROCESSING)
		FAULT("order-processing");
	return is_polled(next) ? wait_for_poll(op, result->retry_at_usec) : STEP_NEXT;
}

/* --- newOrder (7.4) ------------------------------------------------------------------- */

static char *format_new_order(const struct acme_order *op)
{
	_cleanup_(json_view_unrefp) json_t *json = json_object();
	json_t *identifiers = json_array();

	for (char **name = op->names; *name; name++)
		json_array_append_new(identifiers,
			json_pack("{s:s,s:s}", "type", "dns", "value", *name));
	json_object_set_new(json, "identifiers", identifiers);
	if (op->profile)
		json_object_set_new(json, "profile", json_string(op->profile));
	if (op->replaces)
		json_object_set_new(json, "replaces", json_string(op->replaces));
	return json_view_format(json);
}

static enum step step_new(struct acme_order *op)
{
	_cleanup_(freep) char *payload = format_new_order(op);
	const struct acme_request_params params = {
		.resource = ACME_NEW_ORDER,
		.payload = payload,
	};

	return order_send_step(op, &params, on_new_done);
}

/* `replaces` is a courtesy that buys a better place; an order abandoned half-way, or an
 * account that was changed, must not block renewal for ever (RFC 9773 5). */
static bool may_be_for_replaces(
	const struct acme_order *op, const struct acme_request_result *result)
{
	if (!op->replaces || result->outcome != ACME_REQUEST_REFUSED)
		return false;
	if (result->problem->type == ACME_PROBLEM_ALREADY_REPLACED)
		return true; /* whatever the status: not every CA says 409 */
	if (result->status >= 500)
		return false;
	switch (result->problem->type) {
	case ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST:
	case ACME_PROBLEM_BAD_NONCE:
	case ACME_PROBLEM_CAA:
	case ACME_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED:
	case ACME_PROBLEM_INVALID_PROFILE:
	case ACME_PROBLEM_RATE_LIMITED:
	case ACME_PROBLEM_REJECTED_IDENTIFIER:
	case ACME_PROBLEM_UNSUPPORTED_IDENTIFIER:
	case ACME_PROBLEM_USER_ACTION_REQUIRED:
		return false;
	default:
		return true;
	}
}

static void on_new_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_order *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	FAULT("order-answered");
	if (may_be_for_replaces(op, result)) {
		free(TAKE_PTR(op->replaces));
		order_run(op);
		return;
	}
	if (result->outcome != ACME_REQUEST_OK) {
		order_complete_by_request(op, result, "newOrder");
		return;
	}
	if (!result->location) {
		err_set_kind(&err, ERR_CA, -EPROTO,
			"newOrder: the answer has no Location that leads to this CA");
		order_complete_broken(op, &err);
		return;
	}
	op->url = xstrdup(result->location);
	const enum step step = follow(op, result);
	FAULT("order-url-stored");
	if (step == STEP_NEXT)
		order_run(op);
}

/* --- looking at it: resumed, not ready yet, processing (7.4) ---------------------------- */

static enum step step_look(struct acme_order *op)
{
	const struct acme_request_params params = {
		.resource = ACME_URL,
		.url = op->url,
	};

	return order_send_step(op, &params, on_look_done);
}

static void on_look_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_order *op = userdata;

	if (order_wait_out(op, result))
		return;
	if (result->outcome != ACME_REQUEST_OK)
		order_complete_by_request(op, result, "order");
	else if (follow(op, result) == STEP_NEXT)
		order_run(op);
}

/* --- authorizations (7.5) --------------------------------------------------------------- */

static int start_authz(struct acme_order *op, struct err *err)
{
	struct acme_authz_params params = {
		.names = op->names,
		.solver = op->solver,
		.progress = op->progress,
		.log = op->log,
		/* The order's own deadline comes first. */
		.deadline_usec = usec_add(op->deadline_usec, USEC_PER_MIN),
	};

	for (char **url = op->object.authorizations; url && *url; url++) {
		params.url = *url;
		int r = acme_authz_start(&op->authz[op->n_authz], op->client, &params,
			on_authz_done, op, err);
		if (r < 0)
			return r;
		op->n_authz++;
		op->n_authz_open++;
	}
	return 0;
}

static enum step step_pending(struct acme_order *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (start_authz(op, &err) < 0)
		return order_complete_broken(op, &err);
	if (op->n_authz > 0)
		return STEP_WAIT;
	/* None, and pending all the same: the CA is not through with it yet. */
	if (order_go_to(op, ACME_ORDER_AWAIT) == STEP_DONE)
		return STEP_DONE;
	return wait_for_poll(op, 0);
}

static void on_authz_done(const struct acme_authz_result *result, void *userdata)
{
	struct acme_order *op = userdata;

	if (result->outcome != ACME_AUTHZ_IS_VALID) {
		order_complete_by_authz(op, result);
		return;
	}
	op->n_authz_open--;
	if (op->n_authz_open > 0)
		return;
	order_drop_authz(op, ACME_ORDER_ISSUED);
	if (order_go_to(op, ACME_ORDER_READY) == STEP_NEXT)
		order_run(op);
}

/* --- finalize (7.4) ----------------------------------------------------------------------- */

static enum step step_ready(struct acme_order *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *payload = xasprintf("{\"csr\":\"%s\"}", op->csr);
	const struct acme_request_params params = {
		.resource = ACME_URL,
		.url = op->object.finalize_url,
		.payload = payload,
	};

	if (op->n_finalize == FINALIZES_MAX) {
		err_set_kind(&err, ERR_CA, -EPROTO,
			"the order stays ready however often it is finalized");
		return order_complete_broken(op, &err);
	}
	if (!op->object.finalize_url) {
		err_set_kind(&err, ERR_CA, -EPROTO,
			"the order is ready and has no finalize");
		return order_complete_broken(op, &err);
	}
	op->n_finalize++;
	FAULT("finalize-not-sent");
	return order_send_step(op, &params, on_finalize_done);
}

static void on_finalize_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_order *op = userdata;

	FAULT("finalize-answered");
	if (result->outcome == ACME_REQUEST_REFUSED &&
		result->problem->type == ACME_PROBLEM_ORDER_NOT_READY) {
		if (order_go_to(op, ACME_ORDER_AWAIT) == STEP_NEXT)
			wait_for_poll(op, result->retry_at_usec);
		return;
	}
	/* Nobody knows whether it has arrived: look, before it is sent again. */
	if (order_wait_out(op, result)) {
		order_go_to(op, ACME_ORDER_PROCESSING);
		return;
	}
	if (result->outcome != ACME_REQUEST_OK)
		order_complete_by_request(op, result, "finalize");
	else if (follow(op, result) == STEP_NEXT)
		order_run(op);
}

/* --- valid, alternate, done: in order_download.c; invalid: in order_cause.c ------------------- */

/* --- driver ------------------------------------------------------------------------------------ */

/* clang-format off */
static enum step (*const steps[_ACME_ORDER_STATE_MAX])(struct acme_order *op) = {
	[ACME_ORDER_NEW]        = step_new,
	[ACME_ORDER_READ]       = step_look,
	[ACME_ORDER_PENDING]    = step_pending,
	[ACME_ORDER_AWAIT]      = step_look,
	[ACME_ORDER_READY]      = step_ready,
	[ACME_ORDER_PROCESSING] = step_look,
	[ACME_ORDER_VALID]      = order_step_valid,
	[ACME_ORDER_ALTERNATE]  = order_step_alternate,
	[ACME_ORDER_INVALID]    = order_step_invalid,
	[ACME_ORDER_DONE]       = order_step_done,
};

/* clang-format on */

void order_run(struct acme_order *op)
{
	while (steps[op->state](op) == STEP_NEXT)
		;
}

/* --- start, cancel ------------------------------------------------------------------------------ */

static int check_params(const struct acme_client *client,
	const struct acme_order_params *params, struct err *err)
{
	const size_t n = strv_length(params->names);

	if (!acme_client_get_account(client))
		return err_set(err, -EINVAL, "the account is not known");
	if (n < 1 || n > ACME_NAMES_MAX)
		return err_set(err, -EINVAL, "an order for %zu names", n);
	for (size_t i = 0; i < n; i++) {
		if (!dname_is_valid(params->names[i], DNAME_WILDCARD))
			return err_set(err, -EINVAL, "no name: %s", params->names[i]);
	}
	return params->resume_url
		       ? acme_client_check_url(client, params->resume_url, err)
		       : 0;
}

int acme_order_start(struct acme_order **ret, struct acme_client *client,
	const struct acme_order_params *params, acme_order_done_fn *done,
	void *userdata, struct err *err)
{
	struct loop *loop = acme_client_get_loop(client);

	int r = check_params(client, params, err);
	if (r < 0)
		return err_wrap(err, r, "order");
	_cleanup_(acme_order_cancelp) struct acme_order *op = xnew(struct acme_order);
	op->client = client;
	op->solver = params->solver;
	op->progress = params->progress;
	op->log = params->log;
	for (char *const *name = params->names; *name; name++)
		strv_append(&op->names, *name);
	op->csr = base64url_format(params->csr, params->csr_len);
	op->profile = xstrdup(params->profile);
	op->replaces = xstrdup(params->replaces);
	op->preferred_chain = xstrdup(params->preferred_chain);
	op->url = xstrdup(params->resume_url);
	op->deadline_usec = params->deadline_usec ?: DEADLINE_USEC;
	op->done = done;
	op->userdata = userdata;
	op->poll_timer = loop_timer_new(loop, on_wait_over, op);
	op->deadline_timer = loop_timer_new(loop, on_deadline, op);
	r = fetch_directory(op, err);
	if (r < 0)
		return err_wrap(err, r, "order");
	loop_timer_set_after(op->deadline_timer, op->deadline_usec);
	*ret = TAKE_PTR(op);
	return 0;
}

struct acme_order *acme_order_cancel(struct acme_order *op)
{
	if (!op)
		return NULL;
	order_drop_authz(op, ACME_ORDER_BROKEN);
	acme_request_cancel(op->request);
	loop_timer_free(op->deadline_timer);
	loop_timer_free(op->poll_timer);
	strv_free(op->alternates);
	free(op->chain);
	order_object_done(&op->object);
	free(op->url);
	free(op->preferred_chain);
	free(op->replaces);
	free(op->profile);
	free(op->csr);
	strv_free(op->names);
	free(op);
	return NULL;
}

const char *acme_order_state_name(enum acme_order_state state)
{
	static const char *const names[_ACME_ORDER_STATE_MAX] = {
		[ACME_ORDER_START] = "start",
		[ACME_ORDER_NEW] = "new",
		[ACME_ORDER_READ] = "read",
		[ACME_ORDER_PENDING] = "pending",
		[ACME_ORDER_AWAIT] = "await",
		[ACME_ORDER_READY] = "ready",
		[ACME_ORDER_PROCESSING] = "processing",
		[ACME_ORDER_VALID] = "valid",
		[ACME_ORDER_ALTERNATE] = "alternate",
		[ACME_ORDER_INVALID] = "invalid",
		[ACME_ORDER_DONE] = "done",
		[ACME_ORDER_FAILED] = "failed",
	};

	return STRTAB_NAME(names, state);
}
