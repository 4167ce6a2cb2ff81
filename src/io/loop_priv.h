/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands behind a loop: the operations that each make fills in, and the head of
 * every loop, I/O source, timer and deferred call. Signals and children are built on
 * I/O sources, for every make alike. Included by the makes of loops only.
 */
#pragma once

#include "io/loop.h"

struct loop_ops {
	struct loop *(*free)(struct loop *loop);
	int (*run)(struct loop *loop, struct err *err);
	void (*exit)(struct loop *loop, int code);
	usec_t (*now)(const struct loop *loop);
	usec_t (*boot_now)(const struct loop *loop);
	usec_t (*wall_now)(const struct loop *loop);
	usec_t (*longest_turn)(const struct loop *loop);
	/* NULL: it knows the longest alone */
	void (*get_turns)(const struct loop *loop, struct loop_turns *ret);

	int (*io_new)(struct loop_io **ret, struct loop *loop, int fd, unsigned events,
		loop_io_fn *fn, void *userdata, struct err *err);
	void (*io_set_events)(struct loop_io *io, unsigned events);
	unsigned (*io_get_events)(const struct loop_io *io);
	struct loop_io *(*io_free)(struct loop_io *io);

	struct loop_timer *(*timer_new)(
		struct loop *loop, loop_timer_fn *fn, void *userdata);
	void (*timer_set)(struct loop_timer *timer, usec_t at_usec);
	void (*timer_set_wall)(struct loop_timer *timer, usec_t wall_usec);
	void (*timer_disarm)(struct loop_timer *timer);
	bool (*timer_is_armed)(const struct loop_timer *timer);
	struct loop_timer *(*timer_free)(struct loop_timer *timer);

	struct loop_defer *(*defer_new)(
		struct loop *loop, loop_defer_fn *fn, void *userdata);
	struct loop_defer *(*defer_free)(struct loop_defer *defer);

	/* NULL, both: a timerfd. */
	int (*wall_watch_new)(struct loop_wall_watch **ret, struct loop *loop,
		loop_wall_watch_fn *fn, void *userdata, struct err *err);
	struct loop_wall_watch *(*wall_watch_free)(struct loop_wall_watch *watch);
};

struct loop {
	const struct loop_ops *ops; /* static */
	struct loop_child
		*buried; /* owned; children that were killed, not reaped yet */
};

/* First member of each make's sources. */
struct loop_io {
	struct loop *loop; /* borrowed; outlives the source */
	const char *name;  /* static; of its function */
};

struct loop_timer {
	struct loop *loop; /* borrowed; outlives the timer */
	const char *name;  /* static; of its function */
};

struct loop_defer {
	struct loop *loop; /* borrowed; outlives the source */
	const char *name;  /* static; of its function */
};

struct loop_wall_watch {
	struct loop *loop; /* borrowed; outlives the source */
};

/* loop_child.c: the last look at children that were killed, before the loop goes. */
void loop_child_reap_buried(struct loop *loop);

/* The real clocks. */
usec_t loop_clock_monotonic(void);
usec_t loop_clock_boot(void);
usec_t loop_clock_wall(void);
usec_t loop_clock_cpu(void); /* of this thread */
