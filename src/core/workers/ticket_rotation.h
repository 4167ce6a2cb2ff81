/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The master key of session tickets: drawn at the start, and a new one in its place each
 * time a period is over. Who has the key of a ticket can resume the session, and with TLS
 * 1.2 read what was said in it, so that such keys are to be changed "regularly, e.g., once
 * every week", and destroyed (RFC 9325 3.4; RFC 5077 5.5; RFC 8446 4.6.1 lets no ticket
 * live longer than a week).
 *
 * There is one key at a time. GnuTLS names a ticket's key by something of its own making,
 * so a hello does not tell from which master its ticket comes, and a session takes one key
 * only: a client whose ticket is older than the present key shakes hands in full, once a
 * period.
 */
#pragma once

#include "io/loop.h"
#include "link/message.h"
#include "util/log.h"

struct ticket_rotation;

/* There is a new key; it is wiped when this returns. Must not free the rotation. */
typedef void ticket_rotation_fn(const struct link_ticket_key *key, void *userdata);

struct ticket_rotation_params {
	struct loop *loop;
	usec_t period_usec; /* 0 = 12 h */
	ticket_rotation_fn *tell;
	void *userdata;
	const struct log_ctx *log;
};

/* The first key is told of at once. Negative: there is none. */
int ticket_rotation_new(struct ticket_rotation **ret,
	const struct ticket_rotation_params *params, struct err *err);
struct ticket_rotation *ticket_rotation_free(struct ticket_rotation *rotation);
DEFINE_CLEANUP(struct ticket_rotation *, ticket_rotation_free)

/* Counts from when the present key was made: if that is over, a new one is on the next
 * turn. */
void ticket_rotation_set_period(struct ticket_rotation *rotation, usec_t period_usec);
