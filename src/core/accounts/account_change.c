/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See account_change.h.
 *
 *     ENSURE --> DRAIN --+--key--> STORE --> CHANGE --changed--> done
 *                  |     |                      |
 *                 late   |                      +--refused, unsure--> SETTLE --> done
 *                  |     +--end--> DEACTIVATE --> done
 *                 done
 *
 * DRAIN: orders under way come to their end, with the key that they began with, and so do
 * the answers to challenges that were given with it; new orders wait at the gate.
 * The new key is committed as pending before the CA hears of it. Whatever happens then,
 * and wherever it is cut off, the store has the key that the CA knows (invariant I1), and
 * authority_settle.c finds out which of the two it is.
 */
#include "core/accounts/account_change.h"

#include <errno.h>
#include <string.h>

#include "acme/deactivation.h"
#include "acme/key_change.h"
#include "core/accounts/authority_priv.h"
#include "store/order.h"
#include "util/fault.h"
#include "util/mem.h"

/* For orders under way; beyond it nothing is changed, and those that wait go on. */
#define DRAIN_USEC (5 * USEC_PER_MIN)
/* How often answers are looked for that are to be cleaned up. */
#define LOOK_USEC USEC_PER_SEC

struct account_change {
	/* inputs */
	struct loop *loop;           /* borrowed */
	struct authority *authority; /* borrowed; NULL: it has gone */
	enum account_change_kind kind;
	account_change_done_fn *done;
	void *userdata;

	/* owned operations */
	struct authority_ensure *ensure;
	struct key_maker *key_maker;
	struct acme_key_change *key_change;
	struct acme_deactivation *deactivation;
	struct loop_defer *defer;
	struct loop_timer *deadline; /* of DRAIN */
	struct loop_timer *look;

	/* results */
	char *thumbprint; /* owned; of the new key */
	struct err err;   /* why the CA did not take it */
};

/* --- ending ------------------------------------------------------------------------ */

/* The authority is as it was before, but for what was done to its account. */
static void detach(struct account_change *op)
{
	struct authority *a = TAKE_PTR(op->authority);

	op->ensure = authority_ensure_cancel(op->ensure);
	op->key_maker = key_maker_cancel(op->key_maker);
	op->key_change = acme_key_change_cancel(op->key_change);
	op->deactivation = acme_deactivation_cancel(op->deactivation);
	op->defer = loop_defer_free(op->defer);
	op->deadline = loop_timer_free(op->deadline);
	op->look = loop_timer_free(op->look);
	if (!a)
		return;
	a->change = NULL;
	authority_open_gate(a);
}

static void complete(struct account_change *op, const struct err *err)
{
	account_change_done_fn *done = TAKE_PTR(op->done);
	void *userdata = TAKE_PTR(op->userdata);
	_cleanup_(err_done) struct err own = ERR_INIT;

	if (err)
		err_copy(&own, err);
	detach(op);
	done(err ? &own : NULL, userdata);
}

static void on_orphaned(void *userdata)
{
	struct account_change *op = userdata;

	complete(op, &op->err);
}

void account_change_orphan(struct account_change *op)
{
	if (!op)
		return;
	err_done(&op->err);
	err_set_kind(&op->err, ERR_CONFIG, -ECANCELED,
		"the configuration of authority %s has changed", op->authority->name);
	detach(op);
	op->defer = loop_defer_new(op->loop, on_orphaned, op);
}

/* --- another key ---------------------------------------------------------------------- */

/* Committed before anything is sent: both keys are there until the CA has answered. */
static int store_pending(
	struct account_change *op, const struct key *key, struct err *err)
{
	struct authority *a = op->authority;

	int r = key_format_thumbprint(key, &op->thumbprint, err);
	if (r >= 0)
		r = key_format_pem(key, &a->account.pending_key_pem, err);
	if (r < 0)
		return r;
	a->account.pending_usec = loop_wall_now(a->loop);
	r = store_account_save_keys(a->store, &a->account, err);
	if (r < 0) {
		a->account.pending_key_pem = secret_free(a->account.pending_key_pem);
		a->account.pending_usec = 0;
	}
	return r;
}

static void on_settled(const struct err *ensure_err, void *userdata)
{
	struct account_change *op = userdata;
	struct authority *a = op->authority;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (ensure_err) {
		_cleanup_(freep) char *why = err_format(ensure_err);
		err_copy(&err, &op->err);
		err_wrap(&err, err.code,
			"whether the CA has taken the new key is not known (%s); both are kept and it will be asked",
			why);
		complete(op, &err);
	} else if (strcmp(authority_get_thumbprint(a), op->thumbprint) == 0) {
		complete(op, NULL);
	} else {
		complete(op, &op->err);
	}
}

/* The answer was "no", or none: the CA knows which key it is. */
static void step_settle(
	struct account_change *op, const struct acme_key_change_result *result)
{
	struct authority *a = op->authority;
	_cleanup_(err_done) struct err err = ERR_INIT;

	err_copy(&op->err, result->err);
	/* After a plain "no" there is nothing on its way any more. */
	if (result->outcome == ACME_KEY_REFUSED)
		a->account.pending_usec = 0;
	op->key_change = acme_key_change_cancel(op->key_change);
	authority_doubt_account(a);
	op->ensure = authority_ensure_cancel(op->ensure);
	if (authority_ensure_start(&op->ensure, a, 0, on_settled, op, &err) < 0)
		complete(op, &err);
}

static void on_key_changed(const struct acme_key_change_result *result, void *userdata)
{
	struct account_change *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (result->outcome != ACME_KEY_CHANGED) {
		step_settle(op, result);
		return;
	}
	op->key_change = acme_key_change_cancel(op->key_change);
	if (authority_promote_pending(op->authority, &err) < 0) {
		complete(op, &err);
		return;
	}
	FAULT("new-key-stored");
	complete(op, NULL);
}

static int change_key(struct account_change *op, const struct key *key, struct err *err)
{
	struct authority *a = op->authority;

	int r = store_pending(op, key, err);
	if (r < 0)
		return r;
	FAULT("pending-key-stored");
	r = authority_open_pending(a, err);
	if (r >= 0)
		r = acme_key_change_start(&op->key_change, a->client,
			signer_get(a->pending_signer), on_key_changed, op, err);
	if (r < 0)
		authority_doubt_account(a);
	return r;
}

static void on_key_made(const struct key_maker_result *result, void *userdata)
{
	struct account_change *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = -EIO;

	if (result->key)
		r = change_key(op, result->key, &err);
	else
		err_copy(&err, result->err);
	op->key_maker = key_maker_cancel(op->key_maker);
	if (r < 0)
		complete(op, &err);
}

static int make_key(struct account_change *op, struct err *err)
{
	const struct conf_block *block = op->authority->block;
	const struct key_maker_params params = {
		.loop = op->loop,
		.type = key_type_parse(conf_get_string(block, "account_key_type")),
	};

	if (op->authority->account.pending_key_pem)
		return err_set_kind(err, ERR_CONFIG, -EBUSY,
			"an earlier change of the key is not settled yet; try again in a minute");
	return key_maker_start(&op->key_maker, &params, on_key_made, op, err);
}

/* --- the end of an account --------------------------------------------------------------- */

static void on_refusal_heard(const struct err *ensure_err, void *userdata)
{
	struct account_change *op = userdata;

	complete(op, ensure_err ? ensure_err : &op->err);
}

static void on_deactivated(
	const struct acme_deactivation_result *result, void *userdata)
{
	struct account_change *op = userdata;
	struct authority *a = op->authority;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (result->is_deactivated) {
		FAULT("deactivation-answered");
		authority_end_account(a, STORE_ACCOUNT_DEACTIVATED,
			"it was given up by the operator");
		complete(op, NULL);
		return;
	}
	err_copy(&op->err, result->err);
	/* Perhaps it was deactivated all along. */
	authority_doubt_account(a);
	op->ensure = authority_ensure_cancel(op->ensure);
	if (authority_ensure_start(&op->ensure, a, 0, on_refusal_heard, op, &err) < 0)
		complete(op, &err);
}

/* --- the way there -------------------------------------------------------------------------- */

static int act(struct account_change *op, struct err *err)
{
	if (!op->authority->is_ensured)
		return err_set_kind(err, ERR_CA, -EACCES,
			"the account has come to its end meanwhile");
	if (op->kind == ACCOUNT_CHANGE_KEY)
		return make_key(op, err);
	return acme_deactivation_start(
		&op->deactivation, op->authority->client, on_deactivated, op, err);
}

struct answers {
	const struct authority *authority;
	unsigned n;
};

static int on_presented(const struct store_authorization *row, void *userdata)
{
	struct answers *answers = userdata;
	const struct authority *a = answers->authority;
	_cleanup_(store_order_done) struct store_order order = { 0 };

	if (store_order_load(a->store, row->order_id, &order, NULL) == 0)
		answers->n += order.account_id == a->account.id;
	return 0;
}

/* What was answered with the present key can be taken back with no other. */
static int count_answers(struct account_change *op, struct err *err)
{
	struct answers answers = { .authority = op->authority };

	if (op->kind != ACCOUNT_CHANGE_KEY)
		return 0;
	int r = store_authorization_each_presented(
		op->authority->store, on_presented, &answers, err);
	return r < 0 ? r : (int)answers.n;
}

static void step_alone(struct account_change *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = count_answers(op, &err);

	if (r > 0) {
		loop_timer_set_after(op->look, LOOK_USEC);
		return;
	}
	loop_timer_disarm(op->deadline);
	if (r == 0)
		r = act(op, &err);
	if (r < 0)
		complete(op, &err);
}

static void on_alone(void *userdata)
{
	struct account_change *op = userdata;

	op->defer = loop_defer_free(op->defer);
	step_alone(op);
}

static void on_look(struct loop_timer *timer, void *userdata)
{
	step_alone(userdata);
}

static void on_empty(struct account_change *op)
{
	op->defer = loop_defer_new(op->loop, on_alone, op);
}

static void on_late(struct loop_timer *timer, void *userdata)
{
	struct account_change *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (op->authority->n_inside > 0)
		err_set_kind(&err, ERR_CONFIG, -EBUSY,
			"%u orders are still under way; nothing was changed, try again later",
			op->authority->n_inside);
	else
		err_set_kind(&err, ERR_CONFIG, -EBUSY,
			"answers to challenges that were given with the present key still stand; nothing was changed, try again later");
	complete(op, &err);
}

static void on_ensured(const struct err *err, void *userdata)
{
	struct account_change *op = userdata;

	op->ensure = authority_ensure_cancel(op->ensure);
	if (err) {
		complete(op, err);
		return;
	}
	op->look = loop_timer_new(op->loop, on_look, op);
	op->deadline = loop_timer_new(op->loop, on_late, op);
	loop_timer_set_after(op->deadline, DRAIN_USEC);
	authority_close_gate(op->authority, on_empty);
}

int account_change_start(struct account_change **ret, struct authority *a,
	enum account_change_kind kind, account_change_done_fn *done, void *userdata,
	struct err *err)
{
	if (a->change)
		return err_set_kind(err, ERR_CONFIG, -EBUSY,
			"authority %s: its account is being changed already", a->name);
	int r = authority_load_account(a, err);
	if (r < 0)
		return r;
	if (r == STORE_E_NOT_FOUND || a->account.status == STORE_ACCOUNT_NEW)
		return err_set_kind(err, ERR_CONFIG, -ENOENT,
			"authority %s: there is no account yet", a->name);
	struct account_change *op = xnew(struct account_change);
	op->loop = a->loop;
	op->authority = a;
	op->kind = kind;
	op->done = done;
	op->userdata = userdata;
	r = authority_ensure_start(&op->ensure, a, 0, on_ensured, op, err);
	if (r < 0) {
		free(op);
		return r;
	}
	a->change = op;
	*ret = op;
	return 0;
}

struct account_change *account_change_cancel(struct account_change *op)
{
	if (!op)
		return NULL;
	/* What was sent may have been taken. */
	if (op->key_change || op->deactivation)
		authority_doubt_account(op->authority);
	detach(op);
	err_done(&op->err);
	free(op->thumbprint);
	free(op);
	return NULL;
}
