/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of a connection:
 *
 *   accept ──► HELLO ──────────────► HANDSHAKE ──► CONNECT ──► RELAY ──► (closed)
 *     │          │  └─► LOOKUP ──────►   │            ▲
 *     │          │        │              └─► (acme-tls/1, no backend) ─► LINGER
 *     │          └────────┴─► alert ─► LINGER         │
 *     ├─► REQUEST ────────────────────────────────────┤   http with a backend
 *     │      └─► REPLY ─► LINGER                      │   http answered by us
 *     └───────────────────────────────────────────────┘   tls = none
 *
 * Where a balancer comes before us (proxy_from) all of them begin with PROXY.
 *
 * One deadline covers PROXY, HELLO, LOOKUP and HANDSHAKE (or REQUEST and REPLY); CONNECT,
 * RELAY and LINGER have their own. The ClientHello is read before a TLS session exists, so
 * what never speaks TLS never costs one.
 *
 * A step works until it would block, says in `want` what it waits for, and returns. No
 * step is called for an event that it did not ask for, but for a hang-up.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "front/choice.h"
#include "front/conn_priv.h"
#include "util/mem.h"

#define HANDSHAKE_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define CONNECT_TIMEOUT_USEC   (10 * USEC_PER_SEC)
#define IDLE_TIMEOUT_USEC      (30 * USEC_PER_MIN)
#define LINGER_USEC            (2 * USEC_PER_SEC)

/* Alerts (RFC 8446 6.2). */
#define ALERT_INTERNAL_ERROR          80
#define ALERT_UNRECOGNIZED_NAME       112
#define ALERT_NO_APPLICATION_PROTOCOL 120

enum deadline {
	DEADLINE_HANDSHAKE,
	DEADLINE_CONNECT,
	DEADLINE_IDLE,
	DEADLINE_LINGER,
};

static enum conn_step step_hello(struct conn *conn);
static enum conn_step step_lookup(struct conn *conn);
static enum conn_step step_linger(struct conn *conn);

/* clang-format off */
static const struct {
	const char *name;
	enum conn_step (*step)(struct conn *conn);
	enum deadline deadline;
	enum link_end left, late; /* the client has gone; the deadline has come */
} states[_CONN_STATE_MAX] = {
	[CONN_PROXY]     = { "proxy",     step_proxy,     DEADLINE_HANDSHAKE,
		LINK_END_LEFT, LINK_END_STALLED },
	[CONN_REQUEST]   = { "request",   step_request,   DEADLINE_HANDSHAKE,
		LINK_END_LEFT, LINK_END_STALLED },
	[CONN_REPLY]     = { "reply",     step_reply,     DEADLINE_HANDSHAKE,
		LINK_END_LEFT, LINK_END_STALLED },
	[CONN_HELLO]     = { "hello",     step_hello,     DEADLINE_HANDSHAKE,
		LINK_END_LEFT, LINK_END_STALLED },
	[CONN_LOOKUP]    = { "lookup",    step_lookup,    DEADLINE_HANDSHAKE,
		LINK_END_LEFT, LINK_END_NO_CONTEXT },
	[CONN_HANDSHAKE] = { "handshake", step_handshake, DEADLINE_HANDSHAKE,
		LINK_END_LEFT, LINK_END_STALLED },
	[CONN_CONNECT]   = { "connect",   step_connect,   DEADLINE_CONNECT,
		LINK_END_LEFT, LINK_END_BACKEND_LATE },
	[CONN_RELAY]     = { "relay",     step_relay,     DEADLINE_IDLE,
		LINK_END_RELAYED, LINK_END_IDLE },
	[CONN_LINGER]    = { "linger",    step_linger,    DEADLINE_LINGER,
		LINK_END_ANSWERED, LINK_END_ANSWERED },
};

/* clang-format on */

static usec_t or_default(usec_t usec, usec_t otherwise)
{
	return usec > 0 ? usec : otherwise;
}

static usec_t get_timeout(const struct conn *conn, enum deadline deadline)
{
	const struct link_listener *s = &conn->listener->settings;

	switch (deadline) {
	case DEADLINE_HANDSHAKE:
		return or_default(s->handshake_timeout_usec, HANDSHAKE_TIMEOUT_USEC);
	case DEADLINE_CONNECT:
		return or_default(s->connect_timeout_usec, CONNECT_TIMEOUT_USEC);
	case DEADLINE_IDLE:
		return or_default(s->idle_timeout_usec, IDLE_TIMEOUT_USEC);
	case DEADLINE_LINGER:
		break;
	}
	return LINGER_USEC;
}

void conn_set_state(struct conn *conn, enum conn_state state)
{
	enum deadline old = states[conn->state].deadline;
	enum deadline deadline = states[state].deadline;

	log_debug(&conn->listener->log, "connection %d: %s → %s", conn->client.fd,
		states[conn->state].name, states[state].name);
	conn->state = state;
	if (deadline != old)
		loop_timer_set_after(conn->timer, get_timeout(conn, deadline));
}

void conn_restart_deadline(struct conn *conn)
{
	loop_timer_set_after(
		conn->timer, get_timeout(conn, states[conn->state].deadline));
}

static void end_done(struct conn_end *end)
{
	end->io = loop_io_free(end->io);
	closep(&end->fd);
	end->fd = -1;
}

void conn_note_end(struct conn *conn, enum link_end end)
{
	if (conn->is_end_known)
		return;
	conn->is_end_known = true;
	conn->end = end;
}

/* Has the client not said a word where it has to speak first? */
static bool is_mute(const struct conn *conn)
{
	size_t len;

	if (conn->state != CONN_PROXY && conn->state != CONN_HELLO &&
		conn->state != CONN_REQUEST)
		return false;
	input_peek(&conn->input, &len);
	return len == 0;
}

static void count_end(struct conn *conn)
{
	conn_note_end(
		conn, is_mute(conn) ? LINK_END_SCANNED : states[conn->state].left);
	conn->listener->ends->count[conn->end]++;
}

void conn_end_start(struct conn *conn)
{
	if (!conn->start)
		return;
	lookup_waiter_cancel(&conn->start->waiter);
	free(TAKE_PTR(conn->start));
	conn->front->n_starting--;
}

static void conn_free(struct conn *conn)
{
	struct front *front = conn->front;

	count_end(conn);
	conn_end_start(conn);
	conn->client_address = clients_leave(front->clients, conn->client_address);
	if (conn->session)
		gnutls_deinit(conn->session);
	tls_context_unref(conn->context);
	loop_timer_free(conn->timer);
	end_done(&conn->client);
	end_done(&conn->backend);
	input_done(&conn->input);
	held_done(&conn->to_backend);
	held_done(&conn->to_client);
	listener_unref(conn->listener);
	list_remove(&conn->entry);
	free(conn);
	if (--front->stats.link.connections == 0 && front->on_empty)
		front->on_empty(front->userdata);
}

static void on_client(struct loop_io *io, unsigned events, void *userdata)
{
	struct conn *conn = userdata;

	conn->client.is_hung_up |= (events & LOOP_HUP) != 0;
	conn->client.is_readable = (events & (LOOP_IN | LOOP_HUP)) != 0;
	conn_run(conn);
}

static void on_backend(struct loop_io *io, unsigned events, void *userdata)
{
	struct conn *conn = userdata;

	conn->backend.is_hung_up |= (events & LOOP_HUP) != 0;
	conn->backend.is_readable = (events & (LOOP_IN | LOOP_HUP)) != 0;
	conn_run(conn);
}

/* A socket that has hung up is reported without end, whatever is wanted of it: it is
 * watched only while something is. */
static int watch(struct conn *conn, struct conn_end *end, loop_io_fn *fn)
{
	if (end->fd < 0)
		return 0;
	if (end->want == 0 && end->is_hung_up) {
		end->io = loop_io_free(end->io);
		return 0;
	}
	if (!end->io)
		return loop_io_new(&end->io, conn->front->loop, end->fd, end->want, fn,
			conn, NULL);
	if (loop_io_get_events(end->io) != end->want)
		loop_io_set_events(end->io, end->want);
	return 0;
}

void conn_run(struct conn *conn)
{
	enum conn_step step;

	do
		step = states[conn->state].step(conn);
	while (step == STEP_NEXT);
	conn->client.is_readable = conn->backend.is_readable = false;
	if (step == STEP_WAIT)
		input_keep(&conn->input);
	if (step == STEP_DONE || watch(conn, &conn->client, on_client) < 0 ||
		watch(conn, &conn->backend, on_backend) < 0)
		conn_free(conn);
}

/* Nobody gets another name's certificate because the manager was slow. */
static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct conn *conn = userdata;

	if (conn->state != CONN_LINGER) {
		conn->front->stats.link.timeouts++;
		log_debug(&conn->listener->log, "connection %d: deadline in state %s",
			conn->client.fd, states[conn->state].name);
	}
	if (conn->state == CONN_CONNECT)
		conn->front->stats.link.backend_failed++;
	conn_note_end(conn, is_mute(conn) ? LINK_END_SILENT : states[conn->state].late);
	conn_free(conn);
}

enum conn_state conn_first_state(const struct listener *listener)
{
	if (listener->settings.protocol == LINK_PROTOCOL_HTTP)
		return CONN_REQUEST;
	return listener_is_tls(listener) ? CONN_HELLO : CONN_CONNECT;
}

bool conn_enter_address(struct conn *conn)
{
	enum clients_outcome outcome = clients_enter(conn->front->clients,
		&conn->start->peer, loop_now(conn->front->loop), &conn->client_address);

	if (outcome == CLIENTS_WELCOME)
		return true;
	conn_note_end(conn, outcome == CLIENTS_MANY ? LINK_END_MANY_ADDRESS
						    : LINK_END_FAST_ADDRESS);
	conn->front->stats.link.rejected++;
	return false;
}

/* Who the client is, and so how many of it there are, may only come to be known. */
static bool is_welcome(struct conn *conn)
{
	if (conn->state != CONN_PROXY)
		return conn_enter_address(conn);
	if (conn_proxy_is_welcome(conn))
		return true;
	conn_note_end(conn, LINK_END_NOT_PROXY);
	conn->front->stats.link.rejected++;
	return false;
}

static void begin(
	struct listener *listener, int fd, const struct address *peer, bool is_probe)
{
	struct front *front = listener->front;
	struct conn *conn = xnew(struct conn);

	conn->front = front;
	conn->listener = listener_ref(listener);
	conn->client = (struct conn_end){ .fd = fd, .want = LOOP_IN };
	conn->backend = (struct conn_end){ .fd = -1 };
	conn->start = xnew(struct conn_start);
	conn->start->peer = *peer;
	conn->start->is_probe = is_probe;
	list_append(&front->conns, &conn->entry);
	front->stats.link.connections++;
	front->n_starting++;
	conn->state = conn_first_state(listener);
	conn->timer = loop_timer_new(front->loop, on_deadline, conn);
	conn_restart_deadline(conn);
	if (!is_probe && listener->n_proxy_from > 0)
		conn->state = CONN_PROXY;
	if (!is_welcome(conn))
		conn_free(conn);
	else if (conn->state == CONN_CONNECT)
		conn_run(conn);
	else if (watch(conn, &conn->client, on_client) < 0)
		conn_free(conn);
}

void conn_new(struct listener *listener, int fd, const struct address *peer)
{
	begin(listener, fd, peer, false);
}

void conn_new_probe(struct listener *listener, int fd)
{
	const struct address nobody = { .len = 0 };

	begin(listener, fd, &nobody, true);
}

void conn_close_all(struct front *front)
{
	struct conn *conn, *tmp;

	list_foreach_safe(conn, tmp, &front->conns, entry) {
		conn_note_end(conn, LINK_END_DRAINED);
		conn_free(conn);
	}
}

/* --- HELLO ------------------------------------------------------------------------- */

static void on_lookup_done(
	enum lookup_outcome outcome, struct tls_context *context, void *userdata);

static enum conn_step open_session(struct conn *conn, struct tls_context *context)
{
	conn->context = tls_context_ref(context);
	if (handshake_open(conn) < 0)
		return conn_refuse(conn, LINK_END_HANDSHAKE, ALERT_INTERNAL_ERROR);
	conn_set_state(conn, CONN_HANDSHAKE);
	return STEP_NEXT;
}

static enum conn_step start_lookup(struct conn *conn, const struct choice *choice)
{
	struct conn_start *start = conn->start;
	const struct lookup_question question = {
		.listener = conn->listener->settings.name,
		.key = choice->key,
		.name = choice->name,
		.client = start->hello.client,
		.alpn = start->hello.alpn[0] ? start->hello.alpn : NULL,
	};

	start->waiter.done = on_lookup_done;
	start->waiter.userdata = conn;
	if (lookups_wait(conn->front->lookups, &start->waiter, &question) < 0)
		return conn_refuse(conn, LINK_END_NO_CONTEXT, ALERT_INTERNAL_ERROR);
	conn->client.want = 0;
	conn_set_state(conn, CONN_LOOKUP);
	return STEP_WAIT;
}

static enum conn_step answer_hello(struct conn *conn)
{
	struct conn_start *start = conn->start;
	struct choice choice;

	choice_make(conn->listener, &start->hello, &choice);
	if (choice.name)
		memcpy(start->ticket_name, choice.name, strlen(choice.name) + 1);
	start->is_acme = choice.outcome == CHOICE_ACME;
	switch (choice.outcome) {
	case CHOICE_CONTEXT:
	case CHOICE_ACME:
		return open_session(conn, choice.context);
	case CHOICE_LOOKUP:
		return start_lookup(conn, &choice);
	case CHOICE_UNKNOWN_NAME:
		conn->front->stats.link.rejected++;
		return conn_refuse(
			conn, LINK_END_UNKNOWN_NAME, ALERT_UNRECOGNIZED_NAME);
	case CHOICE_NO_PROTOCOL:
		break;
	}
	conn->front->stats.link.rejected++;
	return conn_refuse(conn, LINK_END_NO_PROTOCOL, ALERT_NO_APPLICATION_PROTOCOL);
}

/* Somebody who has typed http:// before the address of a TLS port. */
static bool is_http(const uint8_t *data, size_t len)
{
	static const char *const methods[] = { "GET ", "HEAD ", "POST ", "PUT ",
		"OPTIONS ", "CONNECT ", "PRI " };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		size_t n = strlen(methods[i]);

		if (len >= n && memcmp(data, methods[i], n) == 0)
			return true;
	}
	return false;
}

static enum conn_step step_hello(struct conn *conn)
{
	struct front *front = conn->front;
	size_t len;

	int r = input_receive(&conn->input, conn->client.fd, front->rx, FRONT_RX_BYTES);
	if (r < 0)
		return STEP_DONE;
	conn->client.is_readable = false;
	const uint8_t *data = input_peek(&conn->input, &len);
	r = hello_parse(data, len, &conn->start->hello);
	if (r > 0)
		return answer_hello(conn);
	if (r == 0 && len <= HELLO_WIRE_MAX)
		return STEP_WAIT;
	stats_count_failure(&front->stats, GNUTLS_E_UNEXPECTED_PACKET);
	conn_note_end(conn, is_http(data, len) ? LINK_END_HTTP : LINK_END_NOT_TLS);
	return STEP_DONE;
}

/* --- LOOKUP ------------------------------------------------------------------------ */

/* An event: only a hang-up was left to come. */
static enum conn_step step_lookup(struct conn *conn)
{
	return conn->client.is_hung_up ? STEP_DONE : STEP_WAIT;
}

static void on_lookup_done(
	enum lookup_outcome outcome, struct tls_context *context, void *userdata)
{
	struct conn *conn = userdata;
	enum conn_step step;

	conn->client.want = LOOP_IN;
	if (outcome == LOOKUP_FOUND) {
		step = open_session(conn, context);
	} else if (outcome == LOOKUP_NONE) {
		conn->start->ticket_name[0] = '\0';
		step = open_session(conn, conn->front->placeholder);
	} else {
		step = conn_refuse(conn, LINK_END_NO_CONTEXT, ALERT_INTERNAL_ERROR);
	}
	if (step == STEP_DONE)
		conn_free(conn);
	else
		conn_run(conn);
}

/* --- LINGER ------------------------------------------------------------------------ */

/* To close a socket that has unread octets sends a reset, which may overtake what was
 * said last. So the rest is read, for a moment. */
static enum conn_step step_linger(struct conn *conn)
{
	ssize_t n =
		recv(conn->client.fd, conn->front->rx, FRONT_RX_BYTES, MSG_DONTWAIT);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return STEP_WAIT;
	return STEP_DONE;
}

enum conn_step conn_linger(struct conn *conn)
{
	input_done(&conn->input);
	held_done(&conn->to_client);
	end_done(&conn->backend);
	if (shutdown(conn->client.fd, SHUT_WR) < 0)
		return STEP_DONE;
	conn->client.want = LOOP_IN;
	conn_set_state(conn, CONN_LINGER);
	return STEP_NEXT;
}

enum conn_step conn_refuse(struct conn *conn, enum link_end end, unsigned alert)
{
	/* An alert record: fatal, in the clear. */
	const uint8_t record[] = { 21, 3, 3, 0, 2, 2, (uint8_t)alert };

	conn_note_end(conn, end);
	send(conn->client.fd, record, sizeof(record), MSG_NOSIGNAL | MSG_DONTWAIT);
	return conn_linger(conn);
}
