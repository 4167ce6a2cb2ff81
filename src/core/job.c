/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of a certificate, as one job lives it.
 *
 *   DUE ──► needs an order? ──no──► RENEWAL_INFO ──not yet──► end, asked again later
 *    │             │ yes                 │ now (RFC 9773)
 *    │             ▼                     │
 *    │         PREFLIGHT ◄───────────────┘   nothing stands against it
 *    │             ▼
 *    │          ACCOUNT                      RFC 8555 7.3
 *    │             ▼
 *    │           PLACE                       one of max_orders at this CA
 *    │             ▼
 *    │           ORDER                       RFC 8555 7.4; key and intent are stored first
 *    │             ▼
 *    │          ISSUED                       checked, rehearsed, stored in one transaction
 *    │ issued      ▼
 *    └────────► INSTALL ──► PROVE ──► SERVED      also the current one, at a new target
 *
 * Any step may fail: the reason and the time of the next try are stored, what is served
 * stays. Nothing is ordered while this machine's clock is wrong: that is no failure, and
 * the slot is looked at again soon. The row is charged with the failure before the CA is asked, so that a crash
 * cannot make a loop of orders; success wipes it out. Issuing and installing fail apart:
 * a certificate that is issued is not ordered again because a daemon did not reload.
 */
#include "core/job.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "acme/order.h"
#include "core/install.h"
#include "core/intent.h"
#include "core/issued.h"
#include "core/last_good.h"
#include "core/policy.h"
#include "core/preflight.h"
#include "core/prove.h"
#include "core/renewal.h"
#include "core/solver.h"
#include "store/certificate.h"
#include "store/slot.h"
#include "util/fault.h"
#include "util/mem.h"
#include "util/strtab.h"

/* A CA that says "later" in a year's time is asked again sooner. */
#define HOLD_AGAIN_USEC    (6 * USEC_PER_HOUR)
#define RETRY_AT_MOST_USEC (2 * USEC_PER_DAY)
/* How soon a slot is looked at again that waits for the clock. */
#define HOLD_USEC (5 * USEC_PER_MIN)

enum job_state {
	JOB_DUE,          /* deciding what has to be done */
	JOB_RENEWAL_INFO, /* asking the CA whether it is time */
	JOB_PREFLIGHT,    /* looking for what stands against it */
	JOB_ACCOUNT,      /* making sure of the account */
	JOB_PLACE,        /* waiting for a place among max_orders */
	JOB_ORDER,        /* the order is under way */
	JOB_ISSUED,       /* checking and storing what came */
	JOB_INSTALL,      /* handing it to each target */
	JOB_PROVE,        /* shaking hands with each address */
	JOB_SERVED,       /* seen everywhere */
	JOB_HELD,         /* the clock is wrong: no order is made */
	JOB_FAILED,       /* the reason is stored */
	_JOB_STATE_MAX,
};

struct job {
	/* inputs */
	const struct job_env *env;       /* borrowed */
	struct conf *conf;               /* referenced */
	const struct conf_block *domain; /* points into conf */
	char *subject;                   /* owned; the domain's name */
	struct log_ctx log;
	unsigned flags;
	job_done_fn *done;
	void *userdata;

	/* owned operations */
	struct loop_defer *defer;
	struct renewal *renewal;
	struct authority_ensure *ensure;
	struct authority_ticket *ticket;
	struct acme_order *acme_order;
	struct install *install;
	struct prove *prove;
	struct solver *solver;

	/* facts, as they stand in the store */
	enum job_state state;
	struct store_slot slot;
	struct store_certificate current; /* id 0: none */
	struct store_certificate issued;  /* the pending one; id 0: none */
	struct intent *intent;            /* owned; of the order under way */
	struct authority *authority;      /* borrowed */

	/* results */
	char *chain_pem; /* owned; as downloaded: may hold anything, NUL too */
	size_t chain_len;
};

static void job_step(struct job *job);

/* clang-format off */
static const char *const state_names[] = {
	[JOB_DUE]          = "due",
	[JOB_RENEWAL_INFO] = "asking the CA when to renew",
	[JOB_PREFLIGHT]    = "checking what stands against an order",
	[JOB_ACCOUNT]      = "making sure of the account",
	[JOB_PLACE]        = "waiting for a place at the CA",
	[JOB_ORDER]        = "ordering",
	[JOB_ISSUED]       = "checking what was issued",
	[JOB_INSTALL]      = "installing",
	[JOB_PROVE]        = "proving",
	[JOB_SERVED]       = "served",
	[JOB_HELD]         = "waiting for the right time of day",
	[JOB_FAILED]       = "failed",
};

/* clang-format on */

static void set_state(struct job *job, enum job_state state)
{
	log_debug(&job->log, "job: %s → %s", STRTAB_NAME(state_names, job->state),
		STRTAB_NAME(state_names, state));
	job->state = state;
}

/* --- the end, good or bad -------------------------------------------------------------- */

static void job_complete(struct job *job, bool ok)
{
	job_done_fn *done = TAKE_PTR(job->done);

	done(ok, job->userdata);
}

static uint64_t random_number(void)
{
	uint64_t v = 0;

	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) < 0)
		return 0;
	return v;
}

/* Later of back-off and what the CA asked for. */
static usec_t next_try(struct job *job, unsigned attempts, usec_t retry_at_usec)
{
	usec_t now = loop_wall_now(job->env->loop);
	usec_t at = usec_add(now, policy_back_off(attempts, random_number()));

	return MAX(at, MIN(retry_at_usec, usec_add(now, RETRY_AT_MOST_USEC)));
}

/* The store does not take anything now, which is told by its watch: nothing is counted,
 * and what the slot's row says stands until it is well. */
static bool job_stall(struct job *job)
{
	if (!store_watch_get_alarm(job->env->store_watch))
		return false;
	set_state(job, JOB_HELD);
	job_complete(job, false);
	return true;
}

static void job_fail(struct job *job, const struct err *cause)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *text = err_format(cause);
	char wait[USEC_DURATION_MAX];
	usec_t now = loop_wall_now(job->env->loop);

	if (job_stall(job))
		return;
	set_state(job, JOB_FAILED);
	xstrset(&job->slot.error, text);
	if (job->solver && *solver_get_note(job->solver))
		xstrset(&job->slot.challenges, solver_get_note(job->solver));
	job->slot.due_usec = next_try(job, job->slot.attempts, cause->retry_at_usec);
	usec_format_duration(
		usec_sub(job->slot.due_usec, now) / USEC_PER_SEC * USEC_PER_SEC, wait,
		sizeof(wait));
	if (store_slot_save(job->env->store, &job->slot, &err) < 0) {
		_cleanup_(freep) char *why = err_format(&err);
		log_error(&job->log, "failure not stored: %s", why);
	}
	events_add(job->env->events,
		cause->kind == ERR_CONFIG ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
		"failed", job->subject, "%s; next try in %s%s", text, wait,
		job->current.id ? "; what is served stays" : "");
	job_complete(job, false);
}

/* Nobody has failed: nothing is counted, and the alarm is clock_watch's. The time of
 * this try shows a later one that it was made by a clock that was ahead. */
static void job_hold(struct job *job, const struct err *cause)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *text = err_format(cause);
	usec_t wait = HOLD_USEC + random_number() % (HOLD_USEC / 5);

	set_state(job, JOB_HELD);
	xstrset(&job->slot.error, text);
	job->slot.attempted_usec = loop_wall_now(job->env->loop);
	job->slot.due_usec = usec_add(job->slot.attempted_usec, wait);
	if (store_slot_save(job->env->store, &job->slot, &err) < 0)
		job_fail(job, &err);
	else
		job_complete(job, false);
}

/* What is written before anything is asked of a CA: this try counts as failed until it
 * has succeeded. */
static int charge(struct job *job, struct err *err)
{
	job->slot.attempts++;
	job->slot.attempted_usec = loop_wall_now(job->env->loop);
	job->slot.due_usec = next_try(job, job->slot.attempts, 0);
	/* Charged, and no reason why: it is under way, and after a crash taken up again. */
	xstrset(&job->slot.error, NULL);
	return store_slot_save(job->env->store, &job->slot, err);
}

/* --- due: what has to be done? ------------------------------------------------------------ */

static usec_t renew_at(
	const struct store_certificate *certificate, const struct conf_block *domain)
{
	return renewal_get_by_lifetime(
		certificate, conf_get_duration(domain, "renew_before"));
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Neither less nor more than the slot shall have now. */
static bool is_as_wanted(
	const struct job *job, const struct store_certificate *certificate)
{
	return is_same(certificate->names, job->slot.names) &&
	       is_same(certificate->authority, job->slot.authority) &&
	       is_same(certificate->profile, job->slot.profile);
}

/* What waits to be installed is the current certificate: core/plan wants it at another
 * target. */
static bool is_current_again(const struct job *job)
{
	return job->issued.id > 0 && job->issued.id == job->current.id;
}

static bool has_open_order(const struct job *job)
{
	_cleanup_(store_order_done) struct store_order order = { 0 };

	return store_order_find_open(job->env->store, job->slot.id, &order, NULL) == 0;
}

/* That a target does not take the current certificate is no reason to order. */
static bool needs_order(const struct job *job)
{
	if (job->flags & JOB_FORCED)
		return true;
	if (job->current.id == 0 || !is_as_wanted(job, &job->current))
		return true;
	return job->slot.attempts > 0 &&
	       (!is_current_again(job) || has_open_order(job));
}

/* An issued certificate waits for its targets, unless something else is wanted now. A
 * target that fails must not keep the current one from its renewal: that is asked for
 * before the next try. */
static bool needs_install(const struct job *job)
{
	if (job->issued.id == 0 || (job->flags & JOB_FORCED))
		return false;
	if (is_current_again(job) && job->slot.attempts > 0)
		return false;
	return is_as_wanted(job, &job->issued) &&
	       job->issued.not_after_usec > loop_wall_now(job->env->loop);
}

/* A plugin that the domain cannot do without is disabled: an order would be in vain. To
 * enable it makes the slot due at once. */
static void hold(struct job *job, const char *reason)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	bool is_news = !job->slot.error || strcmp(job->slot.error, reason) != 0;

	set_state(job, JOB_FAILED);
	xstrset(&job->slot.error, reason);
	job->slot.due_usec = usec_add(loop_wall_now(job->env->loop), HOLD_AGAIN_USEC);
	if (store_slot_save(job->env->store, &job->slot, &err) < 0) {
		_cleanup_(freep) char *why = err_format(&err);
		log_error(&job->log, "hold not stored: %s", why);
	}
	if (is_news)
		events_add(job->env->events, LOG_LEVEL_ERROR, "held", job->subject,
			"%s%s", reason,
			job->current.id ? "; what is served stays" : "");
	job_complete(job, false);
}

static void step_due(struct job *job)
{
	_cleanup_(freep) char *reason =
		faults_format_hold(job->env->faults, job->conf, job->domain);

	if (reason) {
		hold(job, reason);
		return;
	}
	if (needs_install(job))
		set_state(job, JOB_INSTALL);
	else if (needs_order(job))
		set_state(job, JOB_PREFLIGHT);
	else
		set_state(job, JOB_RENEWAL_INFO);
	job_step(job);
}

/* --- is it time? RFC 9773 ------------------------------------------------------------------- */

static void save_due(struct job *job, usec_t due_usec)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	job->slot.due_usec = due_usec;
	if (job->slot.attempts == 0)
		xstrset(&job->slot.error, NULL);
	if (store_slot_save(job->env->store, &job->slot, &err) < 0)
		job_fail(job, &err);
	else
		job_complete(job, true);
}

static void on_renewal_known(const struct renewal_result *result, void *userdata)
{
	struct job *job = userdata;
	const usec_t at = result->at_usec, wake = result->wake_usec;

	FAULT("renewal-info-answered");
	if (at > loop_wall_now(job->env->loop)) {
		job->renewal = renewal_cancel(job->renewal);
		if (!is_current_again(job)) {
			save_due(job, wake);
			return;
		}
		set_state(job, JOB_INSTALL);
		job_step(job);
		return;
	}
	if (result->explanation_url)
		events_add(job->env->events, LOG_LEVEL_NOTICE, "due", job->subject,
			"the CA asks to renew the %s certificate now: %s",
			job->slot.key_type, result->explanation_url);
	job->renewal = renewal_cancel(job->renewal);
	set_state(job, JOB_PREFLIGHT);
	job_step(job);
}

static void step_renewal_info(struct job *job)
{
	const struct renewal_params params = {
		.loop = job->env->loop,
		.store = job->env->store,
		.authority = job->authority,
		.slot_id = job->slot.id,
		.certificate = &job->current,
		.renew_before_usec = conf_get_duration(job->domain, "renew_before"),
		.log = &job->log,
	};

	job->renewal = renewal_start(&params, on_renewal_known, job);
}

/* --- preflight -------------------------------------------------------------------------------- */

static int check_clock(const struct job *job, unsigned flags, struct err *err)
{
	if (!job->env->clock)
		return 0;
	return clock_watch_check(
		job->env->clock, authority_get_name(job->authority), flags, err);
}

static void step_preflight(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const unsigned flags = job->flags & JOB_FORCED ? CLOCK_WATCH_FORCED : 0;
	int r = check_clock(job, flags, &err);

	if (r < 0) {
		job_hold(job, &err);
		return;
	}
	r = store_watch_check(job->env->store_watch, &err);
	if (r >= 0)
		r = preflight_check(job->env->store, authority_get_name(job->authority),
			loop_wall_now(job->env->loop), &err);
	if (r >= 0)
		r = charge(job, &err);
	if (r < 0) {
		job_fail(job, &err);
		return;
	}
	set_state(job, JOB_ACCOUNT);
	job_step(job);
}

/* --- account ------------------------------------------------------------------------------------ */

static void on_ensured(const struct err *err, void *userdata)
{
	struct job *job = userdata;

	job->ensure = authority_ensure_cancel(job->ensure);
	if (err) {
		job_fail(job, err);
		return;
	}
	set_state(job, JOB_PLACE);
	job_step(job);
}

static void step_account(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (authority_ensure_start(
		    &job->ensure, job->authority, 0, on_ensured, job, &err) < 0)
		job_fail(job, &err);
}

/* --- a place among max_orders --------------------------------------------------------------------- */

static void on_granted(void *userdata)
{
	struct job *job = userdata;

	set_state(job, JOB_ORDER);
	job_step(job);
}

static void step_place(struct job *job)
{
	job->ticket = authority_enter(
		job->authority, job->current.not_after_usec, on_granted, job);
}

/* --- the order: its facts are stored before each act ------------------------------------------------- */

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

static bool is_account_gone(const struct acme_order_result *result)
{
	return result->problem &&
	       acme_problem_reaction(result->problem) == ACME_REACTION_ACCOUNT;
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
		job_hold(job, &err);
		return;
	}
	if (is_account_gone(result)) {
		_cleanup_(freep) char *text = acme_problem_format(result->problem);
		authority_stop_account(job->authority, text);
	}
	job->acme_order = acme_order_cancel(job->acme_order);
	if (is_over || (was_resumed && err.kind != ERR_NETWORK))
		is_finished = finish_order(job);
	if (is_over && was_resumed && is_finished) {
		/* What an earlier job left has ended meanwhile: that is no failure. */
		log_info(&job->log,
			"the order that was left open is over, ordering anew");
		job->intent = intent_free(job->intent);
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
	set_state(job, JOB_ISSUED);
	job_step(job);
}

/* Another job may have found out meanwhile that the account is no more. */
static int get_client(struct job *job, struct acme_client **ret, struct err *err)
{
	*ret = authority_get_client(job->authority);
	if (*ret)
		return 0;
	return err_set_kind(err, ERR_CA, -EACCES,
		"the account at authority %s has been stopped meanwhile",
		authority_get_name(job->authority));
}

static bool has_common_name(const char *a, const char *b)
{
	_cleanup_(strv_freep) char **names = strv_split(a);
	_cleanup_(strv_freep) char **others = strv_split(b);

	for (size_t i = 0; names && names[i]; i++)
		if (strv_contains(others, names[i]))
			return true;
	return false;
}

/* What this order replaces in the eyes of the CA (RFC 9773 5): the newest that it has
 * issued for the slot, be it proven or not. Owned by the caller; NULL: nothing. */
static char *format_predecessor(const struct job *job)
{
	const struct store_certificate *last =
		job->issued.id ? &job->issued : &job->current;

	if (last->id == 0 || strcmp(last->authority, job->slot.authority) != 0)
		return NULL;
	return has_common_name(last->names, job->slot.names) ? renewal_format_id(last)
							     : NULL;
}

/* The last word before newOrder: what comes of it can be stored, and the directory's answer
 * has said what time it is there. What the try was charged with is taken back. */
static int on_about_to_order(void *userdata, struct err *err)
{
	struct job *job = userdata;
	int r = store_watch_check(job->env->store_watch, err);

	if (r < 0)
		return r;
	r = check_clock(job, CLOCK_WATCH_SETTLED, err);
	if (r >= 0)
		return 0;
	job->slot.attempts--;
	set_state(job, JOB_HELD);
	return r;
}

static int start_order(struct job *job, struct acme_client *client, struct err *err)
{
	_cleanup_(strv_freep) char **names = strv_split(job->slot.names);
	_cleanup_(freep) char *replaces = format_predecessor(job);
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

static void step_order(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct acme_client *client;
	int r = get_client(job, &client, &err);

	if (r >= 0)
		r = intent_open(&job->intent, job->env->store, job->env->loop,
			&job->slot, authority_get_account(job->authority)->id, &err);
	if (r >= 0) {
		intent_set_guard(job->intent, on_about_to_order, job);
		if (check_clock(job, CLOCK_WATCH_SETTLED, NULL) < 0)
			acme_client_doubt_directory(client);
		r = start_order(job, client, &err);
	}
	if (r < 0)
		job_fail(job, &err);
}

/* --- issued: nothing is served that has not passed here (promise 1) ------------------------------------ */

static int take_chain(struct job *job, struct err *err)
{
	struct issued_params params = {
		.store = job->env->store,
		.slot = &job->slot,
		.current = &job->current,
		.intent = job->intent,
		.chain_pem = job->chain_pem,
		.chain_len = job->chain_len,
		.wall_now_usec = loop_wall_now(job->env->loop),
		.is_wanted = job->flags & JOB_FORCED,
	};

	store_certificate_done(&job->issued);
	job->issued = (struct store_certificate){ 0 };
	if (*solver_get_note(job->solver))
		xstrset(&job->slot.challenges, solver_get_note(job->solver));
	int r = issued_take(&job->issued, &params, err);
	if (r >= 0)
		return 0;
	/* What the CA got wrong would come again; what we could not store may be taken
	 * up by the next job, without a new order. */
	if (err->kind == ERR_CA)
		finish_order(job);
	return err_wrap(err, r, "what the CA has issued is not taken");
}

static void step_issued(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	char date[USEC_RFC3339_MAX];

	/* By a wrong clock it would be rejected; the order stands and will be taken up. */
	if (check_clock(job, CLOCK_WATCH_SETTLED, &err) < 0) {
		job->slot.attempts--;
		job_hold(job, &err);
		return;
	}
	if (take_chain(job, &err) < 0) {
		job_fail(job, &err);
		return;
	}
	FAULT("certificate-stored");
	events_add(job->env->events, LOG_LEVEL_NOTICE, "issued", job->subject,
		"%s certificate for %s by %s, valid until %s, validated by %s",
		job->slot.key_type, job->slot.names, job->issued.issuer,
		usec_format_rfc3339(job->issued.not_after_usec, date, sizeof(date)),
		*solver_get_note(job->solver) ? solver_get_note(job->solver)
					      : "what the CA knew already");
	set_state(job, JOB_INSTALL);
	job_step(job);
}

/* --- install ---------------------------------------------------------------------------------------- */

static void on_installed(const struct err *install_err, void *userdata)
{
	struct job *job = userdata;

	FAULT("installed");
	job->install = install_cancel(job->install);
	if (install_err) {
		job_fail(job, install_err);
		return;
	}
	events_add(job->env->events, LOG_LEVEL_INFO, "installed", job->subject,
		"%s certificate is installed at every target", job->slot.key_type);
	set_state(job, JOB_PROVE);
	job_step(job);
}

static struct install_params get_install_params(const struct job *job)
{
	return (struct install_params){
		.loop = job->env->loop,
		.store = job->env->store,
		.fleet = job->env->fleet,
		.served = job->env->served,
		.listeners = job->env->listeners,
		.instances = job->env->instances,
		.conf = job->conf,
		.domain = job->domain,
		.certificate = &job->issued,
		.key_type = job->slot.key_type,
	};
}

static void step_install(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct install_params params = get_install_params(job);
	int r = charge(job, &err);

	if (r >= 0)
		r = install_start(&job->install, &params, on_installed, job, &err);
	if (r < 0)
		job_fail(job, &err);
}

/* --- prove ------------------------------------------------------------------------------------------ */

/* Is there a certificate of a slot that this one replaces? */
static bool has_stand_in(const struct job *job)
{
	_cleanup_(strv_freep) char **names = strv_split(job->slot.names);

	return job->current.id == 0 && names && served_has_old(job->env->served, names);
}

/* What was proven before is better than what is not seen, as long as it is valid. */
static void roll_back(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct install_params params = get_install_params(job);

	bool has_current = job->current.id > 0 &&
			   job->current.not_after_usec > loop_wall_now(job->env->loop);
	if (is_current_again(job) || (!has_current && !has_stand_in(job)))
		return;
	int r = install_roll_back(&params, has_current ? &job->current : NULL, &err);
	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(&job->log, "roll-back not stored: %s", text);
	} else if (r > 0) {
		events_add(job->env->events, LOG_LEVEL_WARNING, "rolled-back",
			job->subject, "%s certificate %s is served again",
			has_current ? job->slot.key_type : "the old",
			has_current ? job->current.serial : "of the slot before");
	}
}

static void on_proven(const struct err *prove_err, void *userdata)
{
	struct job *job = userdata;

	FAULT("proven");
	job->prove = prove_cancel(job->prove);
	if (prove_err) {
		roll_back(job);
		job_fail(job, prove_err);
		return;
	}
	set_state(job, JOB_SERVED);
	job_step(job);
}

static void step_prove(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	enum key_type type = key_type_parse(job->slot.key_type);
	struct prove_params params = {
		.loop = job->env->loop,
		.store = job->env->store,
		.certificate = &job->issued,
		.is_rsa = type >= 0 && key_type_is_rsa(type),
	};

	if (prove_start(&job->prove, &params, on_proven, job, &err) < 0)
		job_fail(job, &err);
}

/* --- served ----------------------------------------------------------------------------------------- */

/* With ARI the CA is asked at once when to renew; else the lifetime says it. */
static usec_t due_after_served(struct job *job)
{
	struct acme_client *client = authority_get_client(job->authority);
	const struct acme_directory *directory =
		client ? acme_client_get_directory(client) : NULL;

	if (directory && directory->renewal_info &&
		!conf_is_set(job->domain, "renew_before"))
		return loop_wall_now(job->env->loop);
	return renew_at(&job->issued, job->domain);
}

/* What stood in for it is over, and so is what it covered and this one does not. */
static void settle(struct job *job)
{
	_cleanup_(strv_freep) char **names = strv_split(job->slot.names);
	_cleanup_(strv_freep) char **before =
		job->current.id ? strv_split(job->current.names) : NULL;

	served_settle(job->env->served, names);
	for (size_t i = 0; job->env->fleet && before && before[i]; i++)
		if (!strv_contains(names, before[i]))
			fleet_drop_context(job->env->fleet, before[i]);
}

static void step_served(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	char date[USEC_RFC3339_MAX];

	if (issued_save_served(job->env->store, &job->slot, job->issued.id,
		    due_after_served(job), &err) < 0) {
		job_fail(job, &err);
		return;
	}
	FAULT("served-stored");
	settle(job);
	if (is_current_again(job)) {
		job_complete(job, true);
		return;
	}
	if (job->env->last_good)
		last_good_put(job->env->last_good, job->slot.id, job->current.id);
	events_add(job->env->events, LOG_LEVEL_NOTICE, "served", job->subject,
		"%s certificate %s is served, valid until %s", job->slot.key_type,
		job->issued.serial,
		usec_format_rfc3339(job->issued.not_after_usec, date, sizeof(date)));
	job_complete(job, true);
}

/* --- the driver ----------------------------------------------------------------------------------------- */

/* clang-format off */
static void (*const steps[])(struct job *job) = {
	[JOB_DUE]          = step_due,
	[JOB_RENEWAL_INFO] = step_renewal_info,
	[JOB_PREFLIGHT]    = step_preflight,
	[JOB_ACCOUNT]      = step_account,
	[JOB_PLACE]        = step_place,
	[JOB_ORDER]        = step_order,
	[JOB_ISSUED]       = step_issued,
	[JOB_INSTALL]      = step_install,
	[JOB_PROVE]        = step_prove,
	[JOB_SERVED]       = step_served,
};

/* clang-format on */

static void job_step(struct job *job)
{
	steps[job->state](job);
}

static void on_begin(void *userdata)
{
	struct job *job = userdata;

	job->defer = loop_defer_free(job->defer);
	job_step(job);
}

/* The facts as the store has them. */
static int load_facts(struct job *job, int64_t slot_id, struct err *err)
{
	struct store *store = job->env->store;
	int r = store_slot_load(store, slot_id, &job->slot, err);

	if (r != 0)
		return r;
	if (job->slot.certificate_id > 0)
		r = store_certificate_load(
			store, job->slot.certificate_id, &job->current, err);
	if (r >= 0 && job->slot.pending_id > 0)
		r = store_certificate_load(
			store, job->slot.pending_id, &job->issued, err);
	return r < 0 ? r : 0;
}

static int on_present(
	void *userdata, const struct acme_offer *offer, size_t index, struct err *err)
{
	struct job *job = userdata;

	return intent_present(job->intent, offer, index, err);
}

/* What is not stored is cleaned up once more. */
static void on_withdrawn(void *userdata, const char *url, const char *type)
{
	struct job *job = userdata;

	if (job->intent)
		intent_withdraw(job->intent, url, type, NULL);
}

static int find_domain(struct job *job, struct err *err)
{
	if (job->env->held && plan_has_slot(job->env->held, job->slot.id))
		return err_set(err, -EAGAIN,
			"its change is held by change_brake until postsealctl reload --yes");
	job->domain = conf_find_block(job->conf, "domain", job->slot.domain);
	if (!job->domain || job->slot.removed)
		return STORE_E_NOT_FOUND;
	job->authority = job->env->get_authority(
		policy_get_authority(job->conf, job->domain), job->env->userdata, err);
	return job->authority ? 0 : err->code;
}

int job_start(struct job **ret, const struct job_params *params, job_done_fn *done,
	void *userdata, struct err *err)
{
	const struct job_env *env = params->env;
	_cleanup_(job_cancelp) struct job *job = xnew(struct job);
	_cleanup_(err_done) struct err own = ERR_INIT;
	int r;

	job->env = env;
	job->conf = conf_ref(env->conf);
	job->flags = params->flags;
	job->done = done;
	job->userdata = userdata;
	r = load_facts(job, params->slot_id, &own);
	if (r == 0)
		r = find_domain(job, &own);
	if (r < 0)
		err_move(err, &own);
	if (r != 0)
		return r;
	job->subject = xstrdup(job->slot.domain);
	job->log = (struct log_ctx){ env->log, "CERT", job->subject };
	struct solver_params solver = {
		.loop = env->loop,
		.record = { on_present, on_withdrawn, job },
		.domain = job->domain,
		.instances = env->instances,
		.log = &job->log,
	};
	job->solver = solver_new(&solver);
	job->defer = loop_defer_new(env->loop, on_begin, job);
	*ret = TAKE_PTR(job);
	return 0;
}

struct job *job_cancel(struct job *job)
{
	if (!job)
		return NULL;
	prove_cancel(job->prove);
	install_cancel(job->install);
	acme_order_cancel(job->acme_order);
	authority_leave(job->ticket);
	authority_ensure_cancel(job->ensure);
	renewal_cancel(job->renewal);
	loop_defer_free(job->defer);
	solver_free(job->solver);
	intent_free(job->intent);
	store_certificate_done(&job->issued);
	store_certificate_done(&job->current);
	store_slot_done(&job->slot);
	free(job->chain_pem);
	conf_unref(job->conf);
	free(job->subject);
	free(job);
	return NULL;
}

int64_t job_get_slot_id(const struct job *job)
{
	return job->slot.id;
}

const struct conf_block *job_get_domain(const struct job *job)
{
	return job->domain;
}

const struct conf *job_get_conf(const struct job *job)
{
	return job->conf;
}

const char *job_get_state_text(const struct job *job)
{
	return STRTAB_NAME(state_names, job->state);
}
