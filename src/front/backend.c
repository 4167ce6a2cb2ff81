/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to the backend: connect, and say in the PROXY header who comes and how. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "front/conn_priv.h"
#include "io/proxy_header.h"
#include "util/mem.h"

#define HEADER_BYTES_MAX 2048

/* One line when it goes and one when it is back, not one a connection. */
static enum conn_step fail(struct conn *conn, const char *why)
{
	struct listener *listener = conn->listener;

	conn->front->stats.link.backend_failed++;
	conn_note_end(conn, LINK_END_BACKEND_DOWN);
	if (!listener->is_backend_down)
		log_warning(&listener->log, "backend %s not reached: %s",
			listener->settings.backend, why);
	listener->is_backend_down = true;
	if (conn->session)
		gnutls_bye(conn->session, GNUTLS_SHUT_WR);
	return conn_linger(conn);
}

static void add_tls_facts(
	struct conn *conn, struct proxy_header *header, char alpn[256])
{
	gnutls_datum_t selected = { 0 };

	bool is_13 = gnutls_protocol_get_version(conn->session) == GNUTLS_TLS1_3;
	header->tls_version = is_13 ? "TLSv1.3" : "TLSv1.2";
	header->cipher = gnutls_ciphersuite_get(conn->session);
	if (conn->start->hello.sni == HELLO_SNI_NAME)
		header->sni = conn->start->hello.name;
	if (gnutls_alpn_get_selected_protocol(conn->session, &selected) < 0 ||
		selected.size > 255)
		return;
	memcpy(alpn, selected.data, selected.size);
	alpn[selected.size] = '\0';
	header->alpn = alpn;
}

static int queue_proxy_header(struct conn *conn)
{
	struct proxy_header header = { .source = conn->start->peer };
	struct buf out = BUF_INIT(HEADER_BYTES_MAX);
	char alpn[256];

	header.destination = conn->start->local;
	if (header.destination.len == 0)
		header.destination.len = sizeof(header.destination.sa);
	if (conn->start->local.len == 0 &&
		getsockname(conn->client.fd, (struct sockaddr *)&header.destination.sa,
			&header.destination.len) < 0)
		return -errno;
	address_unmap(&header.source);
	address_unmap(&header.destination);
	if (conn->session)
		add_tls_facts(conn, &header, alpn);
	int r = proxy_header_format(&header, &out);
	if (r == 0)
		held_append(&conn->to_backend, out.data, out.len);
	buf_done(&out);
	return r;
}

static enum conn_step begin(struct conn *conn)
{
	struct conn_end *backend = &conn->backend;
	struct err err = ERR_INIT;

	/* The state may be reached with octets of the client at hand: they wait. */
	input_keep(&conn->input);
	int r = address_connect(&conn->listener->backend, &backend->fd, &err);
	err_done(&err);
	if (r < 0)
		return fail(conn, strerror(-r));
	setsockopt(backend->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (conn->listener->settings.proxy_protocol == 1) {
		r = queue_proxy_header(conn);
		if (r < 0)
			return fail(conn, strerror(-r));
	}
	conn->client.want = 0;
	backend->want = LOOP_OUT;
	return STEP_NEXT;
}

/* 0: not yet; 1: connected; else a negative errno. On loopback the answer is there at
 * once, which saves a turn. */
static int find_out(const struct conn_end *backend)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	int error = 0;

	if (getpeername(backend->fd, (struct sockaddr *)&peer, &len) == 0)
		return 1;
	len = sizeof(error);
	if (getsockopt(backend->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

enum conn_step step_connect(struct conn *conn)
{
	struct listener *listener = conn->listener;

	if (!listener->has_backend)
		return STEP_DONE;
	if (conn->client.is_hung_up)
		return STEP_DONE;
	if (conn->backend.fd < 0)
		return begin(conn);
	int r = find_out(&conn->backend);
	if (r < 0)
		return fail(conn, strerror(-r));
	if (r == 0)
		return STEP_WAIT;
	if (listener->is_backend_down)
		log_notice(&listener->log, "backend %s reached again",
			listener->settings.backend);
	listener->is_backend_down = false;
	conn_end_start(conn);
	conn_set_state(conn, CONN_RELAY);
	return STEP_NEXT;
}
