/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP client on the loop (libcurl's multi interface; a fake one in tests/lib).
 *
 * Hard rules: no redirects, no cookies, no netrc, no proxy from the environment, bodies
 * capped, a deadline for the whole exchange. `https` only unless the params allow
 * `http`. Operation contract: doc/architecture.md, Operations.
 */
#pragma once

#include "io/loop.h"
#include "util/buf.h"
#include "util/err.h"

struct http_client;
struct http_request;

struct http_client_params {
	const char *user_agent;
	const char *ca_file;      /* PEM of trusted CAs; NULL = the system's bundle */
	unsigned max_connections; /* per host; 0 = 1 */
};

/* One client per authority: it keeps the connection. */
int http_client_new(struct http_client **ret, struct loop *loop,
	const struct http_client_params *params, struct err *err);
/* Silences what is under way; the handles of requests still have to be cancelled. */
struct http_client *http_client_free(struct http_client *client);
DEFINE_CLEANUP(struct http_client *, http_client_free)

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	_HTTP_METHOD_MAX,
};

enum {
	HTTP_ALLOW_PLAIN = 1 << 0, /* http:// too: looking at our own http-01 answer */
	HTTP_SAY_PROXY = 1 << 1,   /* first a PROXY header, of the socket's addresses */
};

struct http_params {
	enum http_method method;
	unsigned flags;
	const char *url;
	const void *body; /* copied */
	size_t body_len;
	const char *content_type; /* NULL = none */
	const char *accept;       /* NULL = none */
	const char *const
		*lines;      /* of the header, "Name: value", checked; NULL = none */
	const char *ca_file; /* instead of the client's; NULL = that */
	/* Connect to this instead of the URL's host: "127.0.0.1:8080", "[::1]:80". The
	 * Host header stays the URL's. */
	const char *connect_to;
	size_t max_body_bytes; /* of the answer; 0 = 64 KiB */
	usec_t deadline_usec;  /* duration for the whole exchange; 0 = 30 s */
};

enum http_outcome {
	HTTP_OK,        /* an answer came: look at status */
	HTTP_UNREACHED, /* name, route, refused, reset */
	HTTP_TLS,       /* certificate or handshake */
	HTTP_DEADLINE,
	HTTP_TOO_LARGE,
	HTTP_BROKEN, /* answer malformed or cut off */
	_HTTP_OUTCOME_MAX,
};

struct http_result {
	enum http_outcome outcome;
	unsigned status;  /* 0 unless HTTP_OK */
	const char *body; /* NUL-terminated after body_len octets; never NULL */
	size_t body_len;
	const char *detail; /* cause in words unless HTTP_OK, else NULL */
	const struct http_headers *headers;
};

/* All strings live until done returns. */
typedef void http_done_fn(const struct http_result *result, void *userdata);

int http_request_start(struct http_request **ret, struct http_client *client,
	const struct http_params *params, http_done_fn *done, void *userdata,
	struct err *err);
struct http_request *http_request_cancel(struct http_request *req);
DEFINE_CLEANUP(struct http_request *, http_request_cancel)

/* The nth header of that name (any case), trimmed, or NULL. At most 64 headers of
 * at most 8 KiB are kept. */
const char *http_header(
	const struct http_result *result, const char *name, unsigned nth);

/* --- for a client of another make (tests): what http_client_new fills in ---------- */
struct http_headers {
	size_t n;

	struct http_header_field {
		char *name;
		char *value;
	} * field;
};

struct http_client_ops {
	int (*request_start)(struct http_request **ret, struct http_client *client,
		const struct http_params *params, http_done_fn *done, void *userdata,
		struct err *err);
	struct http_request *(*request_cancel)(struct http_request *req);
	struct http_client *(*free)(struct http_client *client);
};

/* First member of every client and of every request. */
struct http_client {
	const struct http_client_ops *ops;
};

struct http_request {
	const struct http_client_ops *ops;
};
