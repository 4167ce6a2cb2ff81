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
struct service;

struct listeners *listeners_new(const struct log_ctx *log);
/* Closes all sockets. */
struct listeners *listeners_free(struct listeners *listeners);
DEFINE_CLEANUP(struct listeners *, listeners_free)

/* A socket that outlives its manager has this name in front of its address in systemd's
 * store and in what exec hands on; no ":", which systemd does not allow in a name. */
#define LISTENERS_KEPT "kept/"

/* Is told to keep the sockets that we have bound. NULL, and before: nobody is. */
void listeners_set_service(struct listeners *listeners, struct service *service);

/* Called by prepare when an address is taken: may adopt sockets, which are then looked at
 * again. NULL: nobody can help. */
typedef void listeners_claim_fn(void *userdata);
void listeners_set_claim(
	struct listeners *listeners, listeners_claim_fn *claim, void *userdata);

/* Descriptors that were handed to us: name as in FileDescriptorName=, which is the
 * listener's block name, or one of a dead manager of ours (LISTENERS_KEPT): that one is
 * taken by whichever listener has its address, and closed if none has. Takes the
 * descriptor over; -1: it was closed. What is not a listening stream socket is dropped with a warning, and
 * forgotten by systemd's store if we have put it there. */
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
/* Walks the sockets under the names by which they can be adopted again. */
typedef void listeners_socket_fn(const char *name, int fd, void *userdata);
void listeners_each_socket(
	const struct listeners *listeners, listeners_socket_fn *fn, void *userdata);
/* Where a probe of ours connects to: addresses of TLS listeners, wildcards replaced by
 * loopback; texts in a NULL-terminated array owned by the caller. */
char **listeners_format_tls_addresses(const struct listeners *listeners);
/* Address of the first listener of protocol http / the first with acme; NULL-able text
 * owned by the caller. */
char *listeners_format_http_address(const struct listeners *listeners);
char *listeners_format_acme_address(const struct listeners *listeners);
/* Is this the text of one of those, and of one that expects a PROXY header? */
bool listeners_expects_proxy(const struct listeners *listeners, const char *address);
