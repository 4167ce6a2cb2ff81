/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The shared half of all requests to one CA (RFC 8555 6.5, 7.1.1, 7.2): directory, pool
 * of nonces, and the queue of those who wait for either.
 *
 *     request --> queue --> directory fresh? --no--> GET directory ---+
 *                   ^          | yes                                  |
 *                   |          v                                      |
 *                   |       nonce wanted, fewer than max_signed out?  |
 *                   |          | yes                                  |
 *                   |          v                                      |
 *                   |       nonce in the pool? --no--> HEAD newNonce -+
 *                   |          | yes                                  |
 *                   |          v                                      v
 *                   |       granted                        failed: all in the queue
 *                   +------- release, answers bring nonces           are refused
 *
 * The queue is worked off by a deferred call, one ticket a turn, and handing out that
 * ticket is the last thing that the turn does: whoever gets it may free anything.
 */
#include "acme/client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "acme/client_priv.h"
#include "acme/directory.h"
#include "acme/nonce_pool.h"
#include "acme/origin.h"
#include "util/mem.h"

#define DIRECTORY_FRESH_USEC USEC_PER_DAY
/* With one at hand, a fetch that failed is not tried again before this. */
#define DIRECTORY_RETRY_USEC  (5 * USEC_PER_MIN)
#define REQUEST_DEADLINE_USEC (30 * USEC_PER_SEC)
#define BAD_NONCE_MAX         5

struct acme_client {
	/* inputs */
	struct loop *loop;                /* borrowed */
	struct http_client *http;         /* borrowed */
	char *directory_url;              /* owned */
	char **origins;                   /* owned; the directory's first */
	const struct acme_signer *signer; /* borrowed */
	const struct log_ctx *log;        /* borrowed */
	usec_t request_deadline_usec;
	unsigned max_signed;
	unsigned max_bad_nonce;
	acme_date_fn *on_date; /* NULL */
	void *userdata;
	char *account_url; /* owned; NULL = unknown */

	/* owned operations */
	struct http_request *directory_fetch;
	struct http_request *nonce_fetch;
	struct loop_defer *turn;
	struct list queue; /* of acme_ticket.link; oldest first */
	unsigned n_signed; /* granted with a nonce and not released */

	/* results */
	struct acme_directory directory;
	bool has_directory;
	usec_t directory_until_usec; /* monotonic */
	struct nonce_pool nonces;
	struct acme_answer failure; /* why the doomed ones are */
	int64_t clock_skew_sec;
};

/* --- life ---------------------------------------------------------------------- */

static int read_origins(struct acme_client *client,
	const struct acme_client_params *params, struct err *err)
{
	_cleanup_(freep) char *own = NULL;

	int r = origin_parse(params->directory_url, &own, err);
	if (r < 0)
		return err_wrap(err, r, "directory");
	strv_append(&client->origins, own);
	for (char *const *host = params->hosts; host && *host; host++) {
		_cleanup_(freep) char *url = xasprintf("https://%s/", *host);
		_cleanup_(freep) char *origin = NULL;

		r = origin_parse(url, &origin, err);
		if (r < 0)
			return err_wrap(err, r, "further host %s", *host);
		strv_append(&client->origins, origin);
	}
	return 0;
}

int acme_client_new(struct acme_client **ret, const struct acme_client_params *params,
	struct err *err)
{
	_cleanup_(acme_client_freep) struct acme_client *client =
		xnew(struct acme_client);

	client->loop = params->loop;
	client->http = params->http;
	client->signer = params->signer;
	client->log = params->log;
	client->request_deadline_usec =
		params->request_deadline_usec ?: REQUEST_DEADLINE_USEC;
	client->max_signed = params->max_signed ?: 1;
	client->max_bad_nonce = params->max_bad_nonce ?: BAD_NONCE_MAX;
	client->on_date = params->on_date;
	client->userdata = params->userdata;
	client->directory_url = xstrdup(params->directory_url);
	list_init(&client->queue);
	nonce_pool_init(&client->nonces, ACME_NONCES_MAX);
	int r = read_origins(client, params, err);
	if (r < 0) {
		/* Here it is the operator's word, not the CA's. */
		if (err)
			err->kind = ERR_CONFIG;
		return r;
	}
	*ret = TAKE_PTR(client);
	return 0;
}

struct acme_client *acme_client_free(struct acme_client *client)
{
	if (!client)
		return NULL;
	assert(list_is_empty(&client->queue) && client->n_signed == 0);
	acme_answer_done(&client->failure);
	nonce_pool_done(&client->nonces);
	acme_directory_done(&client->directory);
	loop_defer_free(client->turn);
	http_request_cancel(client->nonce_fetch);
	http_request_cancel(client->directory_fetch);
	free(client->account_url);
	strv_free(client->origins);
	free(client->directory_url);
	free(client);
	return NULL;
}

/* --- the queue ------------------------------------------------------------------ */

static void work_off(struct acme_client *client);

static void on_turn(void *userdata)
{
	struct acme_client *client = userdata;

	client->turn = loop_defer_free(client->turn);
	work_off(client);
}

static void plan_turn(struct acme_client *client)
{
	if (!client->turn && !list_is_empty(&client->queue))
		client->turn = loop_defer_new(client->loop, on_turn, client);
}

void acme_client_enqueue(struct acme_client *client, struct acme_ticket *ticket)
{
	ticket->is_doomed = false;
	list_append(&client->queue, &ticket->link);
	plan_turn(client);
}

void acme_client_dequeue(struct acme_client *client, struct acme_ticket *ticket)
{
	list_remove(&ticket->link);
}

void acme_client_release(struct acme_client *client)
{
	assert(client->n_signed > 0);
	client->n_signed--;
	plan_turn(client);
}

/* Last act of its caller. */
static void hand_out(
	struct acme_client *client, struct acme_ticket *ticket, char *nonce)
{
	_cleanup_(acme_answer_done) struct acme_answer why = {};
	const bool is_doomed = ticket->is_doomed;

	if (is_doomed)
		acme_answer_copy_failure(&why, &client->failure);
	list_remove(&ticket->link);
	plan_turn(client);
	ticket->fn(ticket, nonce, is_doomed ? &why : NULL);
}

static void doom_all(struct acme_client *client)
{
	struct acme_ticket *ticket;

	list_foreach(ticket, &client->queue, link)
		ticket->is_doomed = true;
	plan_turn(client);
}

static void doom_all_for(struct acme_client *client, struct err *err, const char *what)
{
	struct acme_answer failure;

	err_wrap(err, err->code, "%s", what);
	acme_answer_done(&client->failure);
	acme_answer_fail(&failure, err);
	acme_answer_copy_failure(&client->failure, &failure);
	acme_answer_done(&failure);
	doom_all(client);
}

static void doom_all_by(
	struct acme_client *client, struct acme_answer *answer, const char *what)
{
	err_wrap(&answer->err, answer->err.code, "%s", what);
	acme_answer_done(&client->failure);
	acme_answer_copy_failure(&client->failure, answer);
	doom_all(client);
}

/* --- directory (7.1.1) ----------------------------------------------------------- */

static bool is_directory_fresh(const struct acme_client *client)
{
	return client->has_directory &&
	       loop_now(client->loop) < client->directory_until_usec;
}

static int parse_directory(const struct acme_client *client,
	const struct acme_answer *answer, struct acme_directory *ret, struct err *err)
{
	if (!answer->json)
		return err_set_kind(err, ERR_CA, -EPROTO, "the answer is empty");
	return acme_directory_parse(ret, client, answer->json, err);
}

static int take_directory(struct acme_client *client, struct acme_answer *answer)
{
	struct acme_directory directory;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (answer->result.outcome != ACME_REQUEST_OK)
		return answer->err.code;
	int r = parse_directory(client, answer, &directory, &err);
	if (r < 0) {
		acme_answer_done(answer);
		acme_answer_fail(answer, &err);
		return r;
	}
	acme_directory_done(&client->directory);
	client->directory = directory;
	client->has_directory = true;
	client->directory_until_usec =
		usec_add(loop_now(client->loop), DIRECTORY_FRESH_USEC);
	return 0;
}

static void on_directory_fetched(const struct http_result *http, void *userdata)
{
	struct acme_client *client = userdata;
	_cleanup_(acme_answer_done) struct acme_answer answer;

	log_debug(client->log, "GET %s: %u", client->directory_url, http->status);
	acme_client_observe(client, http);
	acme_answer_read(&answer, client, http, ACME_ANSWER_JSON);
	client->directory_fetch = http_request_cancel(client->directory_fetch);
	if (take_directory(client, &answer) == 0) {
		plan_turn(client);
		return;
	}
	if (client->has_directory) {
		/* The one of yesterday will do until they have mended it. */
		client->directory_until_usec =
			usec_add(loop_now(client->loop), DIRECTORY_RETRY_USEC);
		plan_turn(client);
		return;
	}
	doom_all_by(client, &answer, "directory");
}

static void fetch_directory(struct acme_client *client)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct http_params params = {
		.method = HTTP_GET,
		.url = client->directory_url,
		.accept = "application/json",
		.max_body_bytes = ACME_JSON_BYTES_MAX,
		.deadline_usec = client->request_deadline_usec,
	};

	if (http_request_start(&client->directory_fetch, client->http, &params,
		    on_directory_fetched, client, &err) < 0)
		doom_all_for(client, &err, "directory");
}

void acme_client_doubt_directory(struct acme_client *client)
{
	client->directory_until_usec = 0;
}

/* --- nonces (6.5, 7.2) ----------------------------------------------------------- */

void acme_client_observe(struct acme_client *client, const struct http_result *http)
{
	usec_t date;

	if (http->outcome != HTTP_OK)
		return;
	const char *nonce = http_header(http, "Replay-Nonce", 0);
	if (nonce && !nonce_pool_add(&client->nonces, nonce))
		log_debug(client->log, "nonce ignored: malformed or seen before");
	const char *text = http_header(http, "Date", 0);
	if (!text || !usec_parse_http_date(text, &date))
		return;
	const usec_t now = loop_wall_now(client->loop);
	const int64_t ca_sec = (int64_t)(date / USEC_PER_SEC);
	client->clock_skew_sec = ca_sec - (int64_t)(now / USEC_PER_SEC);
	if (client->on_date)
		client->on_date(date, client->userdata);
}

bool acme_client_claim_nonce(struct acme_client *client, const char *nonce)
{
	return nonce_pool_claim(&client->nonces, nonce);
}

void acme_client_give_back_nonce(struct acme_client *client, const char *nonce)
{
	nonce_pool_give_back(&client->nonces, nonce);
}

static void on_nonce_fetched(const struct http_result *http, void *userdata)
{
	struct acme_client *client = userdata;
	_cleanup_(acme_answer_done) struct acme_answer answer;

	log_debug(
		client->log, "HEAD %s: %u", client->directory.new_nonce, http->status);
	acme_client_observe(client, http);
	acme_answer_read(&answer, client, http, ACME_ANSWER_EMPTY);
	client->nonce_fetch = http_request_cancel(client->nonce_fetch);
	if (answer.result.outcome != ACME_REQUEST_OK) {
		doom_all_by(client, &answer, "newNonce");
		return;
	}
	_cleanup_(freep) char *nonce = nonce_pool_take(&client->nonces);
	if (nonce) {
		nonce_pool_give_back(&client->nonces, nonce);
		plan_turn(client);
		return;
	}
	_cleanup_(err_done) struct err err = ERR_INIT;
	err_set_kind(&err, ERR_CA, -EPROTO, "the answer brings no usable nonce");
	doom_all_for(client, &err, "newNonce");
}

static void fetch_nonce(struct acme_client *client)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct http_params params = {
		.method = HTTP_HEAD,
		.url = client->directory.new_nonce,
		.max_body_bytes = ACME_JSON_BYTES_MAX,
		.deadline_usec = client->request_deadline_usec,
	};

	if (http_request_start(&client->nonce_fetch, client->http, &params,
		    on_nonce_fetched, client, &err) < 0)
		doom_all_for(client, &err, "newNonce");
}

/* One ticket at most: see the top of the file. */
static void work_off(struct acme_client *client)
{
	if (list_is_empty(&client->queue))
		return;
	struct acme_ticket *ticket =
		list_entry(client->queue.next, struct acme_ticket, link);

	if (ticket->is_doomed) {
		hand_out(client, ticket, NULL);
		return;
	}
	if (!is_directory_fresh(client)) {
		if (!client->directory_fetch)
			fetch_directory(client);
		return;
	}
	if (!ticket->wants_nonce) {
		hand_out(client, ticket, NULL);
		return;
	}
	if (client->n_signed >= client->max_signed)
		return;
	char *nonce = nonce_pool_take(&client->nonces);
	if (nonce) {
		client->n_signed++;
		hand_out(client, ticket, nonce);
		return;
	}
	if (!client->nonce_fetch)
		fetch_nonce(client);
}

/* --- what it knows ---------------------------------------------------------------- */

void acme_client_set_account(struct acme_client *client, const char *account_url)
{
	xstrset(&client->account_url, account_url);
}

const char *acme_client_get_account(const struct acme_client *client)
{
	return client->account_url;
}

const struct acme_signer *acme_client_get_signer(const struct acme_client *client)
{
	return client->signer;
}

struct loop *acme_client_get_loop(const struct acme_client *client)
{
	return client->loop;
}

struct http_client *acme_client_get_http(const struct acme_client *client)
{
	return client->http;
}

const struct log_ctx *acme_client_get_log(const struct acme_client *client)
{
	return client->log;
}

usec_t acme_client_get_request_deadline(const struct acme_client *client)
{
	return client->request_deadline_usec;
}

unsigned acme_client_get_max_bad_nonce(const struct acme_client *client)
{
	return client->max_bad_nonce;
}

const struct acme_directory *acme_client_get_directory(const struct acme_client *client)
{
	return client->has_directory ? &client->directory : NULL;
}

int64_t acme_client_get_clock_skew_sec(const struct acme_client *client)
{
	return client->clock_skew_sec;
}

int acme_client_check_url(
	const struct acme_client *client, const char *url, struct err *err)
{
	_cleanup_(freep) char *origin = NULL;

	int r = origin_parse(url, &origin, err);
	if (r < 0)
		return r;
	if (strv_contains(client->origins, origin))
		return 0;
	return err_set_kind(err, ERR_CA, -EPERM,
		"%.200s leads away from the CA (%s); list its host if that is meant",
		url, client->origins[0]);
}
