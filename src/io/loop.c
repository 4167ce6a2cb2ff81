/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The border of the loop: hands each call to the make that stands behind it. */
#include "io/loop.h"

#include <time.h>

#include "io/loop_priv.h"

static usec_t clock_read(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

usec_t loop_clock_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

usec_t loop_clock_boot(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

usec_t loop_clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}

usec_t loop_clock_cpu(void)
{
	return clock_read(CLOCK_THREAD_CPUTIME_ID);
}

struct loop_portion loop_portion_begin(void)
{
	return (struct loop_portion){
		.end_usec = usec_add(loop_clock_cpu(), LOOP_PORTION_USEC),
	};
}

bool loop_portion_is_over(const struct loop_portion *portion)
{
	return loop_clock_cpu() >= portion->end_usec;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	loop_child_reap_buried(loop);
	return loop->ops->free(loop);
}

int loop_run(struct loop *loop, struct err *err)
{
	return loop->ops->run(loop, err);
}

void loop_exit(struct loop *loop, int code)
{
	loop->ops->exit(loop, code);
}

usec_t loop_now(const struct loop *loop)
{
	return loop->ops->now(loop);
}

usec_t loop_boot_now(const struct loop *loop)
{
	return loop->ops->boot_now(loop);
}

usec_t loop_wall_now(const struct loop *loop)
{
	return loop->ops->wall_now(loop);
}

usec_t loop_longest_turn(const struct loop *loop)
{
	return loop->ops->longest_turn(loop);
}

void loop_get_turns(const struct loop *loop, struct loop_turns *ret)
{
	*ret = (struct loop_turns){ .longest_wall_usec = loop_longest_turn(loop) };
	if (loop->ops->get_turns)
		loop->ops->get_turns(loop, ret);
}

int loop_io_add(struct loop_io **ret, struct loop *loop, int fd, unsigned events,
	loop_io_fn *fn, void *userdata, struct err *err)
{
	return loop->ops->io_new(ret, loop, fd, events, fn, userdata, err);
}

int loop_io_name(struct loop_io **io, const char *name, int r)
{
	if (r >= 0)
		(*io)->name = name;
	return r;
}

void loop_io_set_events(struct loop_io *io, unsigned events)
{
	io->loop->ops->io_set_events(io, events);
}

unsigned loop_io_get_events(const struct loop_io *io)
{
	return io->loop->ops->io_get_events(io);
}

struct loop_io *loop_io_free(struct loop_io *io)
{
	return io ? io->loop->ops->io_free(io) : NULL;
}

struct loop_timer *loop_timer_add(struct loop *loop, loop_timer_fn *fn, void *userdata)
{
	return loop->ops->timer_new(loop, fn, userdata);
}

struct loop_timer *loop_timer_name(struct loop_timer *timer, const char *name)
{
	timer->name = name;
	return timer;
}

void loop_timer_set(struct loop_timer *timer, usec_t at_usec)
{
	timer->loop->ops->timer_set(timer, at_usec);
}

void loop_timer_set_after(struct loop_timer *timer, usec_t usec)
{
	loop_timer_set(timer, usec_add(loop_now(timer->loop), usec));
}

void loop_timer_set_wall(struct loop_timer *timer, usec_t wall_usec)
{
	timer->loop->ops->timer_set_wall(timer, wall_usec);
}

void loop_timer_disarm(struct loop_timer *timer)
{
	timer->loop->ops->timer_disarm(timer);
}

bool loop_timer_is_armed(const struct loop_timer *timer)
{
	return timer->loop->ops->timer_is_armed(timer);
}

struct loop_timer *loop_timer_free(struct loop_timer *timer)
{
	return timer ? timer->loop->ops->timer_free(timer) : NULL;
}

struct loop_defer *loop_defer_add(struct loop *loop, loop_defer_fn *fn, void *userdata)
{
	return loop->ops->defer_new(loop, fn, userdata);
}

struct loop_defer *loop_defer_name(struct loop_defer *defer, const char *name)
{
	defer->name = name;
	return defer;
}

struct loop_defer *loop_defer_free(struct loop_defer *defer)
{
	return defer ? defer->loop->ops->defer_free(defer) : NULL;
}
