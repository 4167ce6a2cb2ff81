/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many connections an address has, and how fast it makes them. An address is one of
 * IPv4, or a /64 of IPv6: that is what one subscriber has. What is remembered is bounded,
 * however many addresses come.
 */
#pragma once

#include "io/address.h"
#include "util/macro.h"
#include "util/network.h"
#include "util/usec.h"

struct clients;
/* One address with a connection, or one that has had some lately. */
struct client;

struct clients_limits {
	uint64_t connections; /* of one address at once; 0: no limit */
	uint64_t rate; /* new ones of one address a minute, and at once; 0: none */
	const struct network *exceptions; /* no limit for these; copied */
	size_t n_exceptions;
};

enum clients_outcome {
	CLIENTS_WELCOME,
	CLIENTS_MANY, /* it has its connections already */
	CLIENTS_FAST, /* it makes them faster than it may */
};

struct clients *clients_new(const struct clients_limits *limits);
/* Each connection must have left before. */
struct clients *clients_free(struct clients *clients);
DEFINE_CLEANUP(struct clients *, clients_free)

/* A new connection. WELCOME: *ret is to be given back by clients_leave; NULL for what has
 * no address (a unix socket). Refused ones count as little as if they had not come.
 * now_usec: monotonic. */
enum clients_outcome clients_enter(struct clients *clients,
	const struct address *address, usec_t now_usec, struct client **ret);
/* NULL is fine; returns NULL. */
struct client *clients_leave(struct clients *clients, struct client *client);
/* Addresses that are remembered. */
size_t clients_count(const struct clients *clients);
