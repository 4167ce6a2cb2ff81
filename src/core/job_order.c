/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The job's order: its facts are stored before each act, so that the next job goes on with
 * the same order and the same key; and what has come of it is taken or refused.
 */
#include "acme/order.h"
#include "core/intent_open.h"
#include "core/issued.h"
#include "core/job_priv.h"
#include "core/solver.h"
#include "util/mem.h"

int job_check_clock(const struct job *job, unsigned flags, struct err *err)
{
	if (!job->env->clock)
		return 0;
	return clock_watch_check(
		job->env->clock, authority_get_name(job->authority), flags, err);
}

/* --- the intent: its key and names are stored before anything is ordered ------------------- */

/* Another job may have come to doubt the account meanwhile: it is made sure of again. */
static void ensure_again(struct job *job)
{
	job->intent = intent_free(job->intent);
	job->ticket = authority_leave(job->ticket);
	job_set_state(job, JOB_ACCOUNT);
	job_step(job);
}

static void on_intent_open(const struct intent_open_result *result, void *userdata)
{
	struct job *job = userdata;

	job->intent_open = intent_open_cancel(job->intent_open);
	if (!result->intent) {
		job_fail(job, result->err);
		return;
	}
	job->intent = result->intent;
	job_set_state(job, JOB_ORDER);
	job_step(job);
}

static int start_intent(struct job *job, struct err *err)
{
	const struct intent_params params = {
		.store = job->env->store,
		.loop = job->env->loop,
		.slot = &job->slot,
		.account_id = authority_get_account(job->authority)->id,
	};

	return intent_open_start(&job->intent_open, &params, on_intent_open, job, err);
}

void job_step_intent(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!authority_get_client(job->authority))
		ensure_again(job);
	else if (start_intent(job, &err) < 0)
		job_fail(job, &err);
}

/* --- the order ------------------------------------------------------------------------------- */

/* False: the store does not take it, so the same order will be taken up again. */
static bool finish_order(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (intent_finish(job->intent, &err) >= 0)
		return true;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(&job->log, "end of the order not stored: %s", text);
	return false;
}

/* What an order that was not issued means for the account and for what comes next. */
static void on_order_refused(struct job *job, const struct acme_order_result *result)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	bool was_resumed = intent_is_resumed(job->intent);
	bool is_over = result->outcome == ACME_ORDER_REFUSED;
	bool is_finished = false;

	err_copy(&err, result->err);
	err.retry_at_usec = MAX(err.retry_at_usec, result->retry_at_usec);
	if (job->state == JOB_HELD) {
		job_hold_for_clock(job, &err);
		return;
	}
	if (result->problem)
		authority_hear_refusal(job->authority, result->problem,
			!intent_get_order(job->intent)->url);
	job->acme_order = acme_order_cancel(job->acme_order);
	if (is_over || (was_resumed && err.kind != ERR_NETWORK))
		is_finished = finish_order(job);
	if (is_over && was_resumed && is_finished) {
		/* What an earlier job left has ended meanwhile: that is no failure. */
		log_info(&job->log,
			"the order that was left open is over, ordering anew");
		job->intent = intent_free(job->intent);
		job_set_state(job, JOB_INTENT);
		job_step(job);
		return;
	}
	job_fail(job, &err);
}

static void on_order_done(const struct acme_order_result *result, void *userdata)
{
	struct job *job = userdata;

	if (result->outcome != ACME_ORDER_ISSUED) {
		on_order_refused(job, result);
		return;
	}
	job->chain_pem = xmemdup(result->chain_pem, result->chain_len);
	job->chain_len = result->chain_len;
	job->acme_order = acme_order_cancel(job->acme_order);
	job->ticket = authority_leave(job->ticket);
	job_set_state(job, JOB_ISSUED);
	/* What the CA's answer has cost is enough for one turn. */
	job_step_later(job);
}

/* The last word before newOrder: what comes of it can be stored, and the directory's answer
 * has said what time it is there. What the try was charged with is taken back. */
static int on_about_to_order(void *userdata, struct err *err)
{
	struct job *job = userdata;
	int r = store_watch_check(job->env->store_watch, err);

	if (r < 0)
		return r;
	r = job_check_clock(job, CLOCK_WATCH_SETTLED, err);
	if (r >= 0)
		return 0;
	job->slot.attempts--;
	job_set_state(job, JOB_HELD);
	return r;
}

static int start_order(struct job *job, struct acme_client *client, struct err *err)
{
	_cleanup_(strv_freep) char **names = strv_split(job->slot.names);
	_cleanup_(freep) char *replaces = job_format_predecessor(job);
	_cleanup_(freep) uint8_t *csr = NULL;
	size_t csr_len = 0;
	const struct conf_block *authority = authority_get_block(job->authority);
	int r = intent_format_csr(job->intent, &csr, &csr_len, err);

	if (r < 0)
		return r;
	struct acme_order_params params = {
		.names = names,
		.csr = csr,
		.csr_len = csr_len,
		.profile = job->slot.profile,
		.replaces = replaces,
		.preferred_chain = conf_get_string(job->domain, "preferred_chain"),
		.resume_url = intent_get_order(job->intent)->url,
		.solver = solver_get(job->solver),
		.progress = intent_get_progress(job->intent),
		.log = &job->log,
		.deadline_usec = conf_get_duration(authority, "order_timeout"),
	};
	return acme_order_start(
		&job->acme_order, client, &params, on_order_done, job, err);
}

void job_step_order(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct acme_client *client = authority_get_client(job->authority);

	if (!client) {
		ensure_again(job);
		return;
	}
	intent_set_guard(job->intent, on_about_to_order, job);
	if (job_check_clock(job, CLOCK_WATCH_SETTLED, NULL) < 0)
		acme_client_doubt_directory(client);
	if (start_order(job, client, &err) < 0)
		job_fail(job, &err);
}

static struct issued_params get_issued_params(struct job *job)
{
	return (struct issued_params){
		.store = job->env->store,
		.slot = &job->slot,
		.current = &job->current,
		.intent = job->intent,
		.chain_pem = job->chain_pem,
		.chain_len = job->chain_len,
		.wall_now_usec = loop_wall_now(job->env->loop),
		.is_wanted = (job->flags & JOB_FORCED) ||
			     job_is_unwanted(job, &job->current),
	};
}

static int refuse_chain(struct job *job, int r, struct err *err)
{
	/* What the CA got wrong would come again; what we could not store may be taken
	 * up by the next job, without a new order. */
	if (err->kind == ERR_CA)
		finish_order(job);
	return err_wrap(err, r, "what the CA has issued is not taken");
}

int job_check_chain(struct job *job, struct err *err)
{
	struct issued_params params = get_issued_params(job);
	int r = issued_check(&params, err);

	return r < 0 ? refuse_chain(job, r, err) : 0;
}

int job_take_chain(struct job *job, struct err *err)
{
	struct issued_params params = get_issued_params(job);

	store_certificate_done(&job->issued);
	job->issued = (struct store_certificate){ 0 };
	if (*solver_get_note(job->solver))
		xstrset(&job->slot.challenges, solver_get_note(job->solver));
	int r = issued_take(&job->issued, &params, err);
	return r < 0 ? refuse_chain(job, r, err) : 0;
}
