/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One request to the CA, signed by the account key (RFC 8555 6.2, 6.3, 6.5).
 *
 *     WAITING --granted--> SIGNING --signed--> SENDING --answer--> done
 *        ^                    ^                   |
 *        |                    +--- badNonce, with the nonce of the refusal
 *        +------------------------ badNonce without one
 *
 * Requests that need no signature go from WAITING to SENDING, and one for the directory
 * alone is done when it is granted.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "acme/client_priv.h"
#include "pki/jws.h"
#include "util/mem.h"
#include "util/strtab.h"

enum request_state {
	REQUEST_WAITING, /* for the directory, a nonce, its turn */
	REQUEST_SIGNING, /* the signer is at work */
	REQUEST_SENDING, /* the CA is */
};

struct acme_request {
	/* inputs */
	struct acme_client *client; /* borrowed */
	enum acme_resource resource;
	unsigned flags;
	char *url;     /* owned; of the resource, once it is known */
	char *payload; /* owned */
	acme_request_done_fn *done;
	void *userdata;

	/* owned operations */
	enum request_state state;
	struct acme_ticket ticket;
	void *signing;   /* the signer's handle */
	bool is_signing; /* that has to be dropped */
	struct loop_timer *signing_timer;
	struct http_request *http;
	bool is_counted; /* has a nonce's place in the client */

	/* results */
	char *nonce; /* owned; taken and not sent yet */
	char *input; /* owned; what is being signed */
	unsigned n_bad_nonce;
};

/* clang-format off */
static const char *const resource_names[] = {
	[ACME_URL]         = "the URL",
	[ACME_NEW_ACCOUNT] = "newAccount",
	[ACME_NEW_ORDER]   = "newOrder",
	[ACME_REVOKE_CERT] = "revokeCert",
	[ACME_KEY_CHANGE]  = "keyChange",
	[ACME_DIRECTORY]   = "directory",
};

/* clang-format on */

static bool is_signed(const struct acme_request *op)
{
	return op->resource != ACME_DIRECTORY && !(op->flags & ACME_PLAIN_GET);
}

/* --- ending ----------------------------------------------------------------------- */

static void release_place(struct acme_request *op)
{
	if (!op->is_counted)
		return;
	op->is_counted = false;
	acme_client_release(op->client);
}

static void drop_signing(struct acme_request *op)
{
	const struct acme_signer *signer = acme_client_get_signer(op->client);

	loop_timer_disarm(op->signing_timer);
	if (!op->is_signing)
		return;
	op->is_signing = false;
	signer->sign_cancel(signer->userdata, TAKE_PTR(op->signing));
}

/* Last act of its caller. The result must not point into op's memory alone: it is gone
 * if done cancels it. */
static void complete(struct acme_request *op, const struct acme_request_result *result)
{
	acme_request_done_fn *done = TAKE_PTR(op->done);
	void *userdata = TAKE_PTR(op->userdata);

	release_place(op);
	done(result, userdata);
}

static void complete_failed(struct acme_request *op, struct err *err)
{
	_cleanup_(acme_answer_done) struct acme_answer answer;

	acme_answer_fail(&answer, err);
	complete(op, &answer.result);
}

/* --- waiting ---------------------------------------------------------------------- */

static void step_sign(struct acme_request *op);
static void step_send(struct acme_request *op, const char *body);

static const char *find_resource_url(const struct acme_request *op)
{
	const struct acme_directory *directory = acme_client_get_directory(op->client);

	switch (op->resource) {
	case ACME_NEW_ACCOUNT:
		return directory->new_account;
	case ACME_NEW_ORDER:
		return directory->new_order;
	case ACME_REVOKE_CERT:
		return directory->revoke_cert;
	case ACME_KEY_CHANGE:
		return directory->key_change;
	case ACME_URL:
	case ACME_DIRECTORY:
		break;
	}
	return op->url;
}

static void step_wait(struct acme_request *op)
{
	op->state = REQUEST_WAITING;
	acme_client_enqueue(op->client, &op->ticket);
}

static void on_granted(
	struct acme_ticket *ticket, char *nonce, const struct acme_answer *why)
{
	struct acme_request *op = container_of(ticket, struct acme_request, ticket);
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct acme_request_result fetched = {
		.outcome = ACME_REQUEST_OK, .status = 200, .body = ""
	};

	op->nonce = nonce;
	op->is_counted = nonce != NULL;
	if (why) {
		complete(op, &why->result);
		return;
	}
	if (op->resource == ACME_DIRECTORY) {
		complete(op, &fetched);
		return;
	}
	const char *url = find_resource_url(op);
	if (!url) {
		err_set_kind(&err, ERR_CA, -EOPNOTSUPP, "the CA offers no %s",
			STRTAB_NAME(resource_names, op->resource));
		complete_failed(op, &err);
		return;
	}
	if (url != op->url)
		xstrset(&op->url, url);
	if (is_signed(op))
		step_sign(op);
	else
		step_send(op, NULL);
}

/* --- signing (6.2) ---------------------------------------------------------------- */

static void on_signed(
	const uint8_t *signature, size_t len, const struct err *why, void *userdata)
{
	struct acme_request *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *body = NULL;

	int r;
	if (!signature) {
		if (why)
			err_copy(&err, why);
		r = err_is_set(&err) ? err.code : -EIO;
	} else {
		r = jws_format(op->input, signature, len, &body, &err);
	}
	drop_signing(op);
	if (r < 0) {
		err_wrap(&err, r, "signature of the account key");
		complete_failed(op, &err);
		return;
	}
	step_send(op, body);
}

static void on_signing_late(struct loop_timer *timer, void *userdata)
{
	struct acme_request *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	drop_signing(op);
	err_set(&err, -ETIMEDOUT, "the account key gave no signature in time");
	complete_failed(op, &err);
}

static int start_signing(struct acme_request *op, struct err *err)
{
	const struct acme_signer *signer = acme_client_get_signer(op->client);
	const char *account = acme_client_get_account(op->client);
	const bool by_jwk = !account || (op->flags & ACME_SIGN_JWK) ||
			    op->resource == ACME_NEW_ACCOUNT;
	const struct jws_params params = {
		.alg = signer->alg,
		.jwk = by_jwk ? signer->jwk : NULL,
		.kid = by_jwk ? NULL : account,
		.nonce = op->nonce,
		.url = op->url,
		.payload = op->payload,
	};

	free(TAKE_PTR(op->input));
	int r = jws_input(&params, &op->input, err);
	if (r < 0)
		return err_wrap(err, r, "signed request");
	r = signer->sign_start(
		signer->userdata, &op->signing, op->input, on_signed, op, err);
	if (r < 0)
		return err_wrap(err, r, "signature of the account key");
	op->is_signing = true;
	return 0;
}

static void step_sign(struct acme_request *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	op->state = REQUEST_SIGNING;
	if (start_signing(op, &err) < 0) {
		complete_failed(op, &err);
		return;
	}
	loop_timer_set_after(
		op->signing_timer, acme_client_get_request_deadline(op->client));
}

/* --- sending (6.3) ---------------------------------------------------------------- */

/* True: it goes on by itself. */
static bool retry_bad_nonce(
	struct acme_request *op, const struct acme_answer *answer, const char *nonce)
{
	if (answer->result.outcome != ACME_REQUEST_REFUSED ||
		answer->problem.type != ACME_PROBLEM_BAD_NONCE || !is_signed(op) ||
		op->n_bad_nonce == acme_client_get_max_bad_nonce(op->client))
		return false;
	op->n_bad_nonce++;
	if (nonce && acme_client_claim_nonce(op->client, nonce)) {
		op->nonce = xstrdup(nonce);
		step_sign(op);
		return true;
	}
	release_place(op);
	step_wait(op);
	return true;
}

static void on_sent(const struct http_result *http, void *userdata)
{
	struct acme_request *op = userdata;
	struct acme_client *client = op->client;
	_cleanup_(acme_answer_done) struct acme_answer answer;
	const bool is_chain = op->flags & ACME_WANT_CHAIN;

	acme_client_observe(client, http);
	acme_answer_read(
		&answer, client, http, is_chain ? ACME_ANSWER_CHAIN : ACME_ANSWER_JSON);
	log_debug(acme_client_get_log(client), "%s %s: %u",
		is_signed(op) ? "POST" : "GET", op->url, http->status);
	if (retry_bad_nonce(op, &answer, http_header(http, "Replay-Nonce", 0)))
		return;
	if (http->status == 404 || http->status == 405)
		acme_client_doubt_directory(client);
	complete(op, &answer.result);
}

static void step_send(struct acme_request *op, const char *body)
{
	const bool is_chain = op->flags & ACME_WANT_CHAIN;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct http_params params = {
		.method = body ? HTTP_POST : HTTP_GET,
		.url = op->url,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.content_type = body ? "application/jose+json" : NULL,
		.accept = is_chain ? "application/pem-certificate-chain"
				   : "application/json",
		.max_body_bytes = is_chain ? ACME_CHAIN_BYTES_MAX : ACME_JSON_BYTES_MAX,
		.deadline_usec = acme_client_get_request_deadline(op->client),
	};

	op->state = REQUEST_SENDING;
	op->http = http_request_cancel(op->http);
	free(TAKE_PTR(op->nonce));
	if (http_request_start(&op->http, acme_client_get_http(op->client), &params,
		    on_sent, op, &err) < 0)
		complete_failed(op, &err);
}

/* --- start, cancel ---------------------------------------------------------------- */

int acme_request_start(struct acme_request **ret, struct acme_client *client,
	const struct acme_request_params *params, acme_request_done_fn *done,
	void *userdata, struct err *err)
{
	const char *url = params->resource == ACME_URL ? params->url : NULL;

	if (params->resource == ACME_URL) {
		int r = acme_client_check_url(client, url, err);
		if (r < 0)
			return r;
	}
	struct acme_request *op = xnew(struct acme_request);
	op->client = client;
	op->resource = params->resource;
	op->flags = params->flags;
	op->url = xstrdup(url);
	op->payload = xstrdup(params->payload ? params->payload : "");
	op->done = done;
	op->userdata = userdata;
	op->ticket.fn = on_granted;
	op->ticket.wants_nonce = is_signed(op);
	list_init(&op->ticket.link);
	op->signing_timer =
		loop_timer_new(acme_client_get_loop(client), on_signing_late, op);
	step_wait(op);
	*ret = op;
	return 0;
}

struct acme_request *acme_request_cancel(struct acme_request *op)
{
	if (!op)
		return NULL;
	http_request_cancel(op->http);
	drop_signing(op);
	acme_client_dequeue(op->client, &op->ticket);
	if (op->nonce)
		acme_client_give_back_nonce(op->client, op->nonce);
	release_place(op);
	loop_timer_free(op->signing_timer);
	free(op->input);
	free(op->nonce);
	free(op->payload);
	free(op->url);
	free(op);
	return NULL;
}
