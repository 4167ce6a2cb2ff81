/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/fake_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/loop_priv.h"
#include "util/list.h"
#include "util/mem.h"

struct fake_loop {
	struct loop base;
	struct list timers;   /* of fake_timer: armed, in the order they were set */
	struct list deferred; /* of fake_defer */
	struct list watches;  /* of fake_watch */
	unsigned n_sources;
	usec_t now_usec;
	usec_t wall_usec;
	bool is_exiting;
	int exit_code;
};

struct fake_timer {
	struct loop_timer base;
	struct list link; /* not linked: disarmed */
	usec_t at_usec;
	bool is_wall;
	loop_timer_fn *fn;
	void *userdata; /* borrowed */
};

struct fake_defer {
	struct loop_defer base;
	struct list link; /* not linked: spent */
	loop_defer_fn *fn;
	void *userdata; /* borrowed */
};

struct fake_watch {
	struct loop_wall_watch base;
	struct list link;
	struct loop_defer *defer; /* owned; the clock was set */
	loop_wall_watch_fn *fn;
	void *userdata; /* borrowed */
};

static struct fake_loop *to_loop(const struct loop *loop)
{
	return container_of(loop, struct fake_loop, base);
}

static void fail(const char *what)
{
	fprintf(stderr, "fake loop: %s\n", what);
	abort();
}

static struct loop *fake_free(struct loop *loop)
{
	struct fake_loop *l = to_loop(loop);

	if (l->n_sources > 0)
		fail("freed while sources are left");
	free(l);
	return NULL;
}

static usec_t fake_now(const struct loop *loop)
{
	return to_loop(loop)->now_usec;
}

/* It never sleeps. */
static usec_t fake_boot_now(const struct loop *loop)
{
	return to_loop(loop)->now_usec;
}

static usec_t fake_wall_now(const struct loop *loop)
{
	return to_loop(loop)->wall_usec;
}

static usec_t fake_longest_turn(const struct loop *loop)
{
	return 0;
}

static void fake_exit(struct loop *loop, int code)
{
	struct fake_loop *l = to_loop(loop);

	l->is_exiting = true;
	l->exit_code = code;
}

static int fake_io_new(struct loop_io **ret, struct loop *loop, int fd, unsigned events,
	loop_io_fn *fn, void *userdata, struct err *err)
{
	return err_set(err, -ENOTSUP, "the fake loop has no descriptors");
}

/* --- timers ------------------------------------------------------------------------ */

static struct fake_timer *to_timer(const struct loop_timer *timer)
{
	return container_of(timer, struct fake_timer, base);
}

static struct loop_timer *fake_timer_new(
	struct loop *loop, loop_timer_fn *fn, void *userdata)
{
	struct fake_timer *timer = xnew(struct fake_timer);

	timer->base.loop = loop;
	list_init(&timer->link);
	timer->fn = fn;
	timer->userdata = userdata;
	to_loop(loop)->n_sources++;
	return &timer->base;
}

static void fake_timer_disarm(struct loop_timer *base)
{
	list_remove(&to_timer(base)->link);
}

static void fake_timer_set(struct loop_timer *base, usec_t at_usec)
{
	struct fake_timer *timer = to_timer(base);

	list_remove(&timer->link);
	list_append(&to_loop(base->loop)->timers, &timer->link);
	timer->at_usec = at_usec;
	timer->is_wall = false;
}

static void fake_timer_set_wall(struct loop_timer *base, usec_t wall_usec)
{
	fake_timer_set(base, wall_usec);
	to_timer(base)->is_wall = true;
}

static bool fake_timer_is_armed(const struct loop_timer *base)
{
	return !list_is_empty(&to_timer(base)->link);
}

static struct loop_timer *fake_timer_free(struct loop_timer *base)
{
	fake_timer_disarm(base);
	to_loop(base->loop)->n_sources--;
	free(to_timer(base));
	return NULL;
}

static usec_t timer_left(const struct fake_loop *l, const struct fake_timer *timer)
{
	if (timer->at_usec == USEC_NEVER)
		return USEC_NEVER;
	return usec_sub(timer->at_usec, timer->is_wall ? l->wall_usec : l->now_usec);
}

/* The next one by time, among equals the one that was set first. */
static struct fake_timer *next_timer(const struct fake_loop *l)
{
	struct fake_timer *it, *best = NULL;

	list_foreach(it, &l->timers, link)
		if (!best || timer_left(l, it) < timer_left(l, best))
			best = it;
	return best;
}

static usec_t next_left(const struct fake_loop *l)
{
	const struct fake_timer *timer = next_timer(l);

	if (!list_is_empty(&l->deferred))
		return 0;
	return timer ? timer_left(l, timer) : USEC_NEVER;
}

/* --- deferred calls ---------------------------------------------------------------- */

static struct loop_defer *fake_defer_new(
	struct loop *loop, loop_defer_fn *fn, void *userdata)
{
	struct fake_defer *defer = xnew(struct fake_defer);

	defer->base.loop = loop;
	defer->fn = fn;
	defer->userdata = userdata;
	list_append(&to_loop(loop)->deferred, &defer->link);
	to_loop(loop)->n_sources++;
	return &defer->base;
}

static struct loop_defer *fake_defer_free(struct loop_defer *base)
{
	struct fake_defer *defer = container_of(base, struct fake_defer, base);

	list_remove(&defer->link);
	to_loop(base->loop)->n_sources--;
	free(defer);
	return NULL;
}

/* --- the wall clock being set ------------------------------------------------------- */

static int fake_watch_new(struct loop_wall_watch **ret, struct loop *loop,
	loop_wall_watch_fn *fn, void *userdata, struct err *err)
{
	struct fake_watch *watch = xnew(struct fake_watch);

	watch->base.loop = loop;
	watch->fn = fn;
	watch->userdata = userdata;
	list_append(&to_loop(loop)->watches, &watch->link);
	to_loop(loop)->n_sources++;
	*ret = &watch->base;
	return 0;
}

static struct loop_wall_watch *fake_watch_free(struct loop_wall_watch *base)
{
	struct fake_watch *watch = container_of(base, struct fake_watch, base);

	list_remove(&watch->link);
	loop_defer_free(watch->defer);
	to_loop(base->loop)->n_sources--;
	free(watch);
	return NULL;
}

static void on_wall_set(void *userdata)
{
	struct fake_watch *watch = userdata;

	watch->defer = loop_defer_free(watch->defer);
	watch->fn(watch->userdata);
}

/* --- what moves it ----------------------------------------------------------------- */

static void call_timer(struct fake_timer *timer)
{
	list_remove(&timer->link);
	timer->fn(&timer->base, timer->userdata);
}

static void call_deferred(struct fake_loop *l)
{
	struct fake_defer *defer =
		list_entry(l->deferred.next, struct fake_defer, link);

	list_remove(&defer->link);
	defer->fn(defer->userdata);
}

bool fake_loop_run_one(struct loop *loop)
{
	struct fake_loop *l = to_loop(loop);
	struct fake_timer *timer = next_timer(l);

	if (!list_is_empty(&l->deferred)) {
		call_deferred(l);
		return true;
	}
	if (!timer || timer_left(l, timer) > 0)
		return false;
	call_timer(timer);
	return true;
}

unsigned fake_loop_run_ready(struct loop *loop)
{
	unsigned n = 0;

	while (!to_loop(loop)->is_exiting && fake_loop_run_one(loop))
		if (++n > FAKE_LOOP_CALLS_MAX)
			fail("calls without end, and no time passes");
	return n;
}

static void move(struct fake_loop *l, usec_t usec)
{
	l->now_usec = usec_add(l->now_usec, usec);
	l->wall_usec = usec_add(l->wall_usec, usec);
}

bool fake_loop_run_next(struct loop *loop)
{
	struct fake_loop *l = to_loop(loop);
	usec_t left_usec = next_left(l);

	if (left_usec == USEC_NEVER)
		return false;
	move(l, left_usec);
	return fake_loop_run_one(loop);
}

void fake_loop_advance(struct loop *loop, usec_t usec)
{
	struct fake_loop *l = to_loop(loop);
	usec_t end_usec = usec_add(l->now_usec, usec);

	fake_loop_run_ready(loop);
	while (!l->is_exiting && next_left(l) <= usec_sub(end_usec, l->now_usec)) {
		move(l, next_left(l));
		fake_loop_run_ready(loop);
	}
	if (!l->is_exiting)
		move(l, usec_sub(end_usec, l->now_usec));
	l->is_exiting = false;
}

/* One call at a time, so that a flag is seen as soon as it is set. */
static bool run_until(struct fake_loop *l, const bool *flag, usec_t limit_usec)
{
	usec_t end_usec = usec_add(l->now_usec, limit_usec);
	unsigned n_calls = 0;

	while (!l->is_exiting && !(flag && *flag)) {
		usec_t left_usec = next_left(l);
		if (left_usec == USEC_NEVER ||
			left_usec > usec_sub(end_usec, l->now_usec))
			return false;
		n_calls = left_usec > 0 ? 0 : n_calls + 1;
		if (n_calls > FAKE_LOOP_CALLS_MAX)
			fail("calls without end, and no time passes");
		move(l, left_usec);
		fake_loop_run_one(&l->base);
	}
	return true;
}

bool fake_loop_run_until_idle(struct loop *loop, usec_t limit_usec)
{
	struct fake_loop *l = to_loop(loop);
	bool has_exited = run_until(l, NULL, limit_usec);

	l->is_exiting = false;
	return has_exited || next_left(l) == USEC_NEVER;
}

bool fake_loop_run_until(struct loop *loop, const bool *flag, usec_t limit_usec)
{
	struct fake_loop *l = to_loop(loop);

	run_until(l, flag, limit_usec);
	l->is_exiting = false;
	return *flag;
}

static int fake_run(struct loop *loop, struct err *err)
{
	struct fake_loop *l = to_loop(loop);

	if (!run_until(l, NULL, USEC_NEVER))
		return err_set(err, -EDEADLK, "nothing left to wait for");
	l->is_exiting = false;
	return l->exit_code;
}

void fake_loop_set_wall(struct loop *loop, usec_t wall_usec)
{
	struct fake_watch *watch;

	to_loop(loop)->wall_usec = wall_usec;
	list_foreach(watch, &to_loop(loop)->watches, link)
		if (!watch->defer)
			watch->defer = loop_defer_new(loop, on_wall_set, watch);
}

usec_t fake_loop_next(const struct loop *loop)
{
	return usec_add(to_loop(loop)->now_usec, next_left(to_loop(loop)));
}

unsigned fake_loop_count(const struct loop *loop)
{
	const struct fake_loop *l = to_loop(loop);
	const struct list *it;
	unsigned n = 0;

	for (it = l->timers.next; it != &l->timers; it = it->next)
		n++;
	for (it = l->deferred.next; it != &l->deferred; it = it->next)
		n++;
	return n;
}

static const struct loop_ops fake_ops = {
	.free = fake_free,
	.run = fake_run,
	.exit = fake_exit,
	.now = fake_now,
	.boot_now = fake_boot_now,
	.wall_now = fake_wall_now,
	.longest_turn = fake_longest_turn,
	.io_new = fake_io_new,
	.timer_new = fake_timer_new,
	.timer_set = fake_timer_set,
	.timer_set_wall = fake_timer_set_wall,
	.timer_disarm = fake_timer_disarm,
	.timer_is_armed = fake_timer_is_armed,
	.timer_free = fake_timer_free,
	.defer_new = fake_defer_new,
	.defer_free = fake_defer_free,
	.wall_watch_new = fake_watch_new,
	.wall_watch_free = fake_watch_free,
};

struct loop *fake_loop_new(void)
{
	struct fake_loop *l = xnew(struct fake_loop);

	l->base.ops = &fake_ops;
	list_init(&l->timers);
	list_init(&l->deferred);
	list_init(&l->watches);
	l->now_usec = FAKE_LOOP_START_USEC;
	l->wall_usec = FAKE_LOOP_START_WALL_USEC;
	return &l->base;
}
