/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TLS server in a thread, with a self-signed ECDSA certificate for "mail.test". */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

enum tls_server_mode {
	TLS_SERVER_HTTP,    /* handshake, then a 200 with "hello"; ALPN "http/1.1" */
	TLS_SERVER_GARBAGE, /* answers no TLS */
	TLS_SERVER_SILENT,  /* says nothing */
	TLS_SERVER_HANGS_UP,
};

struct tls_server;

struct tls_server *tls_server_new(enum tls_server_mode mode);
struct tls_server *tls_server_free(struct tls_server *server);
DEFINE_CLEANUP(struct tls_server *, tls_server_free)
unsigned tls_server_port(const struct tls_server *server);
/* Its certificate, borrowed from the server. */
const uint8_t *tls_server_leaf(const struct tls_server *server, size_t *ret_len);
const char *tls_server_pem(const struct tls_server *server);
/* The name that the last client asked for, "" if none. */
const char *tls_server_last_sni(const struct tls_server *server);
/* Handshakes that resumed a session. */
unsigned tls_server_resumed(const struct tls_server *server);
