/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A listener of protocol http: a CA's question about a pending challenge is answered,
 * everything else goes on to the backend as it came, or is sent to https. We redirect
 * only to names that we serve: else anybody could be sent anywhere in our name.
 */
#include <errno.h>
#include <sys/socket.h>

#include "front/conn_priv.h"
#include "front/http.h"

#define REPLY_MAX (32 * 1024)
#define TOKEN_MAX 257

static enum conn_step reply(struct conn *conn, const struct http_reply *answer)
{
	struct buf out = BUF_INIT(REPLY_MAX);

	http_reply_format(answer, &out);
	held_append(&conn->to_client, out.data, out.len);
	buf_done(&out);
	conn_set_state(conn, CONN_REPLY);
	return STEP_NEXT;
}

static enum conn_step refuse(struct conn *conn, unsigned status)
{
	conn->front->stats.link.rejected++;
	conn_note_end(conn, LINK_END_BAD_REQUEST);
	return reply(conn, &(struct http_reply){ .status = status });
}

static enum conn_step redirect(struct conn *conn, const struct http_request *request)
{
	const struct link_listener *settings = &conn->listener->settings;
	char key[DNAME_MAX + 1];

	if (request->host[0] == '\0' ||
		!names_resolve(&conn->front->names, request->host, key))
		return refuse(conn, 421);
	return reply(conn, &(struct http_reply){
				   .status = 301,
				   .location_host = request->host,
				   .location_port = settings->redirect_port,
				   .request = request,
			   });
}

static enum conn_step answer_request(
	struct conn *conn, const struct http_request *request)
{
	const char *content = NULL;
	char token[TOKEN_MAX];

	if (request->host[0] && http_request_get_token(request, token, sizeof(token)) &&
		answers_is_token(token))
		content = answers_find_http(conn->front->answers, request->host, token);
	if (content) {
		conn->front->stats.link.acme_answered++;
		return reply(conn, &(struct http_reply){
					   .status = 200,
					   .body = content,
					   .request = request,
				   });
	}
	if (!conn->listener->has_backend)
		return redirect(conn, request);
	conn_set_state(conn, CONN_CONNECT);
	return STEP_NEXT;
}

enum conn_step step_request(struct conn *conn)
{
	struct http_request request;
	size_t len;

	int r = input_receive(
		&conn->input, conn->client.fd, conn->front->rx, HTTP_HEAD_MAX);
	if (r < 0)
		return STEP_DONE;
	const uint8_t *data = input_peek(&conn->input, &len);
	r = http_request_parse((const char *)data, len, &request);
	if (r == 0)
		return STEP_WAIT;
	return r < 0 ? refuse(conn, (unsigned)-r) : answer_request(conn, &request);
}

enum conn_step step_reply(struct conn *conn)
{
	struct held *held = &conn->to_client;

	ssize_t n = send(conn->client.fd, held->data + held->off, held->len,
		MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return STEP_DONE;
	if (n > 0)
		held_consume(held, (size_t)n);
	if (held->len == 0)
		return conn_linger(conn);
	conn->client.want = LOOP_OUT;
	return STEP_WAIT;
}
