/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loop of the front's workers: plain epoll, no libsystemd. A turn is one
 * epoll_wait(), then the I/O of that batch, then the timers that are due, then what was
 * deferred before this turn. Timers cost no system call: the nearest one is the timeout
 * of the wait (calendar timers, which must follow a clock that is set, have a timerfd;
 * workers use none).
 *
 * An I/O source that is freed inside a turn may still stand in the batch: it is
 * silenced at once, and its memory goes at the end of the turn.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io/loop_priv.h"
#include "io/timer_heap.h"
#include "util/list.h"
#include "util/mem.h"

#define BATCH_MAX 128

struct epoll_io {
	struct loop_io base;
	struct epoll_io *next_freed; /* points into the loop's list of freed sources */
	int fd;                      /* borrowed */
	unsigned events;
	bool is_watched; /* known to the kernel */
	loop_io_fn *fn;  /* NULL: freed */
	void *userdata;  /* borrowed */
};

struct epoll_timer {
	struct loop_timer base;
	struct timer_heap_entry entry;
	struct timer_heap *heap; /* the one it was set in; points into the loop */
	struct list due;         /* linked: its time has come, not called yet */
	loop_timer_fn *fn;
	void *userdata; /* borrowed */
};

struct epoll_defer {
	struct loop_defer base;
	struct list link; /* not linked: spent */
	loop_defer_fn *fn;
	void *userdata; /* borrowed */
};

struct epoll_loop {
	struct loop base;
	int fd;      /* owned */
	int wall_fd; /* owned; timerfd of the calendar timers, -1 until needed */
	struct loop_io *wall_io;  /* owned */
	usec_t wall_fd_usec;      /* what it is set to */
	struct timer_heap timers; /* monotonic */
	struct timer_heap wall_timers;
	struct list due;        /* of epoll_timer */
	struct list deferred;   /* of epoll_defer: for the next turn */
	struct list ready;      /* of epoll_defer: for this turn */
	struct epoll_io *freed; /* owned; single list */
	usec_t now_usec;
	usec_t longest_turn_usec;
	bool is_running;
	bool is_exiting;
	int exit_code;
	struct epoll_event batch[BATCH_MAX];
};

static struct epoll_loop *to_loop(const struct loop *loop)
{
	return container_of(loop, struct epoll_loop, base);
}

static usec_t epoll_loop_now(const struct loop *loop)
{
	const struct epoll_loop *l = to_loop(loop);

	/* Between two runs nobody keeps now_usec fresh. */
	return l->is_running ? l->now_usec : loop_clock_monotonic();
}

static usec_t epoll_loop_boot_now(const struct loop *loop)
{
	return loop_clock_boot();
}

static usec_t epoll_loop_wall_now(const struct loop *loop)
{
	return loop_clock_wall();
}

static usec_t epoll_loop_longest_turn(const struct loop *loop)
{
	return to_loop(loop)->longest_turn_usec;
}

static void epoll_loop_exit(struct loop *loop, int code)
{
	struct epoll_loop *l = to_loop(loop);

	l->is_exiting = true;
	l->exit_code = code;
}

/* --- I/O --------------------------------------------------------------------------- */

static int io_control(struct epoll_io *io, int op)
{
	struct epoll_event ev = {
		.events = (io->events & LOOP_IN ? EPOLLIN : 0u) |
			  (io->events & LOOP_OUT ? EPOLLOUT : 0u) |
			  (io->events & LOOP_EXCLUSIVE ? EPOLLEXCLUSIVE : 0u),
		.data.ptr = io,
	};

	if (epoll_ctl(to_loop(io->base.loop)->fd, op, io->fd, &ev) < 0)
		return -errno;
	io->is_watched = op != EPOLL_CTL_DEL;
	return 0;
}

static int epoll_io_new(struct loop_io **ret, struct loop *loop, int fd,
	unsigned events, loop_io_fn *fn, void *userdata, struct err *err)
{
	_cleanup_(freep) struct epoll_io *io = xnew(struct epoll_io);

	io->base.loop = loop;
	io->fd = fd;
	io->events = events;
	io->fn = fn;
	io->userdata = userdata;
	int r = io_control(io, EPOLL_CTL_ADD);
	if (r < 0)
		return err_set(err, r, "watch descriptor %d: %s", fd, strerror(-r));
	*ret = &TAKE_PTR(io)->base;
	return 0;
}

/* The kernel refuses to modify an exclusive entry: take it out and put it in. */
static void set_events_exclusive(struct epoll_io *io)
{
	if (io->is_watched)
		io_control(io, EPOLL_CTL_DEL);
	if (io->events & (LOOP_IN | LOOP_OUT))
		io_control(io, EPOLL_CTL_ADD);
}

static void epoll_io_set_events(struct loop_io *base, unsigned events)
{
	struct epoll_io *io = container_of(base, struct epoll_io, base);
	unsigned exclusive = io->events & LOOP_EXCLUSIVE;

	events = (events & ~(unsigned)LOOP_EXCLUSIVE) | exclusive;
	if (events == io->events)
		return;
	io->events = events;
	if (exclusive)
		set_events_exclusive(io);
	else
		io_control(io, EPOLL_CTL_MOD);
}

static unsigned epoll_io_get_events(const struct loop_io *base)
{
	return container_of(base, struct epoll_io, base)->events;
}

static struct loop_io *epoll_io_free(struct loop_io *base)
{
	struct epoll_io *io = container_of(base, struct epoll_io, base);
	struct epoll_loop *l = to_loop(base->loop);

	if (io->is_watched)
		io_control(io, EPOLL_CTL_DEL);
	io->fn = NULL;
	if (!l->is_running) {
		free(io);
		return NULL;
	}
	io->next_freed = l->freed;
	l->freed = io;
	return NULL;
}

static void release_freed(struct epoll_loop *l)
{
	while (l->freed) {
		struct epoll_io *io = l->freed;
		l->freed = io->next_freed;
		free(io);
	}
}

static void dispatch_io(struct epoll_loop *l, int n)
{
	for (int i = 0; i < n && !l->is_exiting; i++) {
		struct epoll_io *io = l->batch[i].data.ptr;
		uint32_t revents = l->batch[i].events;
		unsigned events = (revents & EPOLLIN ? LOOP_IN : 0u) |
				  (revents & EPOLLOUT ? LOOP_OUT : 0u) |
				  (revents & (EPOLLERR | EPOLLHUP) ? LOOP_HUP : 0u);

		/* Another callback may meanwhile have lost its interest. */
		events &= io->events | LOOP_HUP;
		if (io->fn && events)
			io->fn(&io->base, events, io->userdata);
	}
}

/* --- timers ------------------------------------------------------------------------ */

static struct epoll_timer *to_timer(const struct loop_timer *timer)
{
	return container_of(timer, struct epoll_timer, base);
}

static struct loop_timer *epoll_timer_new(
	struct loop *loop, loop_timer_fn *fn, void *userdata)
{
	struct epoll_timer *timer = xnew(struct epoll_timer);

	timer->base.loop = loop;
	timer->heap = &to_loop(loop)->timers;
	timer_heap_entry_init(&timer->entry);
	list_init(&timer->due);
	timer->fn = fn;
	timer->userdata = userdata;
	return &timer->base;
}

static void epoll_timer_disarm(struct loop_timer *base)
{
	struct epoll_timer *timer = to_timer(base);

	list_remove(&timer->due);
	timer_heap_remove(timer->heap, &timer->entry);
}

static void timer_arm(struct loop_timer *base, struct timer_heap *heap, usec_t at_usec)
{
	struct epoll_timer *timer = to_timer(base);

	list_remove(&timer->due);
	if (timer->heap != heap)
		timer_heap_remove(timer->heap, &timer->entry);
	timer->heap = heap;
	timer_heap_set(heap, &timer->entry, at_usec);
}

static void epoll_timer_set(struct loop_timer *base, usec_t at_usec)
{
	timer_arm(base, &to_loop(base->loop)->timers, at_usec);
}

/* Moves what is due out of the heap first: a timer that a callback sets to a time that
 * has passed fires in the next turn, not for ever in this one. */
static void collect_due(struct epoll_loop *l, struct timer_heap *heap, usec_t now_usec)
{
	struct timer_heap_entry *entry = timer_heap_pop_due(heap, now_usec);

	while (entry) {
		struct epoll_timer *timer =
			container_of(entry, struct epoll_timer, entry);
		list_append(&l->due, &timer->due);
		entry = timer_heap_pop_due(heap, now_usec);
	}
}

static void wall_fd_set(struct epoll_loop *l)
{
	usec_t at_usec = timer_heap_next(&l->wall_timers);
	struct itimerspec spec = {
		.it_value.tv_sec = (time_t)(at_usec / USEC_PER_SEC),
		.it_value.tv_nsec = (long)(at_usec % USEC_PER_SEC * 1000),
	};

	if (at_usec == l->wall_fd_usec)
		return;
	l->wall_fd_usec = at_usec;
	/* Zero would disarm it. */
	if (at_usec == 0)
		spec.it_value.tv_nsec = 1;
	if (at_usec == USEC_NEVER)
		spec.it_value = (struct timespec){ .tv_sec = 0 };
	timerfd_settime(l->wall_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* An absolute timerfd follows a clock that is set, in both directions. */
static void on_wall_time(struct loop_io *io, unsigned events, void *userdata)
{
	struct epoll_loop *l = userdata;
	uint64_t n;

	if (read(l->wall_fd, &n, sizeof(n)) < 0)
		return;
	l->wall_fd_usec = USEC_NEVER; /* it has fired and is disarmed */
	collect_due(l, &l->wall_timers, loop_clock_wall());
	wall_fd_set(l);
}

static void wall_fd_open(struct epoll_loop *l)
{
	l->wall_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	l->wall_fd_usec = USEC_NEVER;
	/* As bad as no memory: a timer may not be lost in silence. */
	if (l->wall_fd < 0 || epoll_io_new(&l->wall_io, &l->base, l->wall_fd, LOOP_IN,
				      on_wall_time, l, NULL) < 0)
		abort();
}

static void epoll_timer_set_wall(struct loop_timer *base, usec_t wall_usec)
{
	struct epoll_loop *l = to_loop(base->loop);

	if (l->wall_fd < 0)
		wall_fd_open(l);
	timer_arm(base, &l->wall_timers, wall_usec);
	wall_fd_set(l);
}

static bool epoll_timer_is_armed(const struct loop_timer *base)
{
	const struct epoll_timer *timer = to_timer(base);

	return timer_heap_has(&timer->entry) || !list_is_empty(&timer->due);
}

static struct loop_timer *epoll_timer_free(struct loop_timer *base)
{
	epoll_timer_disarm(base);
	free(to_timer(base));
	return NULL;
}

static void dispatch_timers(struct epoll_loop *l)
{
	collect_due(l, &l->timers, l->now_usec);
	while (!list_is_empty(&l->due) && !l->is_exiting) {
		struct epoll_timer *timer =
			list_entry(l->due.next, struct epoll_timer, due);
		list_remove(&timer->due);
		timer->fn(&timer->base, timer->userdata);
	}
}

/* --- deferred calls ---------------------------------------------------------------- */

static struct loop_defer *epoll_defer_new(
	struct loop *loop, loop_defer_fn *fn, void *userdata)
{
	struct epoll_defer *defer = xnew(struct epoll_defer);

	defer->base.loop = loop;
	defer->fn = fn;
	defer->userdata = userdata;
	list_append(&to_loop(loop)->deferred, &defer->link);
	return &defer->base;
}

static struct loop_defer *epoll_defer_free(struct loop_defer *base)
{
	struct epoll_defer *defer = container_of(base, struct epoll_defer, base);

	list_remove(&defer->link);
	free(defer);
	return NULL;
}

/* What stands in `ready` was deferred before this turn's callbacks began. */
static void dispatch_deferred(struct epoll_loop *l)
{
	while (!list_is_empty(&l->ready) && !l->is_exiting) {
		struct epoll_defer *defer =
			list_entry(l->ready.next, struct epoll_defer, link);
		list_remove(&defer->link);
		defer->fn(defer->userdata);
	}
}

static void make_ready(struct epoll_loop *l)
{
	while (!list_is_empty(&l->deferred)) {
		struct list *link = l->deferred.next;
		list_remove(link);
		list_append(&l->ready, link);
	}
}

/* --- the turn ---------------------------------------------------------------------- */

static int wait_msec(struct epoll_loop *l)
{
	if (!list_is_empty(&l->ready) || !list_is_empty(&l->due))
		return 0;
	usec_t at_usec = timer_heap_next(&l->timers);
	if (at_usec == USEC_NEVER)
		return -1;
	usec_t left_usec = usec_sub(at_usec, l->now_usec);
	/* Rounded up, or we would spin through the last part of a millisecond. */
	return (int)MIN(usec_add(left_usec, 999) / USEC_PER_MSEC, (usec_t)INT_MAX);
}

static int run_turn(struct epoll_loop *l)
{
	make_ready(l);
	int n = epoll_wait(l->fd, l->batch, BATCH_MAX, wait_msec(l));
	if (n < 0 && errno != EINTR)
		return -errno;
	usec_t start_usec = loop_clock_monotonic();
	l->now_usec = start_usec;
	dispatch_io(l, n);
	dispatch_timers(l);
	dispatch_deferred(l);
	release_freed(l);
	/* Read once more: the next wait is reckoned from here. */
	l->now_usec = loop_clock_monotonic();
	l->longest_turn_usec =
		MAX(l->longest_turn_usec, usec_sub(l->now_usec, start_usec));
	return 0;
}

static int epoll_loop_run(struct loop *loop, struct err *err)
{
	struct epoll_loop *l = to_loop(loop);
	int r = 0;

	l->is_running = true;
	l->now_usec = loop_clock_monotonic();
	while (!l->is_exiting && r == 0)
		r = run_turn(l);
	l->is_running = false;
	if (r < 0)
		return err_set(err, r, "epoll: %s", strerror(-r));
	l->is_exiting = false;
	return l->exit_code;
}

static struct loop *epoll_loop_free(struct loop *loop)
{
	struct epoll_loop *l = to_loop(loop);

	loop_io_free(l->wall_io);
	if (l->wall_fd >= 0)
		close(l->wall_fd);
	if (l->fd >= 0)
		close(l->fd);
	release_freed(l);
	timer_heap_done(&l->timers);
	timer_heap_done(&l->wall_timers);
	free(l);
	return NULL;
}

static const struct loop_ops epoll_ops = {
	.free = epoll_loop_free,
	.run = epoll_loop_run,
	.exit = epoll_loop_exit,
	.now = epoll_loop_now,
	.boot_now = epoll_loop_boot_now,
	.wall_now = epoll_loop_wall_now,
	.longest_turn = epoll_loop_longest_turn,
	.io_new = epoll_io_new,
	.io_set_events = epoll_io_set_events,
	.io_get_events = epoll_io_get_events,
	.io_free = epoll_io_free,
	.timer_new = epoll_timer_new,
	.timer_set = epoll_timer_set,
	.timer_set_wall = epoll_timer_set_wall,
	.timer_disarm = epoll_timer_disarm,
	.timer_is_armed = epoll_timer_is_armed,
	.timer_free = epoll_timer_free,
	.defer_new = epoll_defer_new,
	.defer_free = epoll_defer_free,
};

int loop_new_epoll(struct loop **ret, struct err *err)
{
	struct epoll_loop *l = xnew(struct epoll_loop);

	l->base.ops = &epoll_ops;
	l->wall_fd = -1;
	list_init(&l->due);
	list_init(&l->deferred);
	list_init(&l->ready);
	l->fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->fd < 0) {
		int r = err_set(err, -errno, "epoll: %s", strerror(errno));
		epoll_loop_free(&l->base);
		return r;
	}
	*ret = &l->base;
	return 0;
}
