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
 *    │          PREPARE ──► end              a record is waited for: nothing has failed
 *    │             ▼
 *    │           PLACE                       one of max_orders at this CA
 *    │             ▼
 *    │          INTENT                       key and names are stored before the order
 *    │             ▼
 *    │           ORDER                       RFC 8555 7.4
 *    │             ▼
 *    │          ISSUED                       checked, rehearsed, stored in one transaction
 *    │ issued      ▼
 *    └────────► INSTALL ──► PROVE ──► SERVED      also the current one, at a new target
 *
 * Any step may fail: the reason and the time of the next try are stored, what is served
 * stays. Nothing is ordered while this machine's clock is wrong: that is no failure, and
 * the slot is looked at again soon. The row is charged with the failure before the CA is
 * asked, so that a crash cannot make a loop of orders; success wipes it out. Issuing and
 * installing fail apart: a certificate that is issued is not ordered again because a
 * daemon did not reload.
 *
 * In detail: job_want.c (what is missing), job_prepare.c (what has to stand in the DNS),
 * job_order.c (the order), job_end.c (how it fails or waits).
 */
#include <errno.h>

#include "acme/order.h"
#include "core/intent_open.h"
#include "core/issued.h"
#include "core/job_priv.h"
#include "core/preflight.h"
#include "core/preparation.h"
#include "core/prove.h"
#include "core/renewal.h"
#include "core/solver.h"
#include "core/wanted/policy.h"
#include "core/workers/last_good.h"
#include "store/certificate.h"
#include "store/slot.h"
#include "util/fault.h"
#include "util/mem.h"
#include "util/strtab.h"

/* clang-format off */
static const char *const state_names[] = {
	[JOB_DUE]          = "due",
	[JOB_RENEWAL_INFO] = "asking the CA when to renew",
	[JOB_PREFLIGHT]    = "checking what stands against an order",
	[JOB_ACCOUNT]      = "making sure of the account",
	[JOB_PREPARE]      = "looking for a challenge that is possible",
	[JOB_PLACE]        = "waiting for a place at the CA",
	[JOB_INTENT]       = "making a key",
	[JOB_ORDER]        = "ordering",
	[JOB_ISSUED]       = "checking what was issued",
	[JOB_TAKE]         = "storing what was issued",
	[JOB_INSTALL]      = "installing",
	[JOB_PROVE]        = "proving",
	[JOB_SERVED]       = "served",
	[JOB_HELD]         = "waiting for the right time of day",
	[JOB_FAILED]       = "failed",
};

/* clang-format on */

void job_set_state(struct job *job, enum job_state state)
{
	log_debug(&job->log, "job: %s → %s", STRTAB_NAME(state_names, job->state),
		STRTAB_NAME(state_names, state));
	job->state = state;
}

/* --- due: what has to be done? ------------------------------------------------------------ */

static void step_due(struct job *job)
{
	_cleanup_(freep) char *reason =
		faults_format_hold(job->env->faults, job->conf, job->domain);

	if (reason) {
		job_hold_for_operator(job, reason);
		return;
	}
	if (job_needs_install(job))
		job_set_state(job, JOB_INSTALL);
	else if (job_needs_order(job))
		job_set_state(job, JOB_PREFLIGHT);
	else
		job_set_state(job, JOB_RENEWAL_INFO);
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
		if (!job_is_current_again(job)) {
			save_due(job, wake);
			return;
		}
		job_set_state(job, JOB_INSTALL);
		job_step(job);
		return;
	}
	if (result->explanation_url)
		events_add(job->env->events, LOG_LEVEL_NOTICE, "due", job->subject,
			"the CA asks to renew the %s certificate now: %s",
			job->slot.key_type, result->explanation_url);
	job->renewal = renewal_cancel(job->renewal);
	job_set_state(job, JOB_PREFLIGHT);
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

static void step_preflight(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const unsigned flags = job->flags & JOB_FORCED ? CLOCK_WATCH_FORCED : 0;
	int r = job_check_clock(job, flags, &err);

	if (r < 0) {
		job_hold_for_clock(job, &err);
		return;
	}
	if (job_hold_for_account(job))
		return;
	r = store_watch_check(job->env->store_watch, &err);
	if (r >= 0)
		r = preflight_check(job->env->store, authority_get_name(job->authority),
			loop_wall_now(job->env->loop), &err);
	if (r >= 0)
		r = job_charge(job, &err);
	if (r < 0) {
		job_fail(job, &err);
		return;
	}
	job_set_state(job, JOB_ACCOUNT);
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
	job_set_state(job, JOB_PREPARE);
	job_step(job);
}

static void step_account(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (authority_ensure_start(
		    &job->ensure, job->authority, 0, on_ensured, job, &err) < 0)
		job_fail(job, &err);
}

/* --- what has to stand in the DNS: job_step_prepare, in job_prepare.c ------------------------ */

/* --- a place among max_orders --------------------------------------------------------------------- */

static void on_granted(void *userdata)
{
	struct job *job = userdata;

	job_set_state(job, JOB_INTENT);
	job_step(job);
}

static void step_place(struct job *job)
{
	job->ticket = authority_enter(
		job->authority, job->current.not_after_usec, on_granted, job);
}

/* --- intent and order: job_step_intent, job_step_order, in job_order.c -------------------------------------------- */

/* --- issued: nothing is served that has not passed here (promise 1) ------------------------------------ */

/* By a wrong clock it would be rejected; the order stands and will be taken up. */
static bool hold_for_clock(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (job_check_clock(job, CLOCK_WATCH_SETTLED, &err) >= 0)
		return false;
	job->slot.attempts--;
	job_hold_for_clock(job, &err);
	return true;
}

static void step_issued(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (hold_for_clock(job))
		return;
	if (job_check_chain(job, &err) < 0) {
		job_fail(job, &err);
		return;
	}
	job_set_state(job, JOB_TAKE);
	job_step_later(job);
}

static void step_take(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	char date[USEC_RFC3339_MAX];

	if (hold_for_clock(job))
		return;
	if (job_take_chain(job, &err) < 0) {
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
	job_set_state(job, JOB_INSTALL);
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
	job_set_state(job, JOB_PROVE);
	job_step(job);
}

struct install_params job_get_install_params(const struct job *job)
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
	struct install_params params = job_get_install_params(job);
	int r = job_charge(job, &err);

	if (r >= 0)
		r = install_start(&job->install, &params, on_installed, job, &err);
	if (r < 0)
		job_fail(job, &err);
}

/* --- prove ------------------------------------------------------------------------------------------ */

static void on_proven(const struct err *prove_err, void *userdata)
{
	struct job *job = userdata;

	FAULT("proven");
	job->prove = prove_cancel(job->prove);
	if (prove_err) {
		job_roll_back(job);
		job_fail(job, prove_err);
		return;
	}
	job_set_state(job, JOB_SERVED);
	job_step(job);
}

static void step_prove(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	enum key_type type = key_type_parse(job->slot.key_type);
	struct prove_params params = {
		.loop = job->env->loop,
		.store = job->env->store,
		.listeners = job->env->listeners,
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
	return renewal_get_by_lifetime(
		&job->issued, conf_get_duration(job->domain, "renew_before"));
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
	if (job_is_current_again(job)) {
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
	[JOB_PREPARE]      = job_step_prepare,
	[JOB_PLACE]        = step_place,
	[JOB_INTENT]       = job_step_intent,
	[JOB_ORDER]        = job_step_order,
	[JOB_ISSUED]       = step_issued,
	[JOB_TAKE]         = step_take,
	[JOB_INSTALL]      = step_install,
	[JOB_PROVE]        = step_prove,
	[JOB_SERVED]       = step_served,
};

/* clang-format on */

void job_step(struct job *job)
{
	steps[job->state](job);
}

static void on_step_later(void *userdata)
{
	struct job *job = userdata;

	job->defer = loop_defer_free(job->defer);
	job_step(job);
}

void job_step_later(struct job *job)
{
	job->defer = loop_defer_new(job->env->loop, on_step_later, job);
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
	job->error_before = xstrdup(job->slot.error);
	job->log = (struct log_ctx){ env->log, "CERT", job->subject };
	struct solver_params solver = {
		.loop = env->loop,
		.record = { on_present, on_withdrawn, job },
		.domain = job->domain,
		.instances = env->instances,
		.records = env->records,
		.authority = job->authority,
		.log = &job->log,
	};
	job->solver = solver_new(&solver);
	job_step_later(job);
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
	preparation_cancel(job->preparation);
	intent_open_cancel(job->intent_open);
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
	free(job->error_before);
	conf_unref(job->conf);
	free(job->subject);
	free(job);
	return NULL;
}

void job_follow(struct job *job, struct conf *conf, const struct conf_block *domain)
{
	if (job->state != JOB_PLACE)
		return;
	conf_unref(job->conf);
	job->conf = conf_ref(conf);
	job->domain = domain;
	solver_follow(job->solver, domain);
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
