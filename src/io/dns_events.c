/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dns_events.h. The shapes are libunbound's (unbound-event.h). */
#include "io/dns_events.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unbound-event.h>
#include <unbound.h>

#include "util/list.h"
#include "util/mem.h"

typedef void event_fn(int fd, short bits, void *arg);

struct base {
	struct ub_event_base base; /* first: the library has a pointer to it */
	struct loop *loop;         /* borrowed */
	struct list events;        /* event.entry: what the library has not freed */
};

struct event {
	struct ub_event event; /* first */
	struct list entry;
	struct base *owner; /* borrowed */
	int fd;             /* borrowed */
	short bits;
	event_fn *fn;
	void *arg;
	struct loop_io *io;       /* owned; NULL: not watched */
	struct loop_timer *timer; /* owned */
};

/* --- what happens --------------------------------------------------------------------- */

/* The library may free the event in what it is told. */
static void on_io(struct loop_io *io, unsigned events, void *userdata)
{
	struct event *e = userdata;
	short bits = 0;

	if (events & (LOOP_IN | LOOP_HUP))
		bits |= UB_EV_READ;
	if (events & (LOOP_OUT | LOOP_HUP))
		bits |= UB_EV_WRITE;
	bits &= (short)(e->bits | UB_EV_TIMEOUT);
	if (!(e->bits & UB_EV_PERSIST))
		e->io = loop_io_free(e->io);
	if (bits)
		e->fn(e->fd, bits, e->arg);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct event *e = userdata;

	/* Persistent or not, after its time it is no longer watched: as in libevent, where
	 * the library adds it anew. */
	if (!(e->bits & UB_EV_PERSIST))
		e->io = loop_io_free(e->io);
	e->fn(e->fd, UB_EV_TIMEOUT, e->arg);
}

/* --- one event -------------------------------------------------------------------------- */

static struct event *get(struct ub_event *event)
{
	return container_of(event, struct event, event);
}

static void set_timer(struct event *e, const struct timeval *tv)
{
	usec_t usec = (usec_t)tv->tv_sec * USEC_PER_SEC + (usec_t)tv->tv_usec;

	if (!e->timer)
		e->timer = loop_timer_new(e->owner->loop, on_timer, e);
	loop_timer_set_after(e->timer, usec);
}

static int watch(struct event *e)
{
	unsigned events = 0;

	if (e->bits & UB_EV_READ)
		events |= LOOP_IN;
	if (e->bits & UB_EV_WRITE)
		events |= LOOP_OUT;
	if (e->fd < 0 || events == 0)
		return 0;
	if (e->io) {
		loop_io_set_events(e->io, events);
		return 0;
	}
	return loop_io_new(&e->io, e->owner->loop, e->fd, events, on_io, e, NULL);
}

static void event_add_bits(struct ub_event *event, short bits)
{
	get(event)->bits |= bits;
}

static void event_del_bits(struct ub_event *event, short bits)
{
	get(event)->bits &= (short)~bits;
}

static void event_set_fd(struct ub_event *event, int fd)
{
	get(event)->fd = fd;
}

static void event_free(struct ub_event *event)
{
	struct event *e = get(event);

	list_remove(&e->entry);
	loop_io_free(e->io);
	loop_timer_free(e->timer);
	free(e);
}

static int event_add(struct ub_event *event, struct timeval *tv)
{
	struct event *e = get(event);

	if (tv)
		set_timer(e, tv);
	return watch(e) < 0 ? -1 : 0;
}

static int event_del(struct ub_event *event)
{
	struct event *e = get(event);

	e->io = loop_io_free(e->io);
	if (e->timer)
		loop_timer_disarm(e->timer);
	return 0;
}

static int event_add_timer(struct ub_event *event, struct ub_event_base *base,
	event_fn *fn, void *arg, struct timeval *tv)
{
	struct event *e = get(event);

	e->fn = fn;
	e->arg = arg;
	set_timer(e, tv);
	return 0;
}

static int event_del_timer(struct ub_event *event)
{
	struct event *e = get(event);

	if (e->timer)
		loop_timer_disarm(e->timer);
	return 0;
}

/* Signals are the manager's. */
static int event_add_signal(struct ub_event *event, struct timeval *tv)
{
	return -1;
}

static int event_del_signal(struct ub_event *event)
{
	return 0;
}

static void event_unregister(struct ub_event *event)
{
}

static void event_would_block(struct ub_event *event, int bits)
{
}

static const struct ub_event_vmt event_methods = {
	.add_bits = event_add_bits,
	.del_bits = event_del_bits,
	.set_fd = event_set_fd,
	.free = event_free,
	.add = event_add,
	.del = event_del,
	.add_timer = event_add_timer,
	.del_timer = event_del_timer,
	.add_signal = event_add_signal,
	.del_signal = event_del_signal,
	.winsock_unregister_wsaevent = event_unregister,
	.winsock_tcp_wouldblock = event_would_block,
};

/* --- the base ----------------------------------------------------------------------------- */

static struct ub_event *base_new_event(
	struct ub_event_base *base, int fd, short bits, event_fn *fn, void *arg)
{
	struct base *b = container_of(base, struct base, base);
	struct event *e = xnew(struct event);

	e->event.magic = UB_EVENT_MAGIC;
	e->event.vmt = (struct ub_event_vmt *)&event_methods;
	e->owner = b;
	e->fd = fd;
	e->bits = bits;
	e->fn = fn;
	e->arg = arg;
	list_append(&b->events, &e->entry);
	return &e->event;
}

static struct ub_event *base_new_signal(
	struct ub_event_base *base, int fd, event_fn *fn, void *arg)
{
	return base_new_event(base, -1, 0, fn, arg);
}

static struct ub_event *base_register(
	struct ub_event_base *base, void *event, event_fn *fn, void *arg)
{
	return NULL;
}

/* We own it: dns_events_free(). */
static void base_free(struct ub_event_base *base)
{
}

static int base_dispatch(struct ub_event_base *base)
{
	return 0;
}

static int base_loopexit(struct ub_event_base *base, struct timeval *tv)
{
	return 0;
}

static const struct ub_event_base_vmt base_methods = {
	.free = base_free,
	.dispatch = base_dispatch,
	.loopexit = base_loopexit,
	.new_event = base_new_event,
	.new_signal = base_new_signal,
	.winsock_register_wsaevent = base_register,
};

struct ub_event_base *dns_events_new(struct loop *loop)
{
	struct base *b = xnew(struct base);

	b->base.magic = UB_EVENT_MAGIC;
	b->base.vmt = (struct ub_event_base_vmt *)&base_methods;
	b->loop = loop;
	list_init(&b->events);
	return &b->base;
}

struct ub_event_base *dns_events_free(struct ub_event_base *base)
{
	struct event *e, *next;

	if (!base)
		return NULL;
	struct base *b = container_of(base, struct base, base);
	list_foreach_safe(e, next, &b->events, entry)
		event_free(&e->event);
	free(b);
	return NULL;
}
