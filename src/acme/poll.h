/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How often to look whether the CA is through with something (RFC 8555 7.5.1). */
#pragma once

#include "acme/client.h"

/* Retry-After is honoured up to this: some CAs say a day and are done in a minute. */
#define ACME_POLL_WAIT_MAX_USEC USEC_PER_MIN

struct acme_poll {
	usec_t wait_usec;  /* the last one; 0 = none yet */
	unsigned n_failed; /* in a row */
};

/* How long to wait now: soon at first, then twice as long each time, at least until
 * retry_at_usec (wall; 0 = not said). */
usec_t acme_poll_next(
	struct acme_poll *poll, usec_t wall_now_usec, usec_t retry_at_usec);
/* An answer that was no use: may it simply be asked for again? True for a few troubles
 * of network and CA in a row, and *ret_wait_usec is set. Only for what changes nothing. */
bool acme_poll_forgive(struct acme_poll *poll, usec_t wall_now_usec,
	const struct acme_request_result *result, usec_t *ret_wait_usec);
