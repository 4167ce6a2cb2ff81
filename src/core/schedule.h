/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The schedule: one timer for the slot that is due next, and the jobs that run. A tick
 * with nothing due is one look-up in an index.
 */
#pragma once

#include "core/job.h"

struct schedule;

/* env is borrowed and may be changed (env->conf) while no job runs or between jobs. */
struct schedule *schedule_new(const struct job_env *env);
/* Cancels all jobs; watchers are told nothing, and keep their handles. */
struct schedule *schedule_free(struct schedule *schedule);
DEFINE_CLEANUP(struct schedule *, schedule_free)

/* Starts what is due and sets the timer: after the start, a reload, a command. */
void schedule_run(struct schedule *schedule);
/* Nothing is started, for this reason (copied), which is what schedule_start says. */
void schedule_hold(struct schedule *schedule, const char *reason);
/* Jobs go on, and nothing is started until schedule_resume: a reload changes what it would
 * be started from. */
void schedule_pause(struct schedule *schedule);
void schedule_resume(struct schedule *schedule);
/* Cancels all jobs, and nothing is started any more (stopping). */
void schedule_stop(struct schedule *schedule);

/* The operator's word: a job for this slot now. 0; -EBUSY: one is under way; -ESHUTDOWN:
 * stopping. The watcher is told once, when that slot's job ends or is cancelled (also one
 * that was under way); the handle is dropped by schedule_unwatch, in fn or later. */
int schedule_start(
	struct schedule *schedule, int64_t slot_id, unsigned flags, struct err *err);
struct schedule_watch;
typedef void schedule_watch_fn(bool ok, void *userdata);
struct schedule_watch *schedule_watch(struct schedule *schedule, int64_t slot_id,
	schedule_watch_fn *fn, void *userdata);
struct schedule_watch *schedule_unwatch(struct schedule_watch *watch);

/* Cancels jobs whose domain's slice (policy_is_same_slice) is not the same in `conf`, and
 * no others, unless `all_stale` says so (an instance has gone). They are due at once. */
void schedule_follow(struct schedule *schedule, struct conf *conf, bool all_stale);
/* The job of a slot, or NULL. */
const struct job *schedule_find(const struct schedule *schedule, int64_t slot_id);
unsigned schedule_count(const struct schedule *schedule);
