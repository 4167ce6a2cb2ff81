/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One ACME server as one account key sees it (RFC 8555 6, 7.1.1, 7.2): its directory, its
 * pool of nonces, and signed requests. badNonce is retried here, with the nonce of the
 * refusal (6.5), at most 5 times; nothing else is. Signed requests go out one after the
 * other unless the params say otherwise: each uses the nonce of the answer before it, so
 * that newNonce is asked once.
 *
 * Every URL that the CA hands out must have the directory's scheme, host and port, or
 * a host of `hosts`.
 */
#pragma once

#include "acme/problem.h"
#include "acme/signer.h"
#include "io/http.h"
#include "io/loop.h"
#include "util/log.h"

#define ACME_JSON_BYTES_MAX  (64 * 1024)
#define ACME_CHAIN_BYTES_MAX (256 * 1024)
#define ACME_NONCES_MAX      32

struct acme_client;

/* An answer said what time it is at the CA. */
typedef void acme_date_fn(usec_t date_usec, void *userdata);

struct acme_client_params {
	struct loop *loop;
	struct http_client *http;  /* borrowed */
	const char *directory_url; /* copied */
	char *const *hosts;        /* further "host[:port]"; copied; NULL = none */
	const struct acme_signer *signer; /* borrowed, outlives the client */
	const struct log_ctx *log;        /* borrowed */
	usec_t request_deadline_usec;     /* 0 = 30 s */
	unsigned max_signed;              /* signed requests under way at once; 0 = 1 */
	unsigned max_bad_nonce; /* retries of one request after badNonce; 0 = 5 */
	acme_date_fn *on_date;  /* NULL = nobody wants to know; starts nothing here */
	void *userdata;
};

int acme_client_new(struct acme_client **ret, const struct acme_client_params *params,
	struct err *err);
/* Cancels all its operations' requests silently; they must be gone before. */
struct acme_client *acme_client_free(struct acme_client *client);
DEFINE_CLEANUP(struct acme_client *, acme_client_free)

struct acme_directory {
	char *new_nonce, *new_account, *new_order, *revoke_cert, *key_change;
	char *renewal_info;     /* NULL = no ARI */
	char *terms_of_service; /* NULL */
	char **caa_identities;  /* NULL-terminated, maybe NULL */
	char **profiles;        /* names; NULL = none advertised */
	char *meta;             /* the whole of it as JSON; NULL = none */
	bool external_account_required;
};

/* Account URL for kid; copied. NULL: requests are signed with the jwk. */
void acme_client_set_account(struct acme_client *client, const char *account_url);
const char *acme_client_get_account(const struct acme_client *client);
const struct acme_signer *acme_client_get_signer(const struct acme_client *client);
struct loop *acme_client_get_loop(const struct acme_client *client);
/* NULL until an operation has fetched it; fetched again after a day, or after a failure. */
const struct acme_directory *acme_client_get_directory(
	const struct acme_client *client);
/* What it says seems to be out of date: it is fetched anew before the next request. */
void acme_client_doubt_directory(struct acme_client *client);
/* The CA's Date of the last answer less our wall clock then, in seconds; 0 = unknown. */
int64_t acme_client_get_clock_skew_sec(const struct acme_client *client);
/* Is that URL one that this CA may hand out? */
int acme_client_check_url(
	const struct acme_client *client, const char *url, struct err *err);

/* --- signed requests: the base of account, order, authz -------------------------------- */
struct acme_request;

enum acme_resource {
	ACME_URL, /* params->url */
	ACME_NEW_ACCOUNT,
	ACME_NEW_ORDER,
	ACME_REVOKE_CERT,
	ACME_KEY_CHANGE,
	ACME_DIRECTORY, /* fetch the directory only, unsigned */
};

enum {
	ACME_SIGN_JWK = 1 << 0,   /* even if the account is known */
	ACME_WANT_CHAIN = 1 << 1, /* accept application/pem-certificate-chain */
	ACME_PLAIN_GET = 1 << 2,  /* unauthenticated GET (ARI) */
};

struct acme_request_params {
	enum acme_resource resource;
	const char *url;
	unsigned flags;
	const char *payload; /* JSON; "" = POST-as-GET */
};

enum acme_request_outcome {
	ACME_REQUEST_OK,      /* 2xx and of the right content type */
	ACME_REQUEST_REFUSED, /* look at problem */
	ACME_REQUEST_FAILED,  /* look at err: network, nonsense, signature */
};

struct acme_request_result {
	enum acme_request_outcome outcome;
	unsigned status;
	json_t *json; /* borrowed; object; NULL when there is no JSON body */
	const char *body;
	size_t body_len;
	const char *location; /* checked origin; NULL */
	char *const
		*alternates;  /* a chain's Link rel=alternate, checked; NULL = none */
	usec_t retry_at_usec; /* wall; from Retry-After, 0 = not said */
	const struct acme_problem *problem;
	const struct err *err; /* set for REFUSED and FAILED */
};

typedef void acme_request_done_fn(
	const struct acme_request_result *result, void *userdata);

/* Fetches the directory and a nonce first where needed. Contract: doc/architecture.md,
 * Operations. */
int acme_request_start(struct acme_request **ret, struct acme_client *client,
	const struct acme_request_params *params, acme_request_done_fn *done,
	void *userdata, struct err *err);
struct acme_request *acme_request_cancel(struct acme_request *op);
DEFINE_CLEANUP(struct acme_request *, acme_request_cancel)
