/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loop of the manager: sd-event. One dispatched source is one turn. Its watchdog is
 * not used, since it would wait for its reader (core/workers/service.h has one); sd_event_exit()
 * neither: an sd-event that has exited cannot be run again, and we have no exit sources.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "io/loop_meter.h"
#include "util/mem.h"

/* sd-event groups timers within its accuracy; its default of 250 ms is too coarse. */
#define TIMER_ACCURACY_USEC USEC_PER_MSEC

struct sdevent_loop {
	struct loop base;
	sd_event *event; /* owned */
	bool is_exiting;
	int exit_code;
	struct loop_meter meter;
};

struct sdevent_io {
	struct loop_io base;
	sd_event_source *source; /* owned */
	unsigned events;
	loop_io_fn *fn;
	void *userdata; /* borrowed */
};

struct sdevent_timer {
	struct loop_timer base;
	sd_event_source
		*source[2]; /* owned; monotonic and wall; NULL until first used */
	loop_timer_fn *fn;
	void *userdata; /* borrowed */
};

struct sdevent_defer {
	struct loop_defer base;
	sd_event_source *source; /* owned */
	loop_defer_fn *fn;
	void *userdata; /* borrowed */
};

static struct sdevent_loop *to_loop(const struct loop *loop)
{
	return container_of(loop, struct sdevent_loop, base);
}

static struct loop *sdevent_free(struct loop *loop)
{
	struct sdevent_loop *l = to_loop(loop);

	sd_event_unref(l->event);
	loop_meter_done(&l->meter);
	free(l);
	return NULL;
}

static int run_turn(struct sdevent_loop *l)
{
	int r = sd_event_prepare(l->event);

	if (r == 0)
		r = sd_event_wait(l->event, USEC_NEVER);
	if (r <= 0)
		return r;
	loop_meter_begin(&l->meter);
	r = sd_event_dispatch(l->event);
	loop_meter_end(&l->meter);
	return r;
}

static int sdevent_run(struct loop *loop, struct err *err)
{
	struct sdevent_loop *l = to_loop(loop);

	while (!l->is_exiting) {
		int r = run_turn(l);
		if (r < 0 && r != -EINTR)
			return err_set(err, r, "sd-event: %s", strerror(-r));
	}
	l->is_exiting = false;
	return l->exit_code;
}

static void sdevent_exit(struct loop *loop, int code)
{
	struct sdevent_loop *l = to_loop(loop);

	l->is_exiting = true;
	l->exit_code = code;
}

static usec_t read_clock(const struct loop *loop, clockid_t clock)
{
	uint64_t usec = 0;

	sd_event_now(to_loop(loop)->event, clock, &usec);
	return usec;
}

static usec_t sdevent_now(const struct loop *loop)
{
	return read_clock(loop, CLOCK_MONOTONIC);
}

static usec_t sdevent_boot_now(const struct loop *loop)
{
	return read_clock(loop, CLOCK_BOOTTIME);
}

static usec_t sdevent_wall_now(const struct loop *loop)
{
	return read_clock(loop, CLOCK_REALTIME);
}

static usec_t sdevent_longest_turn(const struct loop *loop)
{
	return to_loop(loop)->meter.turns.longest_wall_usec;
}

static void sdevent_get_turns(const struct loop *loop, struct loop_turns *ret)
{
	loop_meter_get(&to_loop(loop)->meter, loop_clock_monotonic(), ret);
}

/* What the turn under way runs. */
static void name_turn(struct loop *loop, const char *name)
{
	to_loop(loop)->meter.source = name;
}

/* --- I/O --------------------------------------------------------------------------- */

static uint32_t events_to_epoll(unsigned events)
{
	return (events & LOOP_IN ? EPOLLIN : 0u) | (events & LOOP_OUT ? EPOLLOUT : 0u);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct sdevent_io *io = userdata;
	unsigned events = (revents & EPOLLIN ? LOOP_IN : 0u) |
			  (revents & EPOLLOUT ? LOOP_OUT : 0u) |
			  (revents & (EPOLLERR | EPOLLHUP) ? LOOP_HUP : 0u);

	name_turn(io->base.loop, io->base.name);
	io->fn(&io->base, events, io->userdata);
	return 0;
}

static int sdevent_io_new(struct loop_io **ret, struct loop *loop, int fd,
	unsigned events, loop_io_fn *fn, void *userdata, struct err *err)
{
	if (events & LOOP_EXCLUSIVE)
		return err_set(err, -ENOTSUP, "sd-event has no exclusive wake-up");

	_cleanup_(freep) struct sdevent_io *io = xnew(struct sdevent_io);
	io->base.loop = loop;
	io->events = events;
	io->fn = fn;
	io->userdata = userdata;
	int r = sd_event_add_io(to_loop(loop)->event, &io->source, fd,
		events_to_epoll(events), on_io, io);
	if (r < 0)
		return err_set(err, r, "watch descriptor %d: %s", fd, strerror(-r));
	*ret = &TAKE_PTR(io)->base;
	return 0;
}

static void sdevent_io_set_events(struct loop_io *base, unsigned events)
{
	struct sdevent_io *io = container_of(base, struct sdevent_io, base);

	if (events == io->events)
		return;
	io->events = events;
	sd_event_source_set_io_events(io->source, events_to_epoll(events));
}

static unsigned sdevent_io_get_events(const struct loop_io *base)
{
	return container_of(base, struct sdevent_io, base)->events;
}

static struct loop_io *sdevent_io_free(struct loop_io *base)
{
	struct sdevent_io *io = container_of(base, struct sdevent_io, base);

	sd_event_source_disable_unref(io->source);
	free(io);
	return NULL;
}

/* --- timers ------------------------------------------------------------------------ */

static const clockid_t timer_clock[] = { CLOCK_MONOTONIC, CLOCK_REALTIME };

static struct loop_timer *sdevent_timer_new(
	struct loop *loop, loop_timer_fn *fn, void *userdata)
{
	struct sdevent_timer *timer = xnew(struct sdevent_timer);

	timer->base.loop = loop;
	timer->fn = fn;
	timer->userdata = userdata;
	return &timer->base;
}

static void sdevent_timer_disarm(struct loop_timer *base)
{
	struct sdevent_timer *timer = container_of(base, struct sdevent_timer, base);

	for (size_t i = 0; i < ARRAY_SIZE(timer->source); i++)
		if (timer->source[i])
			sd_event_source_set_enabled(timer->source[i], SD_EVENT_OFF);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct sdevent_timer *timer = userdata;

	name_turn(timer->base.loop, timer->base.name);
	timer->fn(&timer->base, timer->userdata);
	return 0;
}

/* A timer that cannot be had would be an operation without a deadline: that is as bad
 * as no memory, and treated alike. */
static void timer_arm(struct loop_timer *base, size_t which, usec_t at_usec)
{
	struct sdevent_timer *timer = container_of(base, struct sdevent_timer, base);
	sd_event_source **source = &timer->source[which];
	int r = 0;

	sdevent_timer_disarm(base);
	if (*source)
		r = sd_event_source_set_time(*source, at_usec);
	else
		r = sd_event_add_time(to_loop(base->loop)->event, source,
			timer_clock[which], at_usec, TIMER_ACCURACY_USEC, on_time,
			timer);
	if (r >= 0)
		r = sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
	if (r < 0)
		abort();
}

static void sdevent_timer_set(struct loop_timer *base, usec_t at_usec)
{
	timer_arm(base, 0, at_usec);
}

static void sdevent_timer_set_wall(struct loop_timer *base, usec_t wall_usec)
{
	timer_arm(base, 1, wall_usec);
}

static bool sdevent_timer_is_armed(const struct loop_timer *base)
{
	const struct sdevent_timer *timer =
		container_of(base, struct sdevent_timer, base);

	for (size_t i = 0; i < ARRAY_SIZE(timer->source); i++)
		if (timer->source[i] &&
			sd_event_source_get_enabled(timer->source[i], NULL) > 0)
			return true;
	return false;
}

static struct loop_timer *sdevent_timer_free(struct loop_timer *base)
{
	struct sdevent_timer *timer = container_of(base, struct sdevent_timer, base);

	for (size_t i = 0; i < ARRAY_SIZE(timer->source); i++)
		sd_event_source_disable_unref(timer->source[i]);
	free(timer);
	return NULL;
}

/* --- deferred calls ---------------------------------------------------------------- */

static int on_defer(sd_event_source *source, void *userdata)
{
	struct sdevent_defer *defer = userdata;

	name_turn(defer->base.loop, defer->base.name);
	defer->fn(defer->userdata);
	return 0;
}

static struct loop_defer *sdevent_defer_new(
	struct loop *loop, loop_defer_fn *fn, void *userdata)
{
	struct sdevent_defer *defer = xnew(struct sdevent_defer);

	defer->base.loop = loop;
	defer->fn = fn;
	defer->userdata = userdata;
	if (sd_event_add_defer(to_loop(loop)->event, &defer->source, on_defer, defer) <
		0)
		abort(); /* no memory */
	return &defer->base;
}

static struct loop_defer *sdevent_defer_free(struct loop_defer *base)
{
	struct sdevent_defer *defer = container_of(base, struct sdevent_defer, base);

	sd_event_source_disable_unref(defer->source);
	free(defer);
	return NULL;
}

static const struct loop_ops sdevent_ops = {
	.free = sdevent_free,
	.run = sdevent_run,
	.exit = sdevent_exit,
	.now = sdevent_now,
	.boot_now = sdevent_boot_now,
	.wall_now = sdevent_wall_now,
	.longest_turn = sdevent_longest_turn,
	.get_turns = sdevent_get_turns,
	.io_new = sdevent_io_new,
	.io_set_events = sdevent_io_set_events,
	.io_get_events = sdevent_io_get_events,
	.io_free = sdevent_io_free,
	.timer_new = sdevent_timer_new,
	.timer_set = sdevent_timer_set,
	.timer_set_wall = sdevent_timer_set_wall,
	.timer_disarm = sdevent_timer_disarm,
	.timer_is_armed = sdevent_timer_is_armed,
	.timer_free = sdevent_timer_free,
	.defer_new = sdevent_defer_new,
	.defer_free = sdevent_defer_free,
};

int loop_new_sdevent(struct loop **ret, struct err *err)
{
	_cleanup_(freep) struct sdevent_loop *l = xnew(struct sdevent_loop);

	l->base.ops = &sdevent_ops;
	loop_meter_init(&l->meter);
	int r = sd_event_new(&l->event);
	if (r < 0) {
		loop_meter_done(&l->meter);
		return err_set(err, r, "sd-event: %s", strerror(-r));
	}
	*ret = &TAKE_PTR(l)->base;
	return 0;
}
