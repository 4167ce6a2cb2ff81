/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A local CA has decided within milliseconds and a public one within seconds; the same
 * doubling serves both. Nothing here counts tries: a deadline of the whole ends it.
 */
#include "acme/poll.h"

#define FIRST_USEC   (10 * USEC_PER_MSEC)
#define LONGEST_USEC (5 * USEC_PER_SEC)
/* After trouble, not sooner than this, and not more often in a row than that. */
#define TROUBLE_USEC USEC_PER_SEC
#define TROUBLES_MAX 3

usec_t acme_poll_next(
	struct acme_poll *poll, usec_t wall_now_usec, usec_t retry_at_usec)
{
	poll->wait_usec = poll->wait_usec == 0 ? FIRST_USEC
					       : MIN(2 * poll->wait_usec, LONGEST_USEC);
	const usec_t asked =
		MIN(usec_sub(retry_at_usec, wall_now_usec), ACME_POLL_WAIT_MAX_USEC);

	return MAX(poll->wait_usec, asked);
}

static bool is_trouble(const struct acme_request_result *result)
{
	switch (result->outcome) {
	case ACME_REQUEST_OK:
		return false;
	case ACME_REQUEST_REFUSED:
		/* A limit that does not say how long it lasts is for a person to see. */
		return result->status >= 500 ||
		       (result->retry_at_usec > 0 &&
			       acme_problem_reaction(result->problem) ==
				       ACME_REACTION_WAIT);
	case ACME_REQUEST_FAILED:
		break;
	}
	return result->err->kind == ERR_NETWORK;
}

bool acme_poll_forgive(struct acme_poll *poll, usec_t wall_now_usec,
	const struct acme_request_result *result, usec_t *ret_wait_usec)
{
	if (!is_trouble(result)) {
		poll->n_failed = 0;
		return false;
	}
	if (poll->n_failed == TROUBLES_MAX ||
		usec_sub(result->retry_at_usec, wall_now_usec) >
			ACME_POLL_WAIT_MAX_USEC)
		return false;
	poll->n_failed++;
	const usec_t wait = acme_poll_next(poll, wall_now_usec, result->retry_at_usec);
	*ret_wait_usec = MAX(wait, TROUBLE_USEC);
	return true;
}
