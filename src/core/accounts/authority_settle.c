/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which key is the account's? After a key change that was cut off, the CA knows one of
 * two keys; both are in the store until it has said which (RFC 8555 7.3.5). And where
 * the CA behaves as if the account were no more, it is asked before anything is ordered.
 *
 * A change that was sent may still be on its way when the CA says that it knows the
 * present key. So the pending one is not thrown away before it has said so a good while
 * after the change was sent.
 */
#include <errno.h>
#include <string.h>

#include "core/accounts/authority_priv.h"
#include "util/mem.h"

/* While the CA cannot be asked; whoever wants to order asks it, too. */
#define AGAIN_USEC (30 * USEC_PER_MIN)

static usec_t get_grace(const struct authority *a)
{
	return 2 * conf_get_duration(a->block, "request_timeout");
}

static bool is_grace_over(const struct authority *a)
{
	usec_t now = loop_wall_now(a->loop);

	return a->account.pending_usec > now ||
	       now - a->account.pending_usec >= get_grace(a);
}

/* --- when it is asked without anybody waiting for it ------------------------------------ */

static void settle_after(struct authority *a, usec_t wait_usec);

static int settle(struct authority *a, struct err *err)
{
	int r = a->client ? 0
			  : authority_make_client(
				    a, a->account.key_pem, &a->signer, &a->client, err);

	return r < 0 ? r : authority_settle_start(a, err);
}

static void on_settle_timer(struct loop_timer *timer, void *userdata)
{
	struct authority *a = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (a->account.status != STORE_ACCOUNT_VALID || a->probe ||
		(!a->account.pending_key_pem && !a->is_doubted))
		return;
	if (!a->change && settle(a, &err) >= 0)
		return;
	if (err_is_set(&err)) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(&a->log, "key of the account: %s", text);
	}
	settle_after(a, AGAIN_USEC);
}

static void settle_after(struct authority *a, usec_t wait_usec)
{
	if (!a->settle_timer)
		a->settle_timer = loop_timer_new(a->loop, on_settle_timer, a);
	loop_timer_set_after(a->settle_timer, wait_usec);
}

void authority_resume(struct authority *a)
{
	if (authority_load_account(a, NULL) == 0 && a->account.pending_key_pem)
		settle_after(a, 0);
}

void authority_settle_cancel(struct authority *a)
{
	a->probe = account_probe_cancel(a->probe);
	if (a->settle_timer)
		loop_timer_disarm(a->settle_timer);
	a->pending_client = acme_client_free(a->pending_client);
	a->pending_signer = signer_free(a->pending_signer);
	a->is_doubted = false;
}

void authority_doubt_account(struct authority *a)
{
	if (a->account.status != STORE_ACCOUNT_VALID)
		return;
	a->is_doubted = true;
	a->is_ensured = false;
	settle_after(a, get_grace(a));
}

/* --- the pending key -------------------------------------------------------------------- */

int authority_open_pending(struct authority *a, struct err *err)
{
	if (!a->account.pending_key_pem || a->pending_client)
		return 0;
	int r = authority_make_client(a, a->account.pending_key_pem, &a->pending_signer,
		&a->pending_client, err);
	return r < 0 ? err_wrap(err, r, "pending key") : 0;
}

static int save_keys(struct authority *a, struct err *err)
{
	int r = store_account_save_keys(a->store, &a->account, err);

	if (r >= 0)
		return 0;
	/* What is in the store counts. */
	authority_forget_account(a);
	a->is_ensured = false;
	return err_wrap(err, r, "account keys of authority %s", a->name);
}

int authority_promote_pending(struct authority *a, struct err *err)
{
	secret_free(a->account.key_pem);
	a->account.key_pem = TAKE_PTR(a->account.pending_key_pem);
	a->account.pending_usec = 0;
	int r = save_keys(a, err);
	if (r < 0)
		return r;
	authority_retire_client(a);
	a->client = TAKE_PTR(a->pending_client);
	a->signer = TAKE_PTR(a->pending_signer);
	acme_client_set_account(a->client, a->account.url);
	a->is_ensured = true;
	events_add(a->events, LOG_LEVEL_NOTICE, "account", a->name,
		"account %s has a new key, the old one is wiped", a->account.url);
	return 0;
}

static int wipe_pending(struct authority *a, struct err *err)
{
	a->account.pending_key_pem = secret_free(a->account.pending_key_pem);
	a->account.pending_usec = 0;
	int r = save_keys(a, err);
	if (r < 0)
		return r;
	a->pending_client = acme_client_free(a->pending_client);
	a->pending_signer = signer_free(a->pending_signer);
	events_add(a->events, LOG_LEVEL_NOTICE, "account", a->name,
		"account %s keeps its key: the CA did not take the new one, which is wiped",
		a->account.url);
	return 0;
}

/* --- asking ------------------------------------------------------------------------------- */

/* The present key is the account's. */
static int take_current(struct authority *a, struct err *err)
{
	if (a->account.pending_key_pem && !is_grace_over(a))
		settle_after(a, get_grace(a));
	else if (a->account.pending_key_pem) {
		int r = wipe_pending(a, err);
		if (r < 0)
			return r;
	}
	a->is_ensured = true;
	return 0;
}

static int take_neither(
	struct authority *a, const struct account_probe_result *result, struct err *err)
{
	_cleanup_(freep) char *text = err_format(result->err);

	authority_end_account(a,
		result->is_ended ? STORE_ACCOUNT_DEACTIVATED : STORE_ACCOUNT_STOPPED,
		text);
	_cleanup_(freep) char *hold = authority_format_hold(a);
	return err_set_kind(err, ERR_CA, -EACCES, "%s", hold ? hold : text);
}

static int take_answer(
	struct authority *a, const struct account_probe_result *result, struct err *err)
{
	a->is_doubted = result->outcome == ACCOUNT_PROBE_UNSURE;
	switch (result->outcome) {
	case ACCOUNT_PROBE_CURRENT:
		return take_current(a, err);
	case ACCOUNT_PROBE_PENDING:
		return authority_promote_pending(a, err);
	case ACCOUNT_PROBE_NEITHER:
		return take_neither(a, result, err);
	case ACCOUNT_PROBE_UNSURE:
		break;
	}
	err_copy(err, result->err);
	settle_after(a, AGAIN_USEC);
	return err_wrap(
		err, err->code, "authority %s: which key is the account's", a->name);
}

static void on_probed(const struct account_probe_result *result, void *userdata)
{
	struct authority *a = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	int r = take_answer(a, result, &err);
	a->probe = account_probe_cancel(a->probe);
	authority_complete_ensures(a, r < 0 ? &err : NULL);
}

int authority_settle_start(struct authority *a, struct err *err)
{
	int r = authority_open_pending(a, err);

	if (r < 0)
		return r;
	const struct account_probe_params params = {
		.current = a->client,
		.pending = a->pending_client,
		.url = a->account.url,
	};
	return account_probe_start(&a->probe, &params, on_probed, a, err);
}

/* --- what the CA refuses --------------------------------------------------------------------- */

void authority_hear_refusal(
	struct authority *a, const struct acme_problem *problem, bool is_first)
{
	const bool has_pending = a->account.pending_key_pem != NULL;
	const bool is_gone = acme_problem_reaction(problem) == ACME_REACTION_ACCOUNT;
	/* Some CAs say the one, some the other, of a key that is no more the account's. */
	const bool is_odd = problem->type == ACME_PROBLEM_UNAUTHORIZED ||
			    problem->type == ACME_PROBLEM_MALFORMED;

	if (is_gone && !has_pending) {
		_cleanup_(freep) char *text = acme_problem_format(problem);
		authority_stop_account(a, text);
	} else if (is_gone || (is_first && is_odd)) {
		authority_doubt_account(a);
	}
}
