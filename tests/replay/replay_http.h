/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An http client that sends nothing: io/http.h for replays. It holds each request until
 * it is told what came back, which tests/lib/fake_http.h cannot. */
#pragma once

#include "io/http.h"

struct http_client *replay_http_new(struct loop *loop);

/* A request as it was sent. */
struct replay_request {
	enum http_method method;
	char *url;
	char *body; /* NULL = none */
	char *content_type;
	char *accept;
	size_t max_body_bytes;
};

/* The oldest that has no answer yet, or NULL. Lives until it is answered. */
const struct replay_request *replay_http_find(const struct http_client *client);
size_t replay_http_count(const struct http_client *client);
/* All that were ever sent. */
size_t replay_http_total(const struct http_client *client);
/* Answers the oldest. What result points at may go when this returns. */
void replay_http_answer(struct http_client *client, const struct http_result *result);
/* The next one is not even started: request_start fails. */
void replay_http_refuse_next(struct http_client *client);
