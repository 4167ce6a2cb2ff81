/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Socket addresses as the configuration writes them: "127.0.0.1:993", "[::]:993",
 * "unix:/run/x.sock". Numeric only; no look-ups. */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "util/err.h"

#define ADDRESS_TEXT_MAX 160

struct address {
	struct sockaddr_storage sa;
	socklen_t len;
};

int address_parse(const char *text, struct address *ret, struct err *err);
char *address_format(const struct address *address, char *buf, size_t size);
/* The same address, but a wildcard ([::], 0.0.0.0) replaced by loopback: where a probe
 * of ours connects to. */
void address_to_loopback(const struct address *address, struct address *ret);
/* An IPv4 address as a socket of IPv6 sees it becomes what it is. */
void address_unmap(struct address *address);
/* The same but for the port? What is no internet address is no host. */
bool address_is_same_host(const struct address *a, const struct address *b);

/* Non-blocking close-on-exec sockets. listen: SO_REUSEADDR, IPV6_V6ONLY off, a stale
 * unix socket is replaced. connect: *ret_fd is connecting or connected. */
int address_listen(
	const struct address *address, int backlog, int *ret_fd, struct err *err);
int address_connect(const struct address *address, int *ret_fd, struct err *err);
