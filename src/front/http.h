/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The little HTTP/1 that a listener of protocol http speaks itself: the head of one
 * request, read strictly (RFC 9112), and answers that close the connection.
 */
#pragma once

#include "util/buf.h"
#include "util/dname.h"

#define HTTP_HEAD_MAX    8192
#define HTTP_HEADERS_MAX 100

struct http_request {
	bool is_get;
	bool is_head;
	char host[DNAME_MAX +
		  1];       /* normalised, without port; "": none, or not a name */
	const char *target; /* origin form, "/..."; points into the data */
	size_t target_len;
};

/* Of what has been received so far. 1: a whole head; 0: more is needed; else the status
 * to answer, negative: -400, -431, -505. */
int http_request_parse(const char *data, size_t len, struct http_request *ret);

/* The token, if the target is that of an http-01 challenge (RFC 8555 8.3), into buf. */
bool http_request_get_token(const struct http_request *request, char *buf, size_t size);

/* A whole answer. The body is left out of the answer to a HEAD, its length is not. */
struct http_reply {
	unsigned status;           /* 200 301 400 421 431 505 */
	const char *body;          /* text/plain; NULL: the status in words */
	const char *location_host; /* 301: https://HOST PORT TARGET; else NULL */
	const char *location_port;
	const struct http_request *request; /* NULL: it could not be read */
};

void http_reply_format(const struct http_reply *reply, struct buf *out);
