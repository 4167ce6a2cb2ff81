/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Both directions. Each goes on until the one side has nothing more or the other takes
 * nothing more; what was not taken waits, and then the one side is not read:
 *
 *   client ─► input (as it came) ─► GnuTLS ─► to_backend ─► backend
 *   client ◄─ GnuTLS (one record), to_client ◄──────────── backend
 *
 * The end of one direction is passed on and leaves the other alone: close_notify or FIN
 * of the client becomes a FIN for the backend, the backend's FIN a close_notify and FIN
 * for the client. When both have ended, the connection ends.
 *
 * In the ordinary case nothing is allocated, no event changed, no timer set anew.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "front/conn_priv.h"

/* Records of a backend relayed in one turn: fair to the others. */
#define ROUNDS_PER_TURN 4

/* What one direction has come to. */
enum flow {
	FLOW_OPEN,   /* will go on after an event */
	FLOW_BROKEN, /* the connection is of no use any more */
};

/* --- client to backend --------------------------------------------------------------- */

static ssize_t from_errno(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t receive_tls(struct conn *conn, void *data, size_t size)
{
	conn->is_tls_stuck_out = false;
	for (;;) {
		ssize_t n = gnutls_record_recv(conn->session, data, size);

		if (n >= 0)
			return n;
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
			conn->is_tls_stuck_out =
				gnutls_record_get_direction(conn->session) == 1;
			return -EAGAIN;
		}
		/* Many clients close without a close_notify. */
		if (n == GNUTLS_E_PREMATURE_TERMINATION)
			return 0;
		/* A renegotiation ends the connection as well: nobody needs it. */
		if (gnutls_error_is_fatal((int)n) || n == GNUTLS_E_REHANDSHAKE)
			return -EPROTO;
	}
}

static ssize_t receive_plain(struct conn *conn, void *data, size_t size)
{
	size_t len;

	const uint8_t *in = input_peek(&conn->input, &len);
	if (len > 0) {
		size_t n = MIN(len, size);
		memcpy(data, in, n);
		input_consume(&conn->input, n);
		return (ssize_t)n;
	}
	if (!conn->client.is_readable)
		return -EAGAIN;
	conn->client.is_readable = false;
	return from_errno(recv(conn->client.fd, data, size, MSG_DONTWAIT));
}

/* Octets, 0 at the end, -EAGAIN, or another negative errno. */
static ssize_t receive_client(struct conn *conn, void *data, size_t size)
{
	return conn->session ? receive_tls(conn, data, size)
			     : receive_plain(conn, data, size);
}

/* What is not taken waits in to_backend. */
static enum flow send_backend(struct conn *conn, const uint8_t *data, size_t len)
{
	ssize_t n = from_errno(
		send(conn->backend.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT));

	if (n < 0 && n != -EAGAIN)
		return FLOW_BROKEN;
	size_t taken = n > 0 ? (size_t)n : 0;
	if (taken < len)
		held_append(&conn->to_backend, data + taken, len - taken);
	return FLOW_OPEN;
}

static enum flow flush_backend(struct conn *conn)
{
	struct held *held = &conn->to_backend;

	if (held->len == 0)
		return FLOW_OPEN;
	ssize_t n = from_errno(send(conn->backend.fd, held->data + held->off, held->len,
		MSG_NOSIGNAL | MSG_DONTWAIT));
	if (n < 0)
		return n == -EAGAIN ? FLOW_OPEN : FLOW_BROKEN;
	held_consume(held, (size_t)n);
	return FLOW_OPEN;
}

static enum flow end_backend(struct conn *conn)
{
	conn->backend.is_shut = true;
	return shutdown(conn->backend.fd, SHUT_WR) < 0 ? FLOW_BROKEN : FLOW_OPEN;
}

/* Until the client has nothing more at hand: GnuTLS and the input are then empty. */
static enum flow pump_up(struct conn *conn)
{
	struct front *front = conn->front;

	if (flush_backend(conn) == FLOW_BROKEN)
		return FLOW_BROKEN;
	while (conn->to_backend.len == 0 && !conn->backend.is_shut) {
		if (conn->client.has_ended)
			return end_backend(conn);
		ssize_t n = receive_client(conn, front->plain, FRONT_PLAIN_BYTES);
		if (n == -EAGAIN)
			return FLOW_OPEN;
		if (n < 0)
			return FLOW_BROKEN;
		if (n == 0)
			conn->client.has_ended = true;
		front->stats.link.bytes_in += (uint64_t)n;
		if (n > 0 && send_backend(conn, front->plain, (size_t)n) == FLOW_BROKEN)
			return FLOW_BROKEN;
	}
	return FLOW_OPEN;
}

/* --- backend to client --------------------------------------------------------------- */

static bool is_client_blocked(const struct conn *conn)
{
	return conn->to_client.len > 0;
}

/* Octets taken, or -EAGAIN: GnuTLS then holds the record that it has made of the first
 * of them, and wants to be called with nothing (NULL, 0) until it is gone. */
static ssize_t send_client(struct conn *conn, const uint8_t *data, size_t len)
{
	ssize_t n;

	if (!conn->session)
		return from_errno(
			send(conn->client.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT));
	if (conn->is_record_pending)
		n = gnutls_record_send(conn->session, NULL, 0);
	else
		n = gnutls_record_send(conn->session, data, len);
	conn->is_record_pending = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
	if (n >= 0)
		return n;
	return conn->is_record_pending ? -EAGAIN : -EPIPE;
}

static enum flow send_or_hold(struct conn *conn, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send_client(conn, data, len);

		if (n == -EAGAIN) {
			held_append(&conn->to_client, data, len);
			return FLOW_OPEN;
		}
		if (n < 0)
			return FLOW_BROKEN;
		data += n;
		len -= (size_t)n;
	}
	return FLOW_OPEN;
}

static enum flow flush_client(struct conn *conn)
{
	struct held *held = &conn->to_client;

	while (held->len > 0) {
		ssize_t n = send_client(conn, held->data + held->off, held->len);

		if (n == -EAGAIN)
			return FLOW_OPEN;
		if (n < 0)
			return FLOW_BROKEN;
		held_consume(held, (size_t)n);
	}
	return FLOW_OPEN;
}

/* A close_notify that does not go out at once is tried again after LOOP_OUT. */
static enum flow end_client(struct conn *conn)
{
	if (conn->session) {
		int r = gnutls_bye(conn->session, GNUTLS_SHUT_WR);

		if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED)
			return FLOW_OPEN;
		if (r < 0)
			return FLOW_BROKEN;
	}
	conn->client.is_shut = true;
	return shutdown(conn->client.fd, SHUT_WR) < 0 ? FLOW_BROKEN : FLOW_OPEN;
}

static enum flow pump_down(struct conn *conn)
{
	struct front *front = conn->front;
	struct conn_end *backend = &conn->backend;

	if (flush_client(conn) == FLOW_BROKEN)
		return FLOW_BROKEN;
	for (int i = 0; i < ROUNDS_PER_TURN && backend->is_readable; i++) {
		if (is_client_blocked(conn) || backend->has_ended)
			break;
		ssize_t n = from_errno(recv(
			backend->fd, front->plain, FRONT_PLAIN_BYTES, MSG_DONTWAIT));
		if (n < 0 && n != -EAGAIN)
			return FLOW_BROKEN;
		/* Less than asked for: there is no more, and no need to be told so. */
		backend->is_readable = n == FRONT_PLAIN_BYTES;
		if (n == 0)
			backend->has_ended = true;
		if (n <= 0)
			break;
		front->stats.link.bytes_out += (uint64_t)n;
		if (send_or_hold(conn, front->plain, (size_t)n) == FLOW_BROKEN)
			return FLOW_BROKEN;
	}
	if (backend->has_ended && !is_client_blocked(conn) && !conn->client.is_shut)
		return end_client(conn);
	return FLOW_OPEN;
}

/* --- both ---------------------------------------------------------------------------- */

static unsigned flag(bool condition, unsigned event)
{
	return condition ? event : 0;
}

static void set_wants(struct conn *conn)
{
	bool is_up_blocked = conn->to_backend.len > 0;
	bool is_down_blocked = is_client_blocked(conn);
	bool owes_end = conn->backend.has_ended && !conn->client.is_shut;

	conn->client.want =
		flag(!conn->client.has_ended && !is_up_blocked, LOOP_IN) |
		flag(is_down_blocked || owes_end || conn->is_tls_stuck_out, LOOP_OUT);
	conn->backend.want =
		flag(!conn->backend.has_ended && !is_down_blocked, LOOP_IN) |
		flag(is_up_blocked, LOOP_OUT);
}

enum conn_step step_relay(struct conn *conn)
{
	if (pump_up(conn) == FLOW_BROKEN || pump_down(conn) == FLOW_BROKEN) {
		/* After its end a client need not be there for what is left to say. */
		if (!conn->client.has_ended && !conn->backend.has_ended)
			conn_note_end(conn, LINK_END_BROKEN);
		return STEP_DONE;
	}
	if (conn->client.is_shut && conn->backend.is_shut)
		return STEP_DONE;
	set_wants(conn);
	conn_restart_deadline(conn);
	return STEP_WAIT;
}
