/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A listener behind a balancer (proxy_from): the balancer says in a PROXY header who the
 * client is, and only it is believed. Everybody else is refused at once, but for this
 * machine itself, from which our own looks come: its header may say nothing that the
 * socket does not say as well.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "front/conn_priv.h"
#include "io/proxy_read.h"

/* A unix socket's file has let in whom it may. */
static bool is_named(const struct conn *conn)
{
	const struct listener *listener = conn->listener;
	const struct sockaddr_storage *peer = &conn->start->peer.sa;

	return peer->ss_family == AF_UNIX ||
	       network_list_has(listener->proxy_from, listener->n_proxy_from, peer);
}

/* It has come from the address that it went to. */
static bool is_this_machine(const struct conn *conn)
{
	struct address local = { .len = sizeof(local.sa) };

	if (getsockname(conn->client.fd, (struct sockaddr *)&local.sa, &local.len) < 0)
		return false;
	return address_is_same_host(&local, &conn->start->peer);
}

bool conn_proxy_is_welcome(const struct conn *conn)
{
	return is_named(conn) || is_this_machine(conn);
}

static enum conn_step refuse(struct conn *conn, enum link_end end)
{
	conn->front->stats.link.rejected++;
	conn_note_end(conn, end);
	return STEP_DONE;
}

/* Without addresses (a look of the balancer's own, or of ours) those of the socket hold. */
static bool believe(struct conn *conn, const struct proxy_read *header)
{
	struct conn_start *start = conn->start;

	if (!header->has_addresses)
		return true;
	if (!is_named(conn) && !address_is_same_host(&header->source, &start->peer))
		return false;
	start->peer = header->source;
	start->local = header->destination;
	return true;
}

static enum conn_step take_header(struct conn *conn, const struct proxy_read *header)
{
	if (!believe(conn, header))
		return refuse(conn, LINK_END_NOT_PROXY);
	input_consume(&conn->input, header->len);
	if (!conn_enter_address(conn))
		return STEP_DONE;
	conn_set_state(conn, conn_first_state(conn->listener));
	return STEP_NEXT;
}

enum conn_step step_proxy(struct conn *conn)
{
	struct proxy_read header;
	size_t len;

	int r = input_receive(
		&conn->input, conn->client.fd, conn->front->rx, PROXY_READ_MAX);
	if (r < 0)
		return STEP_DONE;
	const uint8_t *data = input_peek(&conn->input, &len);
	r = proxy_read(data, len, &header);
	if (r == 0)
		return STEP_WAIT;
	return r < 0 ? refuse(conn, LINK_END_PROXY_HEADER) : take_header(conn, &header);
}
