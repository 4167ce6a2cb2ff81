/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a job ends when the slot is not served: failed, held, or stalled with the store. Each
 * writes the reason and the time of the next try into the slot's row, and calls done.
 */
#include <string.h>
#include <sys/random.h>

#include "core/job_priv.h"
#include "core/solver.h"
#include "core/wanted/policy.h"
#include "util/mem.h"

/* A CA that says "later" in a year's time is asked again sooner. */
#define HOLD_AGAIN_USEC    (6 * USEC_PER_HOUR)
#define RETRY_AT_MOST_USEC (2 * USEC_PER_DAY)
/* How soon a slot is looked at again that waits for the clock. */
#define HOLD_USEC (5 * USEC_PER_MIN)

void job_complete(struct job *job, bool ok)
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
	job_set_state(job, JOB_HELD);
	job_complete(job, false);
	return true;
}

void job_fail(struct job *job, const struct err *cause)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *text = err_format(cause);
	char wait[USEC_DURATION_MAX];
	usec_t now = loop_wall_now(job->env->loop);

	if (job_stall(job) || (cause->kind == ERR_CA && job_hold_for_account(job)))
		return;
	job_set_state(job, JOB_FAILED);
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

/* Is there a certificate of a slot that this one replaces? */
static bool has_stand_in(const struct job *job)
{
	_cleanup_(strv_freep) char **names = strv_split(job->slot.names);

	return job->current.id == 0 && names && served_has_old(job->env->served, names);
}

/* What was proven before is better than what is not seen, as long as it is valid. */
void job_roll_back(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct install_params params = job_get_install_params(job);

	bool has_current = job->current.id > 0 &&
			   job->current.not_after_usec > loop_wall_now(job->env->loop);
	if (job_is_current_again(job) || (!has_current && !has_stand_in(job)))
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

/* Nobody has failed: nothing is counted, and the alarm is clock_watch's. The time of
 * this try shows a later one that it was made by a clock that was ahead. */
void job_hold_for_clock(struct job *job, const struct err *cause)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *text = err_format(cause);
	usec_t wait = HOLD_USEC + random_number() % (HOLD_USEC / 5);

	job_set_state(job, JOB_HELD);
	xstrset(&job->slot.error, text);
	job->slot.attempted_usec = loop_wall_now(job->env->loop);
	job->slot.due_usec = usec_add(job->slot.attempted_usec, wait);
	if (store_slot_save(job->env->store, &job->slot, &err) < 0)
		job_fail(job, &err);
	else
		job_complete(job, false);
}

int job_charge(struct job *job, struct err *err)
{
	job->slot.attempts++;
	job->slot.attempted_usec = loop_wall_now(job->env->loop);
	job->slot.due_usec = next_try(job, job->slot.attempts, 0);
	/* Charged, and no reason why: it is under way, and after a crash taken up again. */
	xstrset(&job->slot.error, NULL);
	return store_slot_save(job->env->store, &job->slot, err);
}

/* An order would be in vain before an operator has done something: enabled a plugin that
 * the domain cannot do without, or registered an account anew. That makes the slot due at
 * once. */
void job_hold_for_operator(struct job *job, const char *reason)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	bool is_news = !job->slot.error || strcmp(job->slot.error, reason) != 0;

	job_set_state(job, JOB_FAILED);
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

/* Nobody has failed: the record is shown and looked for, and the slot is due as soon as it
 * is there. */
void job_wait_for_records(struct job *job, const char *reason)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	bool is_news = !str_is_same(job->error_before, reason);

	job_set_state(job, JOB_HELD);
	job->slot.attempts--;
	xstrset(&job->slot.error, reason);
	job->slot.due_usec = usec_add(loop_wall_now(job->env->loop), HOLD_AGAIN_USEC);
	if (store_slot_save(job->env->store, &job->slot, &err) < 0) {
		job_fail(job, &err);
		return;
	}
	if (is_news)
		events_add(job->env->events, LOG_LEVEL_NOTICE, "waiting", job->subject,
			"%s%s", reason,
			job->current.id ? "; what is served stays" : "");
	job_complete(job, false);
}

bool job_hold_for_account(struct job *job)
{
	_cleanup_(freep) char *reason = authority_format_hold(job->authority);

	if (!reason)
		return false;
	job_hold_for_operator(job, reason);
	return true;
}
