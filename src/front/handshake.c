/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The TLS session: fed by our own pull function with what was read already, then with
 * one receive an event into the worker's shared buffer (GnuTLS alone would ask the
 * socket three times a record). The certificate was chosen from the hello: the
 * credentials' callback only hands conn->context out.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "front/conn_priv.h"

/* Of a client until its session begins: a hello and a Finished, with room to spare. */
#define HANDSHAKE_BYTES_MAX (64 * 1024)

/* A session's own way to say "not now" and why not. */
static ssize_t fail_pull(struct conn *conn, int error)
{
	gnutls_transport_set_errno(conn->session, error);
	return -1;
}

static bool is_too_much(struct conn *conn, size_t n)
{
	if (!conn->start)
		return false;
	conn->start->n_tls += n;
	if (conn->start->n_tls <= HANDSHAKE_BYTES_MAX)
		return false;
	conn_note_end(conn, LINK_END_HANDSHAKE);
	return true;
}

/* A gnutls_pull_func. */
static ssize_t on_pull(gnutls_transport_ptr_t ptr, void *data, size_t size)
{
	struct conn *conn = ptr;
	size_t len;

	const uint8_t *in = input_peek(&conn->input, &len);
	if (len == 0) {
		if (!conn->client.is_readable)
			return fail_pull(conn, EAGAIN);
		conn->client.is_readable = false;
		int r = input_receive(
			&conn->input, conn->client.fd, conn->front->rx, FRONT_RX_BYTES);
		if (r == -ENODATA)
			return 0;
		if (r <= 0)
			return fail_pull(conn, r == 0 ? EAGAIN : -r);
		in = input_peek(&conn->input, &len);
	}
	size_t n = MIN(size, len);
	if (is_too_much(conn, n))
		return fail_pull(conn, ECONNRESET);
	memcpy(data, in, n);
	input_consume(&conn->input, n);
	return (ssize_t)n;
}

/* A gnutls_pull_timeout_func; never waits. */
static int on_pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	const struct conn *conn = ptr;
	size_t len;

	input_peek(&conn->input, &len);
	return len > 0 || conn->client.is_readable;
}

/* A gnutls_vec_push_func. */
static ssize_t on_push(gnutls_transport_ptr_t ptr, const giovec_t *iov, int n)
{
	struct conn *conn = ptr;
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)n };

	ssize_t r = sendmsg(conn->client.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (r < 0)
		gnutls_transport_set_errno(conn->session, errno);
	return r;
}

/* No tickets for answers to challenges: a resumed session would show no certificate. */
static void enable_tickets(struct conn *conn)
{
	uint8_t key[TICKET_KEY_BYTES];
	gnutls_datum_t datum = { .data = key, .size = sizeof(key) };

	if (conn->start->is_acme)
		return;
	if (ticket_key_derive(conn->front->ticket_key, conn->listener->settings.name,
		    conn->start->ticket_name, conn->context, key) < 0)
		return;
	gnutls_session_ticket_enable_server(conn->session, &datum);
	gnutls_memset(key, 0, sizeof(key));
}

static int set_alpn(struct conn *conn)
{
	const struct listener *listener = conn->listener;
	static const char acme[] = "acme-tls/1";
	const gnutls_datum_t acme_datum = { .data = (unsigned char *)acme,
		.size = sizeof(acme) - 1 };

	/* Mandatory: a client that offers ALPN, but nothing of ours, is refused (RFC 7301
	 * 3.2); one that offers none is served. */
	if (conn->start->is_acme)
		return gnutls_alpn_set_protocols(
			conn->session, &acme_datum, 1, GNUTLS_ALPN_MANDATORY);
	if (listener->n_alpn == 0)
		return 0;
	return gnutls_alpn_set_protocols(conn->session, listener->alpn,
		listener->n_alpn,
		GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE);
}

int handshake_open(struct conn *conn)
{
	struct front *front = conn->front;

	int r = gnutls_init(
		&conn->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
	if (r < 0) {
		conn->session = NULL;
		return -ENOMEM;
	}
	r = gnutls_priority_set(conn->session, front->priority);
	if (r >= 0)
		r = gnutls_credentials_set(
			conn->session, GNUTLS_CRD_CERTIFICATE, front->credentials);
	if (r >= 0)
		r = set_alpn(conn);
	if (r < 0)
		return -EIO;
	enable_tickets(conn);
	gnutls_session_set_ptr(conn->session, &conn->context);
	gnutls_transport_set_ptr(conn->session, conn);
	gnutls_transport_set_pull_function(conn->session, on_pull);
	gnutls_transport_set_pull_timeout_function(conn->session, on_pull_timeout);
	gnutls_transport_set_vec_push_function(conn->session, on_push);
	return 0;
}

static enum conn_step fail(struct conn *conn, int code)
{
	stats_count_failure(&conn->front->stats, code);
	log_debug(&conn->listener->log, "connection %d: handshake failed: %s",
		conn->client.fd, gnutls_strerror(code));
	if (code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PUSH_ERROR ||
		code == GNUTLS_E_PULL_ERROR)
		return STEP_DONE;
	conn_note_end(conn, LINK_END_HANDSHAKE);
	/* The other side has said itself why it goes. */
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return STEP_DONE;
	gnutls_alert_send_appropriate(conn->session, code);
	return conn_linger(conn);
}

static enum conn_step finish(struct conn *conn)
{
	struct link_stats *stats = &conn->front->stats.link;

	stats->handshakes++;
	if (gnutls_session_is_resumed(conn->session))
		stats->resumed++;
	if (conn->start->is_acme)
		stats->acme_answered++;
	if (conn->start->is_acme || conn->start->is_probe ||
		!conn->listener->has_backend) {
		conn_note_end(conn,
			conn->start->is_probe ? LINK_END_PROBED : LINK_END_ANSWERED);
		gnutls_bye(conn->session, GNUTLS_SHUT_WR);
		return conn_linger(conn);
	}
	conn_set_state(conn, CONN_CONNECT);
	return STEP_NEXT;
}

enum conn_step step_handshake(struct conn *conn)
{
	int r;

	do
		r = gnutls_handshake(conn->session);
	while (r < 0 && r != GNUTLS_E_AGAIN && r != GNUTLS_E_INTERRUPTED &&
		!gnutls_error_is_fatal(r));
	if (r == 0)
		return finish(conn);
	if (r != GNUTLS_E_AGAIN && r != GNUTLS_E_INTERRUPTED)
		return fail(conn, r);
	conn->client.want =
		gnutls_record_get_direction(conn->session) ? LOOP_OUT : LOOP_IN;
	return STEP_WAIT;
}
