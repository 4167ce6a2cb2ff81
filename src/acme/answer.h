/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an HTTP answer of the CA amounts to: read once, for all who ask it something. */
#pragma once

#include "acme/client.h"

/* A CA that says "come back next year" is taken to mean this. */
#define ANSWER_RETRY_AFTER_MAX_USEC USEC_PER_DAY
#define ANSWER_ALTERNATES_MAX       8

enum acme_answer_want {
	ACME_ANSWER_JSON,  /* an object, or nothing at all */
	ACME_ANSWER_CHAIN, /* PEM */
	ACME_ANSWER_EMPTY, /* no body is looked at (newNonce) */
};

struct acme_answer {
	struct acme_request_result
		result;              /* its pointers: into here, or the HTTP result */
	json_t *json;                /* owned */
	char *location;              /* owned */
	char **alternates;           /* owned */
	struct acme_problem problem; /* owned; filled if result.problem is set */
	struct err err;              /* owned; filled if result.err is set */
};

/* Fills an empty one, which must stay where it is: result points into it. */
void acme_answer_read(struct acme_answer *ret, const struct acme_client *client,
	const struct http_result *http, enum acme_answer_want want);
/* One that failed before anything was sent; err is moved from. */
void acme_answer_fail(struct acme_answer *ret, struct err *err);
/* A refusal or failure once more, for somebody else who waits for it. */
void acme_answer_copy_failure(struct acme_answer *dst, const struct acme_answer *src);
void acme_answer_done(struct acme_answer *answer);
