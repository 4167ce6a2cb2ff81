/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between client.c and request.c: a request waits here until it may go out. */
#pragma once

#include "acme/answer.h"
#include "util/list.h"

struct acme_ticket;

/* Granted: why is NULL, and nonce (owned by the callee) is set if it was asked for.
 * Refused: no directory or no nonce could be had. Comes on a turn of its own. */
typedef void acme_ticket_fn(
	struct acme_ticket *ticket, char *nonce, const struct acme_answer *why);

struct acme_ticket {
	struct list link;
	acme_ticket_fn *fn;
	bool wants_nonce; /* granted: counts as under way until acme_client_release */
	bool is_doomed;   /* what it waits for has failed */
};

void acme_client_enqueue(struct acme_client *client, struct acme_ticket *ticket);
/* Legal for one that is not queued. */
void acme_client_dequeue(struct acme_client *client, struct acme_ticket *ticket);
/* One granted with a nonce is through with it. */
void acme_client_release(struct acme_client *client);

/* Takes in what every answer carries: Replay-Nonce and Date. */
void acme_client_observe(struct acme_client *client, const struct http_result *http);
/* Takes exactly that nonce. False: it is not to be had. */
bool acme_client_claim_nonce(struct acme_client *client, const char *nonce);
void acme_client_give_back_nonce(struct acme_client *client, const char *nonce);

struct http_client *acme_client_get_http(const struct acme_client *client);
const struct log_ctx *acme_client_get_log(const struct acme_client *client);
usec_t acme_client_get_request_deadline(const struct acme_client *client);
unsigned acme_client_get_max_bad_nonce(const struct acme_client *client);
