/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An HTTP client without a network: each request goes to a callback of the test that
 * fills the answer, which is delivered on a later turn of the loop (any loop, usually
 * the fake one). Caps and deadlines hold as with the real client.
 *
 *   static void handle(const struct fake_http_request *req,
 *           struct fake_http_answer *answer, void *userdata)
 *   {
 *           answer->status = 201;
 *           fake_http_add_header(answer, "Location", "https://ca.test/order/1");
 *           buf_append_str(&answer->body, "{}");
 *   }
 *
 * An answer that is left as it came is 200 with an empty body and no headers.
 */
#pragma once

#include "io/http.h"
#include "util/buf.h"

/* All of it lives until the handler returns. */
struct fake_http_request {
	enum http_method method;
	const char *method_name; /* "GET", "HEAD", "POST" */
	const char *url;
	const char *body; /* NUL-terminated after body_len octets; never NULL */
	size_t body_len;
	const char *content_type; /* or NULL */
	const char *accept;       /* or NULL */
	const char *connect_to;   /* or NULL */
	usec_t deadline_usec;     /* the duration in force */
	unsigned number;          /* of this client, from 1 */
};

struct fake_http_answer {
	enum http_outcome
		outcome; /* other than HTTP_OK: status and body are not shown */
	unsigned status;
	struct buf body;    /* append to it; a HEAD never shows it */
	const char *detail; /* static; NULL = "faked"; for outcomes but HTTP_OK */
	usec_t delay_usec;  /* 0 = the next turn */
	bool is_never;      /* only the deadline ends it */
	struct http_headers headers; /* by fake_http_add_header */
};

/* Called once from within http_request_start(). Must not start requests. */
typedef void fake_http_handler_fn(const struct fake_http_request *req,
	struct fake_http_answer *answer, void *userdata);

/* http_client_free() it. */
struct http_client *fake_http_new(
	struct loop *loop, fake_http_handler_fn *handler, void *userdata);

void fake_http_add_header(
	struct fake_http_answer *answer, const char *name, const char *value);

/* Requests that were started and neither done nor cancelled. */
unsigned fake_http_pending(const struct http_client *client);
/* Requests that were started at all. */
unsigned fake_http_count(const struct http_client *client);
