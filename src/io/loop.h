/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event loop and the clock, behind one border: nobody else calls sd-event, epoll
 * or clock_gettime.
 *
 * Three loops stand behind it: sd-event (manager), plain epoll (front workers, which
 * link no libsystemd and need EPOLLEXCLUSIVE), and a fake one with a virtual clock that
 * drives the replay tests (tests/lib). One thread. A source's callback may free any
 * source, itself included. Freeing a source is silent.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"
#include "util/macro.h"
#include "util/usec.h"

struct loop;
struct loop_io;
struct loop_timer;
struct loop_defer;
struct loop_signal;
struct loop_child;
struct loop_wall_watch;

enum {
	LOOP_IN = 1 << 0,
	LOOP_OUT = 1 << 1,
	LOOP_HUP = 1 << 2,       /* only reported: error or hang-up */
	LOOP_EXCLUSIVE = 1 << 3, /* for shared listening sockets; epoll loop only */
};

#define LOOP_SLOW_USEC (20 * USEC_PER_MSEC) /* a turn that is longer is counted */

struct loop_turn {
	usec_t at_usec;     /* monotonic; its end; 0 = there was none */
	usec_t wall_usec;   /* all of it */
	usec_t cpu_usec;    /* work */
	usec_t held_usec;   /* all but what it waited for a processor */
	const char *source; /* static; the function that was called */
};

struct loop_turns {
	uint64_t n_turns;
	uint64_t n_slow; /* held_usec over LOOP_SLOW_USEC */
	usec_t longest_wall_usec;
	struct loop_turn worst; /* by held_usec, as all three */
	struct loop_turn worst_hour;
	struct loop_turn worst_minute;
};

typedef void loop_io_fn(struct loop_io *io, unsigned events, void *userdata);
typedef void loop_timer_fn(struct loop_timer *timer, void *userdata);
typedef void loop_defer_fn(void *userdata);
typedef void loop_signal_fn(int signo, void *userdata);
typedef void loop_wall_watch_fn(void *userdata);
/* `status` as waitpid() gives it. */
typedef void loop_child_fn(pid_t pid, int status, void *userdata);

int loop_new_sdevent(struct loop **ret, struct err *err);
int loop_new_epoll(struct loop **ret, struct err *err);
struct loop *loop_free(struct loop *loop);
DEFINE_CLEANUP(struct loop *, loop_free)

/* Runs until loop_exit; returns its code, or negative errno. */
int loop_run(struct loop *loop, struct err *err);
void loop_exit(struct loop *loop, int code);
/* Long work is done in portions, one a turn: is this one over? By the time on a processor,
 * so that it gets on where others want that, too. */
#define LOOP_PORTION_USEC (5 * USEC_PER_MSEC)

struct loop_portion {
	usec_t end_usec;
};
struct loop_portion loop_portion_begin(void);
bool loop_portion_is_over(const struct loop_portion *portion);

/* Monotonic time of this turn; for deadlines. */
usec_t loop_now(const struct loop *loop);
/* The same, and it also runs while the machine sleeps; for what the calendar should say. */
usec_t loop_boot_now(const struct loop *loop);
/* Calendar time; for certificates and what is stored. */
usec_t loop_wall_now(const struct loop *loop);
/* Longest turn of the loop since the start, in microseconds of monotonic time. */
usec_t loop_longest_turn(const struct loop *loop);
/* How the turns went; the epoll loop knows the longest alone. */
void loop_get_turns(const struct loop *loop, struct loop_turns *ret);

/* Each source knows the name of its function, by a macro around each call below: it
 * stands in the log when a turn was too long. `ret` is evaluated twice. */

/* The descriptor is borrowed and must outlive the source. */
#define loop_io_new(ret, loop, fd, events, fn, userdata, err) \
	loop_io_name(ret, #fn, loop_io_add(ret, loop, fd, events, fn, userdata, err))
int loop_io_add(struct loop_io **ret, struct loop *loop, int fd, unsigned events,
	loop_io_fn *fn, void *userdata, struct err *err);
int loop_io_name(struct loop_io **io, const char *name, int r); /* returns r */
/* events may be 0: nothing is reported but LOOP_HUP. */
void loop_io_set_events(struct loop_io *io, unsigned events);
unsigned loop_io_get_events(const struct loop_io *io);
struct loop_io *loop_io_free(struct loop_io *io);
DEFINE_CLEANUP(struct loop_io *, loop_io_free)

/* A timer starts disarmed and fires once each time it is set. */
#define loop_timer_new(loop, fn, userdata) \
	loop_timer_name(loop_timer_add(loop, fn, userdata), #fn)
struct loop_timer *loop_timer_add(struct loop *loop, loop_timer_fn *fn, void *userdata);
struct loop_timer *loop_timer_name(struct loop_timer *timer, const char *name);
void loop_timer_set(struct loop_timer *timer, usec_t at_usec);    /* monotonic */
void loop_timer_set_after(struct loop_timer *timer, usec_t usec); /* from now */
/* Calendar time: also fires early enough after the clock was set. */
void loop_timer_set_wall(struct loop_timer *timer, usec_t wall_usec);
void loop_timer_disarm(struct loop_timer *timer);
bool loop_timer_is_armed(const struct loop_timer *timer);
struct loop_timer *loop_timer_free(struct loop_timer *timer);
DEFINE_CLEANUP(struct loop_timer *, loop_timer_free)

/* Reports each time that the calendar is set (or may have been: after a sleep). */
int loop_wall_watch_new(struct loop_wall_watch **ret, struct loop *loop,
	loop_wall_watch_fn *fn, void *userdata, struct err *err);
struct loop_wall_watch *loop_wall_watch_free(struct loop_wall_watch *watch);
DEFINE_CLEANUP(struct loop_wall_watch *, loop_wall_watch_free)

/* Calls fn once, on a later turn; then the source is spent and still has to be freed. */
#define loop_defer_new(loop, fn, userdata) \
	loop_defer_name(loop_defer_add(loop, fn, userdata), #fn)
struct loop_defer *loop_defer_add(struct loop *loop, loop_defer_fn *fn, void *userdata);
struct loop_defer *loop_defer_name(struct loop_defer *defer, const char *name);
struct loop_defer *loop_defer_free(struct loop_defer *defer);
DEFINE_CLEANUP(struct loop_defer *, loop_defer_free)

/* Blocks the signal in the process and reports it here (signalfd). */
#define loop_signal_new(ret, loop, signo, fn, userdata, err) \
	loop_signal_name(ret, #fn, loop_signal_add(ret, loop, signo, fn, userdata, err))
int loop_signal_add(struct loop_signal **ret, struct loop *loop, int signo,
	loop_signal_fn *fn, void *userdata, struct err *err);
int loop_signal_name(struct loop_signal **sig, const char *name, int r);
struct loop_signal *loop_signal_free(struct loop_signal *sig);
DEFINE_CLEANUP(struct loop_signal *, loop_signal_free)

/* Reports the end of a child once (pidfd) and reaps it. Free: forgets it, unreaped. */
#define loop_child_new(ret, loop, pid, fn, userdata, err) \
	loop_child_name(ret, #fn, loop_child_add(ret, loop, pid, fn, userdata, err))
int loop_child_add(struct loop_child **ret, struct loop *loop, pid_t pid,
	loop_child_fn *fn, void *userdata, struct err *err);
int loop_child_name(struct loop_child **child, const char *name, int r);
struct loop_child *loop_child_free(struct loop_child *child);
DEFINE_CLEANUP(struct loop_child *, loop_child_free)
/* One that was killed: the loop reaps it when it has ended, or when the loop is freed. */
void loop_child_bury(struct loop *loop, pid_t pid);
