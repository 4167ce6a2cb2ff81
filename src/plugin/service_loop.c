/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Services: timers and watches of descriptors. */
#include <stdlib.h>

#include "plugin/entry.h"
#include "plugin/service_priv.h"
#include "util/mem.h"

/* --- timers ------------------------------------------------------------------------------ */

struct timer {
	struct service_op op;
	struct loop_timer *timer; /* owned */
	postseal_timer_fn *fn;
	void *userdata;
};

static void timer_free(struct service_op *op)
{
	struct timer *t = container_of(op, struct timer, op);

	loop_timer_free(t->timer);
	free(t);
}

static void on_timer(struct loop_timer *source, void *userdata)
{
	struct timer *t = userdata;
	postseal_timer_fn *fn = t->fn;
	void *fn_userdata = t->userdata;
	struct plugin_entry entry;

	plugin_enter(&entry, t->op.instance, "callback of timer_start", NULL);
	service_op_free(&t->op);
	fn(fn_userdata);
	plugin_leave(&entry);
}

struct postseal_timer *service_timer_start(struct postseal_host *host, uint64_t usec,
	postseal_timer_fn *fn, void *userdata)
{
	struct plugin_instance *instance = plugin_instance_of(host);

	if (!instance || !fn)
		return NULL;
	struct timer *t = xnew(struct timer);
	if (!service_op_init(&t->op, instance, HANDLE_TIMER, timer_free)) {
		free(t);
		return NULL;
	}
	t->fn = fn;
	t->userdata = userdata;
	t->timer = loop_timer_new(instance->host->params.loop, on_timer, t);
	loop_timer_set_after(t->timer, usec);
	return t->op.handle;
}

void service_timer_cancel(struct postseal_timer *timer)
{
	service_op_cancel(HANDLE_TIMER, timer);
}

/* --- watches ----------------------------------------------------------------------------- */

struct watch {
	struct service_op op;
	struct loop_io *io; /* owned */
	int fd;             /* borrowed from the plugin */
	postseal_watch_fn *fn;
	void *userdata;
};

static void watch_free(struct service_op *op)
{
	struct watch *w = container_of(op, struct watch, op);

	loop_io_free(w->io);
	free(w);
}

/* The two sides' bits are named alike and need not be equal. */
static unsigned events_to_loop(unsigned events)
{
	return (events & POSTSEAL_IN ? LOOP_IN : 0) |
	       (events & POSTSEAL_OUT ? LOOP_OUT : 0);
}

static unsigned events_from_loop(unsigned events)
{
	return (events & LOOP_IN ? POSTSEAL_IN : 0) |
	       (events & LOOP_OUT ? POSTSEAL_OUT : 0) |
	       (events & LOOP_HUP ? POSTSEAL_HUP : 0);
}

static void on_io(struct loop_io *io, unsigned events, void *userdata)
{
	const struct watch *w = userdata;
	struct plugin_entry entry;

	plugin_enter(&entry, w->op.instance, "callback of watch_start", NULL);
	w->fn(w->fd, events_from_loop(events), w->userdata);
	plugin_leave(&entry);
}

struct postseal_watch *service_watch_start(struct postseal_host *host, int fd,
	unsigned events, postseal_watch_fn *fn, void *userdata)
{
	struct plugin_instance *instance = plugin_instance_of(host);
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!instance || !fn)
		return NULL;
	struct watch *w = xnew(struct watch);
	if (!service_op_init(&w->op, instance, HANDLE_WATCH, watch_free)) {
		free(w);
		return NULL;
	}
	w->fd = fd;
	w->fn = fn;
	w->userdata = userdata;
	int r = loop_io_new(&w->io, instance->host->params.loop, fd,
		events_to_loop(events), on_io, w, &err);
	if (r < 0) {
		service_op_free(&w->op);
		return service_refuse(instance, "watch", &err);
	}
	return w->op.handle;
}

void service_watch_cancel(struct postseal_watch *watch)
{
	service_op_cancel(HANDLE_WATCH, watch);
}
