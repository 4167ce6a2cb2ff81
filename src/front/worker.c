/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *   CONFIGURE ─► LISTENER*, NAMES*, ANSWER* ─► START ─► (READY) … DRAIN ─► (DRAINED)
 *                                                          │
 *            the link is lost: seek the rendezvous ─► (HELLO) … HANDOVER, DRAIN
 *
 * Names, contexts and answers may change at any time after CONFIGURE. A pushed context is
 * built and rehearsed before it takes the place of the old one (promise 1); sessions
 * under way keep what they began with.
 */
#include "front/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "front/conn.h"
#include "front/intake.h"
#include "front/rendezvous.h"
#include "front/report.h"
#include "io/frame.h"
#include "util/map.h"
#include "util/mem.h"

/* The last message is given this long to leave. */
#define FLUSH_STEP_USEC (10 * USEC_PER_MSEC)
#define FLUSH_STEPS_MAX 100

enum worker_state {
	WORKER_NEW,        /* before CONFIGURE */
	WORKER_CONFIGURED, /* before START */
	WORKER_STARTED,
	WORKER_DRAINING,
	WORKER_ENDING, /* sends its last message */
};

struct worker {
	struct front front;
	struct frame_stream *link; /* owned; NULL: lost */
	struct rendezvous
		*rendezvous;   /* owned; NULL: no other manager will be sought */
	uint64_t generation;   /* of the manager that started us */
	struct map *listeners; /* owned, by name: a reference each */
	enum worker_state state;
	struct loop_timer *timer; /* owned; end of draining, then of flushing */
	unsigned n_flush_steps;
	int code;
	worker_ended_fn *ended;
	void *userdata;
};

/* --- to the manager ------------------------------------------------------------------ */

static int send_lookup(
	uint64_t request, const struct lookup_question *question, void *userdata)
{
	struct worker *worker = userdata;
	const struct link_lookup m = {
		.request = request,
		.listener = (char *)question->listener,
		.name = (char *)question->name,
		.client = question->client,
		.alpn = (char *)question->alpn,
	};
	struct frame frame;

	frame_init(&frame, LINK_LOOKUP, 0);
	link_lookup_pack(&m, &frame);
	worker->front.stats.link.lookups++;
	if (!worker->link && worker->rendezvous) {
		frame_done(&frame);
		return 0;
	}
	return report_frame(worker->link, &frame);
}

static void send_hello(struct worker *worker)
{
	struct link_hello m = {
		.pid = (uint64_t)getpid(),
		.generation = worker->generation,
		.connections = worker->front.stats.link.connections,
	};
	struct listener *listener;
	struct frame frame;
	const char *name;
	size_t pos;

	map_foreach(worker->listeners, pos, name, listener)
		m.listeners += listener->settings.fd >= 0;
	frame_init(&frame, LINK_HELLO, 0);
	link_hello_pack(&m, &frame);
	report_frame(worker->link, &frame);
}

/* --- the end ------------------------------------------------------------------------- */

static void end(struct worker *worker, int code)
{
	worker->state = WORKER_ENDING;
	worker->code = code;
	loop_timer_set_after(worker->timer, 0);
}

static void finish_drain(struct worker *worker)
{
	conn_close_all(&worker->front);
	stats_log_failures(&worker->front.stats, NULL);
	report_empty(worker->link, LINK_DRAINED);
	end(worker, 0);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct worker *worker = userdata;

	if (worker->state == WORKER_DRAINING) {
		log_info(NULL, "drain: the time is over, %llu sessions are closed",
			(unsigned long long)worker->front.stats.link.connections);
		/* The last one to go would finish a second time. */
		worker->state = WORKER_ENDING;
		finish_drain(worker);
		return;
	}
	if (worker->link && !frame_stream_is_flushed(worker->link) &&
		worker->n_flush_steps++ < FLUSH_STEPS_MAX) {
		loop_timer_set_after(timer, FLUSH_STEP_USEC);
		return;
	}
	worker->ended(worker->code, worker->userdata);
}

static void on_empty(void *userdata)
{
	struct worker *worker = userdata;

	if (worker->state == WORKER_DRAINING)
		finish_drain(worker);
}

/* --- messages ------------------------------------------------------------------------ */

static int new_link(struct worker *worker, int fd, struct err *err);

/* The new one learns who we are, and what our clients wait for. */
static void on_manager_found(int fd, void *userdata)
{
	struct worker *worker = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (worker->state == WORKER_ENDING || new_link(worker, fd, &err) < 0) {
		close(fd);
		rendezvous_seek(worker->rendezvous);
		return;
	}
	log_info(NULL, "a new manager was found");
	send_hello(worker);
	lookups_resend(worker->front.lookups);
}

static int apply_configure(
	struct worker *worker, const struct link_configure *m, struct err *err)
{
	int r = front_configure(&worker->front, m, err);

	if (r < 0)
		return r;
	if (m->log_level >= LOG_LEVEL_ERROR)
		log_set_level((enum log_level)m->log_level);
	worker->generation = m->generation;
	if (m->rendezvous)
		worker->rendezvous = rendezvous_new(
			worker->front.loop, m->rendezvous, on_manager_found, worker);
	worker->state = WORKER_CONFIGURED;
	return 0;
}

static int on_configure(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	struct link_configure m;

	if (worker->state != WORKER_NEW)
		return err_set(err, -EPROTO, "configured already");
	int r = link_configure_unpack(view, &m, err);
	if (r < 0)
		return r;
	r = apply_configure(worker, &m, err);
	link_configure_done(&m);
	return r;
}

static void drop_listener(struct worker *worker, const char *name)
{
	struct listener *listener = map_remove(worker->listeners, name);

	if (!listener)
		return;
	listener_stop(listener);
	listener_unref(listener);
}

static int on_listener(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	_cleanup_(listener_unrefp) struct listener *listener = NULL;
	struct link_listener m;

	int r = link_listener_unpack(view, &m, err);
	if (r < 0)
		return r;
	if (worker->state < WORKER_DRAINING)
		r = listener_new(&listener, &worker->front, &m, err);
	link_listener_done(&m);
	if (r < 0 || !listener)
		return r;
	if (worker->state == WORKER_STARTED)
		r = listener_start(listener, err);
	if (r < 0)
		return r;
	drop_listener(worker, listener->settings.name);
	map_set(worker->listeners, listener->settings.name, listener);
	TAKE_PTR(listener);
	return 0;
}

static int on_listener_drop(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	_cleanup_(freep) char *name = NULL;

	int r = link_name_unpack(view, &name, err);
	if (r == 0)
		drop_listener(worker, name);
	return r;
}

static int on_names_reset(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	names_reset(&worker->front.names);
	return 0;
}

static int on_names(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	struct link_names m;

	int r = link_names_unpack(view, &m, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m.n; i++)
		if (view->type == LINK_NAMES_ADD)
			names_add(&worker->front.names, m.hash[i]);
		else
			names_drop(&worker->front.names, m.hash[i]);
	link_names_done(&m);
	return 0;
}

static void install_pushed(struct worker *worker, const struct link_context *m)
{
	_cleanup_(freep) char *error = NULL;
	struct err err = ERR_INIT;

	if (intake_pushed(&worker->front, m, &err) < 0)
		error = err_format(&err);
	report_context_ack(worker->link, m, error);
	err_done(&err);
}

static int on_context(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	struct link_context m;

	int r = link_context_unpack(view, &m, err);
	if (r < 0)
		return r;
	if (m.request == 0)
		install_pushed(worker, &m);
	else
		r = intake_found(&worker->front, &m, err);
	link_context_done(&m);
	return r;
}

static int on_context_drop(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	_cleanup_(freep) char *name = NULL;

	int r = link_name_unpack(view, &name, err);
	if (r == 0)
		cache_drop(worker->front.cache, name);
	return r;
}

/* Only for what speaks TLS from its first octet: there a probe ends by itself. */
static int on_probe(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	_cleanup_(freep) char *name = NULL;

	int r = link_name_unpack(view, &name, err);
	if (r < 0)
		return r;
	struct listener *listener = map_find(worker->listeners, name);
	if (view->n_fds != 1 || !listener || !listener_is_tls(listener))
		return err_set(err, -EPROTO, "no descriptor, or no such TLS listener");
	conn_new_probe(listener, TAKE_FD(view->fds[0]));
	return 0;
}

static int on_answer(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	_cleanup_(freep) char *error = NULL;
	struct err cause = ERR_INIT;
	struct link_answer m;

	int r = link_answer_unpack(view, &m, err);
	if (r < 0)
		return r;
	if (intake_answer(&worker->front, &m, &cause) < 0)
		error = err_format(&cause);
	report_answer_ack(worker->link, m.id, error);
	err_done(&cause);
	link_answer_done(&m);
	return 0;
}

static int on_answer_drop(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	struct link_answer m;

	int r = link_answer_unpack(view, &m, err);
	if (r < 0)
		return r;
	if (m.is_alpn)
		answers_drop_alpn(worker->front.answers, m.name);
	else
		answers_drop_http(worker->front.answers, m.name, m.token);
	link_answer_done(&m);
	return 0;
}

static int on_start(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	struct listener *listener;
	const char *name;
	size_t pos;

	if (worker->state != WORKER_CONFIGURED)
		return err_set(err, -EPROTO, "not the time for it");
	worker->state = WORKER_STARTED;
	map_foreach(worker->listeners, pos, name, listener) {
		int r = listener_start(listener, err);
		if (r < 0)
			return err_wrap(err, r, "listener %s", name);
	}
	report_empty(worker->link, LINK_READY);
	return 0;
}

static void send_ends(const struct link_ends *ends, void *userdata)
{
	struct worker *worker = userdata;
	struct frame frame;

	frame_init(&frame, LINK_ENDS, 0);
	link_ends_pack(ends, &frame);
	report_frame(worker->link, &frame);
}

static int on_stats_request(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	struct link_stats m = worker->front.stats.link;
	struct frame frame;

	link_tally_each(worker->front.tally, send_ends, worker);
	m.contexts = cache_count(worker->front.cache);
	m.longest_turn_usec = loop_longest_turn(worker->front.loop);
	frame_init(&frame, LINK_STATS, 0);
	link_stats_pack(&m, &frame);
	report_frame(worker->link, &frame);
	return 0;
}

static void drop_listeners(struct worker *worker)
{
	struct listener *listener;
	const char *name;
	size_t pos;

	/* The name in the map goes with its entry, the listener's own lasts long enough. */
	map_foreach(worker->listeners, pos, name, listener)
		drop_listener(worker, listener->settings.name);
}

static void accept_rest(struct worker *worker)
{
	struct listener *listener;
	const char *name;
	size_t pos;

	map_foreach(worker->listeners, pos, name, listener)
		listener_accept_rest(listener);
}

static void hand_over(struct worker *worker, const struct listener *listener)
{
	struct frame frame;
	int fd = fcntl(listener->settings.fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return;
	frame_init(&frame, LINK_HANDOVER, 0);
	link_name_pack(listener->settings.name, &frame);
	frame_add_fd(&frame, fd);
	report_frame(worker->link, &frame);
}

/* A new manager that cannot bind what we listen at. */
static int on_handover_request(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	struct listener *listener;
	const char *name;
	size_t pos;

	map_foreach(worker->listeners, pos, name, listener)
		hand_over(worker, listener);
	report_empty(worker->link, LINK_HANDOVER_END);
	return 0;
}

/* Sessions under way keep what they began with; a ticket of the old key is none now. */
static int on_ticket_key(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	struct link_ticket_key m;

	int r = link_ticket_key_unpack(view, &m, err);
	if (r < 0)
		return r;
	memcpy(worker->front.ticket_key, m.key, sizeof(worker->front.ticket_key));
	link_ticket_key_done(&m);
	return 0;
}

static int on_drain(
	struct worker *worker, const struct frame_view *view, struct err *err)
{
	usec_t usec;

	int r = link_duration_unpack(view, &usec, err);
	if (r < 0 || worker->state >= WORKER_DRAINING)
		return r;
	accept_rest(worker);
	drop_listeners(worker);
	worker->state = WORKER_DRAINING;
	if (worker->front.stats.link.connections == 0)
		finish_drain(worker);
	else
		loop_timer_set_after(worker->timer, usec);
	return 0;
}

typedef int worker_message_fn(
	struct worker *worker, const struct frame_view *view, struct err *err);

/* clang-format off */
static const struct {
	const char *name;
	worker_message_fn *fn;
} messages[] = {
	[LINK_CONFIGURE]     = { "CONFIGURE",     on_configure },
	[LINK_LISTENER]      = { "LISTENER",      on_listener },
	[LINK_LISTENER_DROP] = { "LISTENER_DROP", on_listener_drop },
	[LINK_NAMES_RESET]   = { "NAMES_RESET",   on_names_reset },
	[LINK_NAMES_ADD]     = { "NAMES_ADD",     on_names },
	[LINK_NAMES_DROP]    = { "NAMES_DROP",    on_names },
	[LINK_CONTEXT]       = { "CONTEXT",       on_context },
	[LINK_CONTEXT_DROP]  = { "CONTEXT_DROP",  on_context_drop },
	[LINK_ANSWER]        = { "ANSWER",        on_answer },
	[LINK_ANSWER_DROP]   = { "ANSWER_DROP",   on_answer_drop },
	[LINK_START]         = { "START",         on_start },
	[LINK_STATS_REQUEST] = { "STATS_REQUEST", on_stats_request },
	[LINK_DRAIN]         = { "DRAIN",         on_drain },
	[LINK_HANDOVER_REQUEST] = { "HANDOVER_REQUEST", on_handover_request },
	[LINK_PROBE]         = { "PROBE",         on_probe },
	[LINK_TICKET_KEY]    = { "TICKET_KEY",    on_ticket_key },
};

/* clang-format on */

static void on_frame(const struct frame_view *view, void *userdata)
{
	struct worker *worker = userdata;
	struct err err = ERR_INIT;
	int r = 0;

	if (view->type >= ARRAY_SIZE(messages) || !messages[view->type].fn) {
		log_debug(NULL, "message of type %u: not known, skipped", view->type);
		return;
	}
	if (worker->state == WORKER_NEW && view->type != LINK_CONFIGURE)
		r = err_set(&err, -EPROTO, "not configured yet");
	else
		r = messages[view->type].fn(worker, view, &err);
	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(NULL, "message %s refused: %s", messages[view->type].name,
			text);
	}
	err_done(&err);
}

static void on_closed(const struct err *err, void *userdata)
{
	struct worker *worker = userdata;
	_cleanup_(freep) char *text = err && err_is_set(err) ? err_format(err) : NULL;

	worker->link = frame_stream_free(worker->link);
	if (worker->state == WORKER_ENDING)
		return;
	if (worker->state < WORKER_STARTED) {
		log_warning(NULL, "the manager is gone before the start%s%s",
			text ? ": " : "", text ? text : "");
		end(worker, 1);
		return;
	}
	log_warning(NULL, "the manager is gone, serving goes on%s%s", text ? ": " : "",
		text ? text : "");
	if (worker->rendezvous)
		rendezvous_seek(worker->rendezvous);
	else
		lookups_fail_all(worker->front.lookups);
}

/* --- making and ending --------------------------------------------------------------- */

/* Takes the descriptor over on success. */
static int new_link(struct worker *worker, int fd, struct err *err)
{
	const struct frame_stream_params link = {
		.on_frame = on_frame,
		.on_closed = on_closed,
		.userdata = worker,
	};

	return frame_stream_new(&worker->link, worker->front.loop, fd, &link, err);
}

int worker_new(struct worker **ret, const struct worker_params *params, struct err *err)
{
	_cleanup_(worker_freep) struct worker *worker = xnew(struct worker);

	worker->listeners = map_new();
	worker->ended = params->ended;
	worker->userdata = params->userdata;
	worker->timer = loop_timer_new(params->loop, on_timer, worker);
	worker->front.on_empty = on_empty;
	worker->front.userdata = worker;
	worker->front.lookups = lookups_new(send_lookup, worker);
	int r = front_init(&worker->front, params->loop, params->priority, err);
	if (r == 0)
		r = new_link(worker, params->link_fd, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(worker);
	return 0;
}

struct worker *worker_free(struct worker *worker)
{
	if (!worker)
		return NULL;
	worker->link = frame_stream_free(worker->link);
	worker->rendezvous = rendezvous_free(worker->rendezvous);
	drop_listeners(worker);
	front_done(&worker->front);
	map_free(worker->listeners);
	loop_timer_free(worker->timer);
	free(worker);
	return NULL;
}
