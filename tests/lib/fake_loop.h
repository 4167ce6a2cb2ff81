/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A loop with a virtual clock: time stands still unless a test moves it, and then it
 * jumps from timer to timer. No descriptors (loop_io_new returns -ENOTSUP, and so do
 * signals and children).
 *
 *   _cleanup_(loop_freep) struct loop *loop = fake_loop_new();
 *   acme_order_start(&order, loop, …);
 *   fake_loop_run_until_idle(loop, 10 * USEC_PER_MIN);
 *
 * The monotonic clock starts at FAKE_LOOP_START_USEC, the wall clock at
 * FAKE_LOOP_START_WALL_USEC; both advance together. loop_run() is run-until-idle too, but
 * also ends at loop_exit(); it returns -EDEADLK when nothing is left that could call it.
 */
#pragma once

#include "io/loop.h"

#define FAKE_LOOP_START_USEC      (1000 * USEC_PER_SEC)
#define FAKE_LOOP_START_WALL_USEC ((usec_t)1767225600 * USEC_PER_SEC) /* 2026-01-01 */

/* loop_free() it. Aborts (names nothing) if sources are still there then: a leak. */
struct loop *fake_loop_new(void);

/* Calls what is deferred or due, and what that makes ready in turn, at the present
 * time. Returns the number of calls. More than FAKE_LOOP_CALLS_MAX without time passing
 * is an endless loop: aborts. */
#define FAKE_LOOP_CALLS_MAX 100000
unsigned fake_loop_run_ready(struct loop *loop);
/* One call only: for tests that stop (or crash) between any two. False: none ready. */
bool fake_loop_run_one(struct loop *loop);
/* The same, and when none is ready, time jumps to the next timer first. False: idle. */
bool fake_loop_run_next(struct loop *loop);

/* Moves both clocks by usec, and calls each timer on the way at its own time. */
void fake_loop_advance(struct loop *loop, usec_t usec);
/* Jumps from timer to timer until nothing is armed (true), or until the next one lies
 * more than limit_usec after the start of this call (false; time then stands at the
 * last one called), or until loop_exit() is called (true). */
bool fake_loop_run_until_idle(struct loop *loop, usec_t limit_usec);
/* The same, until *flag is true; false when idle or at the limit before that. */
bool fake_loop_run_until(struct loop *loop, const bool *flag, usec_t limit_usec);

/* Somebody sets the wall clock; the monotonic one is not moved. Who watches it is told on
 * the next turn. */
void fake_loop_set_wall(struct loop *loop, usec_t wall_usec);

/* Monotonic time of the next call: now if something is ready, USEC_NEVER if idle. */
usec_t fake_loop_next(const struct loop *loop);
/* Armed timers and deferred calls that are not spent. */
unsigned fake_loop_count(const struct loop *loop);
