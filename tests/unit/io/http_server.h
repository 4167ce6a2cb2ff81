/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small HTTP server in threads of its own, whose paths are the ways to misbehave. */
#pragma once

#include "util/macro.h"

/*
 * /ok          200, "hello"; X-Connection: number of the connection, from 1
 * /echo        200, the request: its line, its header lines and its body
 * /head        200, Content-Length: 5, body "hello" unless HEAD
 * /slow        200 after 60 ms
 * /drip        an octet of the body every 10 ms, for ever
 * /endless     a body that does not end
 * /headers     100 fields, and one longer than 8 KiB before them
 * /endless-header
 * /cut         10 of 100 announced octets
 * /garbage     no HTTP
 * /nothing     closes without an answer
 * /interim     103 with a header, then 200
 * /trailer     chunked, with a trailer X-Trailer
 * /redirect    302 to /ok
 * /never       does not answer
 */
struct http_server;

struct http_server *http_server_new(void);
struct http_server *http_server_free(struct http_server *server);
DEFINE_CLEANUP(struct http_server *, http_server_free)
unsigned http_server_port(const struct http_server *server);
/* Connections so far. */
unsigned http_server_connections(struct http_server *server);
