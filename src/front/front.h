/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all connections of one worker share. The worker builds and owns it. */
#pragma once

#include <gnutls/gnutls.h>

#include "front/answers.h"
#include "front/cache.h"
#include "front/clients.h"
#include "front/lookup.h"
#include "front/names.h"
#include "front/stats.h"
#include "front/ticket.h"
#include "io/loop.h"
#include "link/ends.h"
#include "link/message.h"
#include "util/list.h"
#include "util/log.h"

/* One receive from a client; and one TLS record's content. */
#define FRONT_RX_BYTES    (64 * 1024)
#define FRONT_PLAIN_BYTES 16384

typedef void front_empty_fn(void *userdata);

struct front {
	struct loop *loop;                            /* borrowed from main */
	gnutls_certificate_credentials_t credentials; /* owned */
	gnutls_priority_t priority;                   /* owned */
	struct tls_context *placeholder;              /* a reference */
	uint8_t ticket_key[TICKET_KEY_BYTES];
	struct names names;
	struct cache *cache;     /* owned */
	struct lookups *lookups; /* owned */
	struct answers *answers; /* owned */
	struct stats stats;
	struct link_tally
		*tally;    /* owned; how connections of each listener have ended */
	struct list conns; /* of struct conn; stats.link.connections of them */
	uint64_t max_connections;
	uint64_t max_handshakes;  /* connections whose session has not begun */
	uint64_t n_starting;      /* of them there are now */
	struct clients *clients;  /* owned */
	uint8_t *rx;              /* owned; FRONT_RX_BYTES, used within one callback */
	uint8_t *plain;           /* owned; FRONT_PLAIN_BYTES, the same */
	front_empty_fn *on_empty; /* the last connection has ended */
	void *userdata;
};

/* lookups, on_empty and userdata are the worker's to set; cache, clients, placeholder and
 * names come with CONFIGURE. priority: NULL = TLS_CONTEXT_PRIORITY. On error: front_done. */
int front_init(
	struct front *front, struct loop *loop, const char *priority, struct err *err);
/* What CONFIGURE says to the front, once. */
int front_configure(
	struct front *front, const struct link_configure *m, struct err *err);
/* Ends all connections at once, silently. */
void front_done(struct front *front);
