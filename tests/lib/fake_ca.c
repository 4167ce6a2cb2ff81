/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See fake_ca.h. */
#include "tests/lib/fake_ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/http_priv.h"
#include "tests/lib/fake_http.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_ca.h"
#include "util/base64url.h"
#include "util/json_view.h"
#include "util/mem.h"

#define BASE       "https://ca.test"
#define ORDERS_MAX 256

struct fake_order {
	char *names; /* JSON array of identifiers, as sent */
	char *name;  /* the first */
	bool is_validated, is_invalid;
	char *chain; /* once finalized */
};

struct fake_ca {
	struct loop *loop; /* borrowed */
	struct test_ca *ca;
	enum fake_ca_trouble trouble;
	usec_t lifetime_usec, start_usec, end_usec;
	unsigned window_of; /* n_certificates that the window is for */
	unsigned n_nonces, n_orders, n_certificates, n_ari, n_requests;
	const char *retry_after; /* borrowed */
	int64_t date_off_sec;    /* its own clock is wrong */
	char *replaces;          /* owned; of the last newOrder; NULL = nothing */
	usec_t issued_usec;      /* wall; of the last certificate */
	struct fake_ca_accounts *accounts;
	char **revoked;             /* base64url of DER */
	struct fake_ca_signed late; /* a change of key that was not heard */
	unsigned n_by_certificate;
	struct fake_order order[ORDERS_MAX];
};

struct fake_ca *fake_ca_new(struct loop *loop)
{
	struct fake_ca *ca = xnew(struct fake_ca);

	ca->loop = loop;
	ca->ca = test_ca_new();
	ca->accounts = fake_ca_accounts_new();
	ca->lifetime_usec = 90 * USEC_PER_DAY;
	ca->retry_after = "21600";
	return ca;
}

struct fake_ca *fake_ca_free(struct fake_ca *ca)
{
	for (unsigned i = 0; i < ca->n_orders; i++) {
		free(ca->order[i].names);
		free(ca->order[i].name);
		free(ca->order[i].chain);
	}
	fake_ca_signed_done(&ca->late);
	strv_free(ca->revoked);
	fake_ca_accounts_free(ca->accounts);
	test_ca_free(ca->ca);
	free(ca->replaces);
	free(ca);
	return NULL;
}

/* The time at the CA: whoever sets our wall clock does not set its. */
static usec_t ca_now(const struct fake_ca *ca)
{
	return FAKE_LOOP_START_WALL_USEC +
	       usec_sub(loop_now(ca->loop), FAKE_LOOP_START_USEC);
}

static void add_date(const struct fake_ca *ca, struct fake_http_answer *answer)
{
	const time_t now = (time_t)(ca_now(ca) / USEC_PER_SEC) + ca->date_off_sec;
	struct tm tm;
	char text[64];

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	fake_http_add_header(answer, "Date", text);
}

/* --- answers ------------------------------------------------------------------------------- */

static const char *order_status(const struct fake_order *order)
{
	if (order->is_invalid)
		return "invalid";
	if (order->chain)
		return "valid";
	return order->is_validated ? "ready" : "pending";
}

static void answer_order(struct fake_ca *ca, unsigned i, unsigned status,
	struct fake_http_answer *answer)
{
	const struct fake_order *order = &ca->order[i];
	_cleanup_(freep) char *location = xasprintf(BASE "/order/%u", i);
	_cleanup_(freep) char *certificate =
		order->chain ? xasprintf(",\"certificate\":\"" BASE "/cert/%u\"", i)
			     : xstrdup("");
	_cleanup_(freep) char *text = xasprintf(
		"{\"status\":\"%s\",\"identifiers\":%s,\"authorizations\":[\"" BASE
		"/authz/%u\"],\"finalize\":\"" BASE "/finalize/%u\"%s}",
		order_status(order), order->names, i, i, certificate);

	fake_http_add_header(answer, "Location", location);
	fake_ca_answer_json(answer, status, text);
}

static void answer_authz(
	struct fake_ca *ca, unsigned i, struct fake_http_answer *answer)
{
	const struct fake_order *order = &ca->order[i];
	const char *status = order->is_invalid     ? "invalid"
			     : order->is_validated ? "valid"
						   : "pending";
	_cleanup_(freep) char *text = xasprintf(
		"{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"},"
		"\"challenges\":[{\"type\":\"http-01\",\"url\":\"" BASE
		"/chall/%u\",\"status\":\"%s\",\"token\":\"token-%u\"%s}]}",
		status, order->name, i, status, i,
		order->is_invalid
			? ",\"error\":{\"type\":\"urn:ietf:params:acme:error:unauthorized\","
			  "\"detail\":\"wrong answer\"}"
			: "");

	fake_ca_answer_json(answer, 200, text);
}

static void answer_directory(struct fake_ca *ca, struct fake_http_answer *answer)
{
	_cleanup_(freep) char *text = xasprintf(
		"{\"newNonce\":\"" BASE "/nonce\",\"newAccount\":\"" BASE
		"/account\",\"newOrder\":\"" BASE "/order\",\"revokeCert\":\"" BASE
		"/revoke\",\"keyChange\":\"" BASE "/key\"%s}",
		ca->start_usec ? ",\"renewalInfo\":\"" BASE "/ari\"" : "");

	fake_ca_answer_json(answer, 200, text);
}

struct window {
	usec_t start_usec, end_usec;
};

static struct window plain_window(struct fake_ca *ca)
{
	if (ca->n_certificates > ca->window_of) {
		ca->window_of = ca->n_certificates;
		ca->start_usec = ca_now(ca) + 60 * USEC_PER_DAY;
		ca->end_usec = ca->start_usec + USEC_PER_DAY;
	}
	return (struct window){ ca->start_usec, ca->end_usec };
}

static struct window find_window(struct fake_ca *ca)
{
	const usec_t now = ca_now(ca), year = 365 * USEC_PER_DAY;
	const usec_t end = usec_add(ca->issued_usec, ca->lifetime_usec);

	switch (ca->trouble) {
	case FAKE_CA_ARI_BACKWARDS:
		return (struct window){ now + 2 * USEC_PER_DAY, now + USEC_PER_DAY };
	case FAKE_CA_ARI_ANCIENT:
		return (struct window){ 2 * year, 3 * year };
	case FAKE_CA_ARI_DISTANT:
		return (struct window){ now + 30 * year, now + 31 * year };
	case FAKE_CA_ARI_ENDLESS:
		return (struct window){ year, 8029 * year };
	case FAKE_CA_ARI_LATE:
		return (struct window){ end - 4 * USEC_PER_HOUR,
			end - 2 * USEC_PER_HOUR };
	case FAKE_CA_ARI_AT_ONCE:
		return (struct window){ now - 2 * USEC_PER_HOUR, now - USEC_PER_HOUR };
	default:
		return plain_window(ca);
	}
}

static void answer_window(struct fake_ca *ca, struct fake_http_answer *answer)
{
	char start[USEC_RFC3339_MAX], end[USEC_RFC3339_MAX];
	const struct window window = find_window(ca);
	_cleanup_(freep) char *text =
		xasprintf("{\"suggestedWindow\":{\"start\":\"%s\",\"end\":\"%s\"}}",
			usec_format_rfc3339(window.start_usec, start, sizeof(start)),
			usec_format_rfc3339(window.end_usec, end, sizeof(end)));

	if (*ca->retry_after)
		fake_http_add_header(answer, "Retry-After", ca->retry_after);
	fake_ca_answer_json(answer, 200, text);
}

static void answer_ari(struct fake_ca *ca, struct fake_http_answer *answer)
{
	ca->n_ari++;
	if (ca->trouble == FAKE_CA_ARI_DOWN)
		fake_ca_answer_problem(answer, 500, "serverInternal");
	else if (ca->trouble == FAKE_CA_ARI_MUTE)
		answer->is_never = true;
	else if (ca->trouble == FAKE_CA_ARI_NONSENSE)
		fake_ca_answer_json(answer, 200, "<html>soon</html>");
	else
		answer_window(ca, answer);
}

/* --- what is asked ---------------------------------------------------------------------------- */

static void new_order(
	struct fake_ca *ca, const json_t *payload, struct fake_http_answer *answer)
{
	struct fake_order *order = &ca->order[ca->n_orders];
	json_t *list = json_view_array(payload, "identifiers");

	if (ca->trouble == FAKE_CA_RATE_LIMITED) {
		fake_http_add_header(answer, "Retry-After", "7200");
		fake_ca_answer_problem(answer, 429, "rateLimited");
		return;
	}
	if (ca->trouble == FAKE_CA_NO_ACCOUNT) {
		fake_ca_answer_problem(answer, 400, "accountDoesNotExist");
		return;
	}
	xstrset(&ca->replaces, json_view_string(payload, "replaces"));
	if (ca->trouble == FAKE_CA_REPLACED && ca->replaces) {
		fake_ca_answer_problem(answer, 409, "alreadyReplaced");
		return;
	}
	order->names = json_dumps(list, JSON_COMPACT);
	order->name = xstrdup(json_view_string(json_array_get(list, 0), "value"));
	answer_order(ca, ca->n_orders++, 201, answer);
}

static void finalize(struct fake_ca *ca, unsigned i, const json_t *payload,
	struct fake_http_answer *answer)
{
	const time_t now = (time_t)(ca_now(ca) / USEC_PER_SEC);
	struct test_ca_leaf leaf = {
		.not_before = now - 3600,
		.not_after = now - 3600 + (time_t)(ca->lifetime_usec / USEC_PER_SEC),
	};
	const char *csr = json_view_string(payload, "csr");
	uint8_t *der = NULL;
	size_t len = 0;

	if (csr && base64url_parse(csr, &der, &len, NULL) >= 0) {
		ca->n_certificates++;
		ca->issued_usec = ca_now(ca);
		if (ca->trouble == FAKE_CA_WRONG_KEY)
			test_ca_issue(ca->ca, &leaf, &ca->order[i].chain, NULL);
		else
			ca->order[i].chain = test_ca_issue_csr(ca->ca, der, len, &leaf);
	}
	free(der);
	if (ca->trouble == FAKE_CA_MUTE_FINALIZE)
		answer->is_never = true;
	answer_order(ca, i, 200, answer);
}

/* What the CA has done, or has not done, it does not say. */
static void answer_key_change(struct fake_ca *ca, const struct fake_ca_signed *req,
	struct fake_http_answer *answer)
{
	if (ca->trouble == FAKE_CA_NO_KEY_CHANGE)
		fake_ca_answer_problem(answer, 403, "unauthorized");
	else if (ca->trouble == FAKE_CA_DEAF_KEY_CHANGE)
		ca->late = (struct fake_ca_signed){
			.payload = json_deep_copy(req->payload), .account = req->account
		};
	else
		fake_ca_accounts_answer_key_change(ca->accounts, req, answer);
	answer->is_never = ca->trouble == FAKE_CA_DEAF_KEY_CHANGE ||
			   ca->trouble == FAKE_CA_MUTE_KEY_CHANGE;
}

static bool is_revoked(const struct fake_ca *ca, const char *certificate)
{
	return strv_contains(ca->revoked, certificate);
}

static void answer_revocation(struct fake_ca *ca, const struct fake_ca_signed *req,
	struct fake_http_answer *answer)
{
	const char *certificate = json_view_string(req->payload, "certificate");
	uint8_t *der = NULL;
	size_t len = 0;

	if (!certificate || base64url_parse(certificate, &der, &len, NULL) < 0)
		fake_ca_answer_problem(answer, 400, "malformed");
	else if (req->jwk && !fake_ca_signed_by_certificate(req, der, len))
		fake_ca_answer_problem(answer, 403, "unauthorized");
	else if (is_revoked(ca, certificate))
		fake_ca_answer_problem(answer, 400, "alreadyRevoked");
	else
		strv_append(&ca->revoked, certificate);
	free(der);
	ca->n_by_certificate += req->jwk != NULL;
	answer->is_never = ca->trouble == FAKE_CA_MUTE_REVOCATION;
}

static void answer_numbered(struct fake_ca *ca, const char *path, unsigned i,
	const json_t *payload, struct fake_http_answer *answer)
{
	if (i >= ca->n_orders) {
		fake_ca_answer_problem(answer, 404, "malformed");
	} else if (strncmp(path, "/order/", 7) == 0) {
		answer_order(ca, i, 200, answer);
	} else if (strncmp(path, "/authz/", 7) == 0) {
		answer_authz(ca, i, answer);
	} else if (strncmp(path, "/chall/", 7) == 0) {
		if (ca->trouble == FAKE_CA_INVALID)
			ca->order[i].is_invalid = true;
		else
			ca->order[i].is_validated = true;
		fake_ca_answer_json(answer, 200,
			"{\"type\":\"http-01\",\"url\":\"" BASE
			"/chall/0\",\"status\":\"pending\",\"token\":\"token-0\"}");
	} else if (strncmp(path, "/finalize/", 10) == 0) {
		finalize(ca, i, payload, answer);
	} else if (strncmp(path, "/cert/", 6) == 0 && ca->order[i].chain) {
		fake_http_add_header(
			answer, "Content-Type", "application/pem-certificate-chain");
		buf_append_str(&answer->body, ca->order[i].chain);
		if (ca->trouble == FAKE_CA_NUL)
			answer->body.data[answer->body.len / 4] = '\0';
	} else {
		fake_ca_answer_problem(answer, 404, "malformed");
	}
}

/* True: that was all that there is to be heard. */
static bool is_out(struct fake_ca *ca, struct fake_http_answer *answer)
{
	switch (ca->trouble) {
	case FAKE_CA_UNREACHABLE:
		answer->outcome = HTTP_UNREACHED;
		answer->detail = "told to";
		return true;
	case FAKE_CA_MUTE:
		answer->is_never = true;
		return true;
	case FAKE_CA_BUSY:
		fake_http_add_header(answer, "Retry-After", "3600");
		fake_ca_answer_problem(answer, 503, "serverInternal");
		return true;
	case FAKE_CA_BROKEN:
		answer->status = 500;
		fake_http_add_header(answer, "Content-Type", "text/html");
		buf_append_str(&answer->body, "<h1>Oops</h1>");
		return true;
	default:
		return false;
	}
}

static void answer_path(struct fake_ca *ca, const char *path,
	const struct fake_ca_signed *asked, struct fake_http_answer *answer)
{
	const char *number = strrchr(path, '/') + 1;

	if (strcmp(path, "/dir") == 0)
		answer_directory(ca, answer);
	else if (strcmp(path, "/nonce") == 0)
		answer->status = 200;
	else if (strcmp(path, "/account") == 0)
		fake_ca_accounts_answer_new(ca->accounts, asked, answer);
	else if (strncmp(path, "/account/", 9) == 0)
		fake_ca_accounts_answer_update(ca->accounts, asked, answer);
	else if (strcmp(path, "/key") == 0)
		answer_key_change(ca, asked, answer);
	else if (strcmp(path, "/revoke") == 0)
		answer_revocation(ca, asked, answer);
	else if (strcmp(path, "/order") == 0)
		new_order(ca, asked->payload, answer);
	else if (strncmp(path, "/ari/", 5) == 0)
		answer_ari(ca, answer);
	else
		answer_numbered(ca, path, (unsigned)strtoul(number, NULL, 10),
			asked->payload, answer);
}

static void handle(const struct fake_http_request *req, struct fake_http_answer *answer,
	void *userdata)
{
	struct fake_ca *ca = userdata;
	const char *path = req->url + strlen(BASE);
	char nonce[32];

	ca->n_requests++;
	if (is_out(ca, answer))
		return;
	snprintf(nonce, sizeof(nonce), "nonce-%u", ++ca->n_nonces);
	fake_http_add_header(answer, "Replay-Nonce", nonce);
	add_date(ca, answer);
	struct fake_ca_signed asked;
	if (fake_ca_accounts_read(ca->accounts, req, &asked, answer))
		answer_path(ca, path, &asked, answer);
	fake_ca_signed_done(&asked);
}

struct http_client *fake_ca_new_client(struct fake_ca *ca)
{
	return fake_http_new(ca->loop, handle, ca);
}

/* --- for the test -------------------------------------------------------------------------------- */

void fake_ca_set_trouble(struct fake_ca *ca, enum fake_ca_trouble trouble)
{
	ca->trouble = trouble;
}

void fake_ca_set_lifetime(struct fake_ca *ca, usec_t lifetime_usec)
{
	ca->lifetime_usec = lifetime_usec;
}

void fake_ca_set_window(struct fake_ca *ca, usec_t start_usec, usec_t end_usec)
{
	ca->start_usec = start_usec;
	ca->end_usec = end_usec;
	ca->window_of = MAX(ca->n_certificates, 1U);
}

void fake_ca_set_retry_after(struct fake_ca *ca, const char *text)
{
	ca->retry_after = text;
}

void fake_ca_set_date(struct fake_ca *ca, int64_t off_sec)
{
	ca->date_off_sec = off_sec;
}

unsigned fake_ca_count_accounts(const struct fake_ca *ca)
{
	return fake_ca_accounts_count(ca->accounts);
}

struct fake_ca_accounts *fake_ca_get_accounts(struct fake_ca *ca)
{
	return ca->accounts;
}

void fake_ca_obey_late(struct fake_ca *ca)
{
	struct fake_http_answer answer = { .body = BUF_INIT(1024) };

	fake_ca_accounts_answer_key_change(ca->accounts, &ca->late, &answer);
	http_headers_done(&answer.headers);
	buf_done(&answer.body);
}

unsigned fake_ca_count_revoked(const struct fake_ca *ca)
{
	return (unsigned)strv_length(ca->revoked);
}

unsigned fake_ca_count_by_certificate(const struct fake_ca *ca)
{
	return ca->n_by_certificate;
}

unsigned fake_ca_count_orders(const struct fake_ca *ca)
{
	return ca->n_orders;
}

unsigned fake_ca_count_certificates(const struct fake_ca *ca)
{
	return ca->n_certificates;
}

unsigned fake_ca_count_ari(const struct fake_ca *ca)
{
	return ca->n_ari;
}

unsigned fake_ca_count_requests(const struct fake_ca *ca)
{
	return ca->n_requests;
}

const char *fake_ca_get_replaces(const struct fake_ca *ca)
{
	return ca->replaces ? ca->replaces : "";
}

const char *fake_ca_get_order_name(const struct fake_ca *ca, unsigned n)
{
	return n < ca->n_orders ? ca->order[n].name : "";
}
