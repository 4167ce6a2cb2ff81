/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The listening sockets: bound here, or taken from systemd by name (LISTEN_FDNAMES), kept
 * over reloads, handed to the workers as duplicates. One descriptor per (listener,
 * address), shared by all workers.
 */
#pragma once

#include "conf/conf.h"
#include "io/address.h"
#include "link/message.h"
#include "util/log.h"

struct listeners;

struct listeners *listeners_new(const struct log_ctx *log);
/* Closes all sockets. */
struct listeners *listeners_free(struct listeners *listeners);
DEFINE_CLEANUP(struct listeners *, listeners_free)

/* Descriptors that systemd handed to us: name as in FileDescriptorName=, which is the
 * listener's block name. Takes the descriptor over. */
void listeners_adopt(struct listeners *listeners, const char *name, int fd);

/* Binds what the configuration wants and is not there yet. All or nothing: on error
 * nothing has changed, and the error names the listener and its file and line. What is no
 * longer wanted is dropped by listeners_commit. */
int listeners_prepare(
	struct listeners *listeners, const struct conf *conf, struct err *err);
void listeners_commit(struct listeners *listeners);
void listeners_abandon(struct listeners *listeners); /* forget what prepare bound */

/* Walks the committed ones: a message for the workers (fd -1; dup is in *ret_fd,
 * borrowed) and the address. The key "imaps" or "imaps#2" names it on the link. */
typedef int listeners_fn(const struct link_listener *message, int fd,
	const struct address *address, void *userdata);
int listeners_each(const struct listeners *listeners, listeners_fn *fn, void *userdata);
/* Where a probe of ours connects to: addresses of TLS listeners, wildcards replaced by
 * loopback; texts in a NULL-terminated array owned by the caller. */
char **listeners_format_tls_addresses(const struct listeners *listeners);
/* Address of the first listener of protocol http / the first with acme; NULL-able text
 * owned by the caller. */
char *listeners_format_http_address(const struct listeners *listeners);
char *listeners_format_acme_address(const struct listeners *listeners);
