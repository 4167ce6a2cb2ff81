/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See schedule.h. A slot whose job runs is charged with a later due time by the job
 * itself, so the index never shows it as due for long. */
#include "core/schedule.h"

#include <errno.h>

#include "core/wanted/policy.h"
#include "store/slot.h"
#include "util/list.h"
#include "util/mem.h"

/* Jobs at once; how many of them ask a CA is the authorities' max_orders. */
#define JOBS_MAX 512
/* If the store cannot be read: not at once again. */
#define TROUBLE_USEC (60 * USEC_PER_SEC)

struct running {
	struct list entry;
	struct schedule *schedule; /* borrowed */
	struct job *job;           /* owned */
	int64_t slot_id;
};

struct schedule_watch {
	struct list entry; /* not linked once it was told */
	int64_t slot_id;
	schedule_watch_fn *fn;
	void *userdata;
};

struct schedule {
	const struct job_env *env; /* borrowed */
	struct loop_timer *timer;
	struct list running; /* running.entry */
	struct list watches; /* schedule_watch.entry */
	unsigned n_running;
	char *hold;     /* owned; why nothing is started, NULL: it is */
	bool is_paused; /* for a reload */
	bool is_stopped;
};

static struct running *find_running(const struct schedule *schedule, int64_t slot_id)
{
	struct running *r;

	list_foreach(r, &schedule->running, entry)
		if (r->slot_id == slot_id)
			return r;
	return NULL;
}

/* --- jobs ------------------------------------------------------------------------------ */

static void running_free(struct running *r)
{
	r->schedule->n_running--;
	list_remove(&r->entry);
	job_cancel(r->job);
	free(r);
}

/* Each may drop itself or another one when it is told. */
static void tell_watches(struct schedule *schedule, int64_t slot_id, bool ok)
{
	struct list told = LIST_INIT(told);
	struct schedule_watch *w, *next;

	list_foreach_safe(w, next, &schedule->watches, entry) {
		if (w->slot_id != slot_id)
			continue;
		list_remove(&w->entry);
		list_append(&told, &w->entry);
	}
	while (!list_is_empty(&told)) {
		w = list_entry(told.next, struct schedule_watch, entry);
		list_remove(&w->entry);
		w->fn(ok, w->userdata);
	}
}

static void on_job_done(bool ok, void *userdata)
{
	struct running *r = userdata;
	struct schedule *schedule = r->schedule;
	int64_t slot_id = r->slot_id;

	running_free(r);
	leftovers_run(schedule->env->leftovers);
	revocations_run(schedule->env->revocations);
	tell_watches(schedule, slot_id, ok);
	schedule_run(schedule);
}

static void set_due(struct schedule *schedule, int64_t slot_id, usec_t due_usec)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (store_slot_set_due(schedule->env->store, slot_id, due_usec, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(schedule->env->log, "slot %lld: %s", (long long)slot_id, text);
}

/* It cannot be worked on now, and must not be the first in the index for ever. */
static void put_off(struct schedule *schedule, int64_t slot_id, const char *reason)
{
	log_error(schedule->env->log, "slot %lld is put off for an hour: %s",
		(long long)slot_id, reason);
	set_due(schedule, slot_id,
		usec_add(loop_wall_now(schedule->env->loop), USEC_PER_HOUR));
}

/* Why nothing is started now; NULL: it is. */
static const char *hold_of(const struct schedule *schedule)
{
	if (schedule->hold)
		return schedule->hold;
	if (schedule->is_paused)
		return "a reload is under way; ask again when it is done";
	return store_watch_get_alarm(schedule->env->store_watch);
}

int schedule_start(
	struct schedule *schedule, int64_t slot_id, unsigned flags, struct err *err)
{
	if (schedule->is_stopped)
		return err_set(err, -ESHUTDOWN, "postseald is about to end");
	const char *reason = hold_of(schedule);
	if (reason)
		return err_set(err, -EROFS, "%s", reason);
	if (find_running(schedule, slot_id))
		return err_set(err, -EBUSY, "a job for it is under way already");
	struct running *r = xnew(struct running);
	r->schedule = schedule;
	r->slot_id = slot_id;
	list_append(&schedule->running, &r->entry);
	schedule->n_running++;
	const struct job_params params = {
		.env = schedule->env,
		.slot_id = slot_id,
		.flags = flags,
	};
	int ret = job_start(&r->job, &params, on_job_done, r, err);
	if (ret != 0)
		running_free(r);
	if (ret > 0)
		ret = err_set(err, -ENOENT, "its domain is not in the configuration");
	return ret;
}

/* --- the timer ------------------------------------------------------------------------- */

static void set_timer(struct schedule *schedule)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	int64_t id;
	usec_t due;
	int r = store_slot_find_due(schedule->env->store, &id, &due, &err);

	if (r == STORE_E_NOT_FOUND) {
		loop_timer_disarm(schedule->timer);
		return;
	}
	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(schedule->env->log, "schedule: %s", text);
		loop_timer_set_after(schedule->timer, TROUBLE_USEC);
		return;
	}
	if (due > loop_wall_now(schedule->env->loop))
		loop_timer_set_wall(schedule->timer, due);
	else /* due, but its job runs or there is no room: its end comes here, too */
		loop_timer_set_after(schedule->timer, USEC_PER_SEC);
}

static void start_due(struct schedule *schedule)
{
	int64_t ids[JOBS_MAX];
	_cleanup_(err_done) struct err err = ERR_INIT;
	int n = store_slot_list_due(schedule->env->store,
		loop_wall_now(schedule->env->loop), ids,
		(int)(JOBS_MAX - schedule->n_running), &err);

	for (int i = 0; i < n; i++) {
		_cleanup_(err_done) struct err why = ERR_INIT;

		if (find_running(schedule, ids[i]))
			continue;
		if (schedule_start(schedule, ids[i], 0, &why) >= 0)
			continue;
		_cleanup_(freep) char *text = err_format(&why);
		put_off(schedule, ids[i], text);
	}
}

void schedule_run(struct schedule *schedule)
{
	if (schedule->is_stopped || hold_of(schedule))
		return;
	if (schedule->n_running < JOBS_MAX)
		start_due(schedule);
	set_timer(schedule);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	schedule_run(userdata);
}

void schedule_hold(struct schedule *schedule, const char *reason)
{
	xstrset(&schedule->hold, reason);
	loop_timer_disarm(schedule->timer);
}

void schedule_pause(struct schedule *schedule)
{
	schedule->is_paused = true;
	loop_timer_disarm(schedule->timer);
}

void schedule_resume(struct schedule *schedule)
{
	schedule->is_paused = false;
	loop_timer_set_after(schedule->timer, 0);
}

void schedule_stop(struct schedule *schedule)
{
	schedule->is_stopped = true;
	loop_timer_disarm(schedule->timer);
	while (!list_is_empty(&schedule->running)) {
		struct running *r =
			list_entry(schedule->running.next, struct running, entry);
		int64_t slot_id = r->slot_id;

		running_free(r);
		tell_watches(schedule, slot_id, false);
	}
}

/* --- reload ----------------------------------------------------------------------------- */

void schedule_follow(struct schedule *schedule, struct conf *conf, bool all_stale)
{
	struct running *r, *next;

	list_foreach_safe(r, next, &schedule->running, entry) {
		const struct conf_block *was = job_get_domain(r->job);
		const struct conf_block *is =
			conf_find_block(conf, "domain", conf_block_get_name(was));

		if (!all_stale && is &&
			policy_is_same_slice(job_get_conf(r->job), was, conf, is)) {
			job_follow(r->job, conf, is);
			continue;
		}
		int64_t slot_id = r->slot_id;
		running_free(r);
		set_due(schedule, slot_id, loop_wall_now(schedule->env->loop));
		tell_watches(schedule, slot_id, false);
	}
}

/* --- the object --------------------------------------------------------------------------- */

struct schedule *schedule_new(const struct job_env *env)
{
	struct schedule *schedule = xnew(struct schedule);

	schedule->env = env;
	schedule->timer = loop_timer_new(env->loop, on_timer, schedule);
	list_init(&schedule->running);
	list_init(&schedule->watches);
	return schedule;
}

struct schedule *schedule_free(struct schedule *schedule)
{
	struct running *r, *next;

	if (!schedule)
		return NULL;
	list_foreach_safe(r, next, &schedule->running, entry)
		running_free(r);
	/* Who still watches keeps its handle, and hears nothing more. */
	while (!list_is_empty(&schedule->watches))
		list_remove(schedule->watches.next);
	loop_timer_free(schedule->timer);
	free(schedule->hold);
	free(schedule);
	return NULL;
}

struct schedule_watch *schedule_watch(struct schedule *schedule, int64_t slot_id,
	schedule_watch_fn *fn, void *userdata)
{
	struct schedule_watch *w = xnew(struct schedule_watch);

	w->slot_id = slot_id;
	w->fn = fn;
	w->userdata = userdata;
	list_append(&schedule->watches, &w->entry);
	return w;
}

struct schedule_watch *schedule_unwatch(struct schedule_watch *watch)
{
	if (!watch)
		return NULL;
	list_remove(&watch->entry);
	free(watch);
	return NULL;
}

const struct job *schedule_find(const struct schedule *schedule, int64_t slot_id)
{
	const struct running *r = find_running(schedule, slot_id);

	return r ? r->job : NULL;
}

unsigned schedule_count(const struct schedule *schedule)
{
	return schedule->n_running;
}
