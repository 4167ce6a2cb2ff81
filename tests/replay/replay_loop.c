/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See replay_loop.h. Descriptors, signals and children do not exist here. */
#include "tests/replay/replay_loop.h"

#include <assert.h>

#include "util/list.h"
#include "util/mem.h"

struct loop {
	usec_t now_usec;
	usec_t wall_usec; /* at now_usec 0 */
	struct list timers;
	struct list defers;
};

struct loop_timer {
	struct list link;
	struct loop *loop; /* borrowed */
	loop_timer_fn *fn;
	void *userdata;
	usec_t at_usec;
	bool is_armed;
};

struct loop_defer {
	struct list link; /* linked until it has run */
	loop_defer_fn *fn;
	void *userdata;
};

struct loop *replay_loop_new(usec_t wall_usec)
{
	struct loop *loop = xnew(struct loop);

	loop->wall_usec = wall_usec;
	list_init(&loop->timers);
	list_init(&loop->defers);
	return loop;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	/* Whoever leaves a source behind leaks it: fail here and not in a sanitizer. */
	assert(list_is_empty(&loop->timers));
	assert(list_is_empty(&loop->defers));
	free(loop);
	return NULL;
}

usec_t loop_now(const struct loop *loop)
{
	return loop->now_usec;
}

usec_t loop_wall_now(const struct loop *loop)
{
	return loop->wall_usec + loop->now_usec;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *userdata)
{
	struct loop_timer *timer = xnew(struct loop_timer);

	timer->loop = loop;
	timer->fn = fn;
	timer->userdata = userdata;
	list_append(&loop->timers, &timer->link);
	return timer;
}

void loop_timer_set_after(struct loop_timer *timer, usec_t usec)
{
	timer->at_usec = usec_add(timer->loop->now_usec, usec);
	timer->is_armed = true;
}

void loop_timer_disarm(struct loop_timer *timer)
{
	timer->is_armed = false;
}

struct loop_timer *loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return NULL;
	list_remove(&timer->link);
	free(timer);
	return NULL;
}

struct loop_defer *loop_defer_new(struct loop *loop, loop_defer_fn *fn, void *userdata)
{
	struct loop_defer *defer = xnew(struct loop_defer);

	defer->fn = fn;
	defer->userdata = userdata;
	list_append(&loop->defers, &defer->link);
	return defer;
}

struct loop_defer *loop_defer_free(struct loop_defer *defer)
{
	if (!defer)
		return NULL;
	list_remove(&defer->link);
	free(defer);
	return NULL;
}

bool replay_loop_turn(struct loop *loop)
{
	if (list_is_empty(&loop->defers))
		return false;
	struct loop_defer *defer =
		list_entry(loop->defers.next, struct loop_defer, link);

	list_remove(&defer->link);
	defer->fn(defer->userdata);
	return true;
}

void replay_loop_settle(struct loop *loop)
{
	for (unsigned turns = 0; replay_loop_turn(loop); turns++)
		assert(turns < 100000);
}

static struct loop_timer *find_next(const struct loop *loop)
{
	struct loop_timer *next = NULL, *timer;

	list_foreach(timer, &loop->timers, link) {
		if (timer->is_armed && (!next || timer->at_usec < next->at_usec))
			next = timer;
	}
	return next;
}

void replay_loop_advance(struct loop *loop, usec_t usec)
{
	const usec_t end = usec_add(loop->now_usec, usec);
	struct loop_timer *timer;

	replay_loop_settle(loop);
	while ((timer = find_next(loop)) && timer->at_usec <= end) {
		loop->now_usec = MAX(loop->now_usec, timer->at_usec);
		timer->is_armed = false;
		timer->fn(timer, timer->userdata);
		replay_loop_settle(loop);
	}
	loop->now_usec = end;
}

bool replay_loop_advance_to_timer(struct loop *loop)
{
	const struct loop_timer *timer = find_next(loop);

	if (!timer)
		return false;
	replay_loop_advance(loop, usec_sub(timer->at_usec, loop->now_usec));
	return true;
}
