/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See orphans.h. Who connects is known by its credentials, and believed to be a worker
 * once it has said HELLO; it runs as our user, who could as well read the database.
 *
 * How many there are nobody knows: the file of the socket stays behind when a manager is
 * killed, and then a stop waits long enough for the last of them to have come.
 */
#include "core/workers/orphans.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/local_socket.h"
#include "core/workers/takeover.h"
#include "core/workers/worker_tell.h"
#include "util/list.h"
#include "util/mem.h"

#define ORPHANS_MAX 1024
#define STATS_USEC  (1 * USEC_PER_SEC)
/* They try every 200 ms. */
#define ARRIVAL_USEC (2 * USEC_PER_SEC)
/* Who has connected says HELLO at once. */
#define HELLO_USEC (5 * USEC_PER_SEC)
/* Workers keep the time of draining themselves; so much more for those that do not. */
#define GRACE_USEC (1 * USEC_PER_SEC)

struct orphan {
	struct list entry;
	struct orphans *orphans; /* borrowed */
	struct worker *worker;   /* owned */
	struct loop_timer *deadline;
	bool is_known; /* it has said HELLO, or is a child of ours */
};

struct orphans {
	struct orphans_params in; /* path is not kept */
	struct log_ctx log;
	struct worker_events events;
	struct local_socket socket;
	struct loop_io *io;
	struct list list; /* orphan.entry */
	unsigned n;       /* in it */
	struct loop_timer *stats_timer;
	usec_t since_usec; /* that they can find us */
	bool is_draining;
	usec_t drain_usec;
	bool is_ended; /* nobody is left: a later manager need not wait */

	/* the end */
	struct loop_timer *done_timer;
	void (*done)(void *userdata);
	void *done_userdata;
};

/* --- one ------------------------------------------------------------------------------- */

static void check_done(struct orphans *o)
{
	usec_t expected = usec_add(o->since_usec, ARRIVAL_USEC);
	usec_t now = loop_now(o->in.loop);
	usec_t rest = o->socket.was_left ? usec_sub(expected, now) : 0;

	if (o->done && o->n == 0)
		loop_timer_set_after(o->done_timer, rest);
}

static void on_done_timer(struct loop_timer *timer, void *userdata)
{
	struct orphans *o = userdata;
	void (*done)(void *userdata) = o->done;

	/* One has come in the meantime: its end comes back here. */
	if (o->n > 0 || !done)
		return;
	o->done = NULL;
	o->is_ended = true;
	done(o->done_userdata);
}

static void orphan_free(struct orphan *orphan)
{
	struct orphans *o = orphan->orphans;

	list_remove(&orphan->entry);
	o->n--;
	loop_timer_free(orphan->deadline);
	worker_leave(orphan->worker);
	free(orphan);
	check_done(o);
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct orphan *orphan = userdata;

	/* No worker: only its connection is ours to end. */
	if (orphan->is_known)
		worker_kill(orphan->worker);
	else
		orphan_free(orphan);
}

static void drain(struct orphan *orphan)
{
	usec_t usec = orphan->orphans->drain_usec;

	if (!orphan->is_known)
		return;
	worker_tell_drain(orphan->worker, usec);
	if (!loop_timer_is_armed(orphan->deadline))
		loop_timer_set_after(orphan->deadline, usec_add(usec, GRACE_USEC));
}

/* --- what they say ------------------------------------------------------------------------ */

static void on_hello(struct orphan *orphan, const struct link_hello *hello)
{
	log_info(&orphan->orphans->log,
		"a worker of an earlier manager has come: process %d, %llu sessions",
		(int)worker_get_pid(orphan->worker),
		(unsigned long long)hello->connections);
	if (!orphan->is_known)
		loop_timer_disarm(orphan->deadline);
	orphan->is_known = true;
	worker_tell_empty(orphan->worker, LINK_STATS_REQUEST);
	loop_timer_set_after(orphan->orphans->stats_timer, STATS_USEC);
	if (orphan->orphans->is_draining)
		drain(orphan);
}

static int handle_hello(
	struct orphan *orphan, const struct frame_view *view, struct err *err)
{
	struct link_hello hello;
	int r = link_hello_unpack(view, &hello, err);

	if (r >= 0)
		on_hello(orphan, &hello);
	link_hello_done(&hello);
	return r;
}

/* Acknowledgements are those of the earlier manager. */
static void on_message(
	struct worker *worker, const struct frame_view *view, void *userdata)
{
	struct orphan *orphan = userdata;
	const struct orphans_params *in = &orphan->orphans->in;
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = 0;

	if (view->type == LINK_HELLO)
		r = handle_hello(orphan, view, &err);
	else if (view->type == LINK_LOOKUP && orphan->is_known)
		r = fleet_answer_lookup(
			worker, view, in->lookup, in->userdata, in->log, &err);
	if (r >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_warning(in->log, "worker of an earlier manager: %s", text);
}

static void on_unlinked(struct worker *worker, void *userdata)
{
	struct orphan *orphan = userdata;

	if (!orphan->is_known)
		orphan_free(orphan);
}

static void on_gone(struct worker *worker, const char *how, void *userdata)
{
	struct orphan *orphan = userdata;

	log_debug(&orphan->orphans->log, "a worker of an earlier manager has ended");
	orphan_free(orphan);
}

/* --- how they come ------------------------------------------------------------------------ */

static struct orphan *find_orphan(struct orphans *o, pid_t pid)
{
	struct orphan *orphan;

	list_foreach(orphan, &o->list, entry)
		if (worker_get_pid(orphan->worker) == pid)
			return orphan;
	return NULL;
}

/* Takes the descriptor over on success. */
static int adopt(struct orphans *o, pid_t pid, int fd, struct err *err)
{
	struct orphan *orphan = xnew(struct orphan);
	const struct worker_params params = {
		.loop = o->in.loop,
		.events = &o->events,
		.userdata = orphan,
		.log = &o->log,
	};
	int r = worker_adopt(&orphan->worker, &params, pid, fd, err);

	if (r < 0) {
		free(orphan);
		return r;
	}
	orphan->orphans = o;
	orphan->is_known = fd < 0;
	orphan->deadline = loop_timer_new(o->in.loop, on_deadline, orphan);
	if (!orphan->is_known)
		loop_timer_set_after(orphan->deadline, o->in.hello_usec);
	list_init(&orphan->entry);
	list_append(&o->list, &orphan->entry);
	o->n++;
	return 0;
}

static int admit(struct orphans *o, int fd, struct err *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return err_set(err, -errno, "who it is: %s", strerror(errno));
	if ((peer.uid != geteuid() && peer.uid != 0) || peer.pid <= 0)
		return err_set(
			err, -EACCES, "user %d has no business here", (int)peer.uid);
	struct orphan *known = find_orphan(o, peer.pid);
	if (known)
		return worker_relink(known->worker, fd, err);
	if (o->n >= ORPHANS_MAX)
		return err_set(err, -EBUSY, "too many");
	return adopt(o, peer.pid, fd, err);
}

static void on_connection(struct loop_io *io, unsigned events, void *userdata)
{
	struct orphans *o = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	int fd = accept4(o->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (admit(o, fd, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_warning(&o->log, "rendezvous: connection refused: %s", text);
	close(fd);
}

void orphans_adopt_children(struct orphans *o)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	int pid;

	while (file && fscanf(file, "%d", &pid) == 1) {
		_cleanup_(err_done) struct err err = ERR_INIT;

		if (adopt(o, pid, -1, &err) < 0)
			log_warning(&o->log, "process %d is not watched", pid);
	}
	if (file)
		fclose(file);
}

void orphans_take_sockets(
	struct orphans *o, usec_t timeout_usec, orphans_socket_fn *fn, void *userdata)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (takeover_run(o->socket.fd, timeout_usec, fn, userdata, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_warning(&o->log, "sockets of an earlier manager: %s", text);
}

/* --- the whole ------------------------------------------------------------------------------ */

static void on_stats_timer(struct loop_timer *timer, void *userdata)
{
	struct orphans *o = userdata;
	struct orphan *orphan;

	list_foreach(orphan, &o->list, entry)
		worker_tell_empty(orphan->worker, LINK_STATS_REQUEST);
	if (o->n > 0)
		loop_timer_set_after(timer, STATS_USEC);
}

int orphans_new(
	struct orphans **ret, const struct orphans_params *params, struct err *err)
{
	_cleanup_(orphans_freep) struct orphans *o = xnew(struct orphans);

	o->in = *params;
	o->in.path = NULL;
	if (o->in.hello_usec == 0)
		o->in.hello_usec = HELLO_USEC;
	o->log = (struct log_ctx){ params->log, NULL, NULL };
	o->events = (struct worker_events){
		.on_message = on_message,
		.on_gone = on_gone,
		.on_unlinked = on_unlinked,
	};
	o->since_usec = loop_now(params->loop);
	list_init(&o->list);
	o->stats_timer = loop_timer_new(params->loop, on_stats_timer, o);
	o->done_timer = loop_timer_new(params->loop, on_done_timer, o);
	int r = local_socket_open(&o->socket, params->path, 0600, err);
	if (r >= 0)
		r = loop_io_new(&o->io, params->loop, o->socket.fd, LOOP_IN,
			on_connection, o, err);
	if (r < 0)
		return err_wrap(err, r, "rendezvous socket %s", params->path);
	*ret = TAKE_PTR(o);
	return 0;
}

struct orphans *orphans_free(struct orphans *o)
{
	struct orphan *orphan, *next;

	if (!o)
		return NULL;
	o->done = NULL;
	list_foreach_safe(orphan, next, &o->list, entry)
		orphan_free(orphan);
	loop_io_free(o->io);
	if (o->is_ended)
		local_socket_close(&o->socket);
	else
		local_socket_abandon(&o->socket);
	loop_timer_free(o->done_timer);
	loop_timer_free(o->stats_timer);
	free(o);
	return NULL;
}

void orphans_drain(struct orphans *o, usec_t timeout_usec)
{
	struct orphan *orphan;

	o->is_draining = true;
	o->drain_usec = timeout_usec;
	list_foreach(orphan, &o->list, entry)
		drain(orphan);
}

void orphans_stop(struct orphans *o, usec_t timeout_usec, void (*done)(void *userdata),
	void *userdata)
{
	o->done = done;
	o->done_userdata = userdata;
	orphans_drain(o, timeout_usec);
	check_done(o);
}

void orphans_end(struct orphans *o)
{
	struct orphan *orphan, *next;

	list_foreach(orphan, &o->list, entry)
		if (orphan->is_known)
			worker_terminate(orphan->worker);
	list_foreach_safe(orphan, next, &o->list, entry) {
		if (orphan->is_known)
			orphan->worker = worker_free(orphan->worker);
		orphan_free(orphan);
	}
	o->is_ended = true;
}

bool orphans_were_left(const struct orphans *orphans)
{
	return orphans->socket.was_left;
}

unsigned orphans_count(const struct orphans *o, uint64_t *ret_connections)
{
	const struct orphan *orphan;
	unsigned n = 0;

	*ret_connections = 0;
	list_foreach(orphan, &o->list, entry) {
		n += orphan->is_known;
		*ret_connections += worker_get_stats(orphan->worker)->connections;
	}
	return n;
}
