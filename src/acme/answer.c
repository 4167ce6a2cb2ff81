/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From an HTTP answer to one of three outcomes (RFC 8555 6.7, 7.1): fine, refused with
 * a reason, or useless. A body counts only under its content type: an HTML page with
 * status 200 is what a captive portal sends.
 */
#include "acme/answer.h"

#include <errno.h>
#include <string.h>

#include "acme/link_header.h"
#include "acme/origin.h"
#include "acme/syntax.h"
#include "util/json_view.h"
#include "util/mem.h"

#define JSON_TYPE    "application/json"
#define PROBLEM_TYPE "application/problem+json"
#define CHAIN_TYPE   "application/pem-certificate-chain"

/* clang-format off */
static const struct {
	enum err_kind kind;
	int code;
	const char *text;
} http_failures[_HTTP_OUTCOME_MAX] = {
	[HTTP_UNREACHED] = { ERR_NETWORK, -EHOSTUNREACH, "the CA cannot be reached" },
	[HTTP_TLS]       = { ERR_NETWORK, -EPROTO,       "no secure connection to the CA" },
	[HTTP_DEADLINE]  = { ERR_NETWORK, -ETIMEDOUT,    "the CA did not answer in time" },
	[HTTP_TOO_LARGE] = { ERR_CA,      -E2BIG,        "the answer is too large" },
	[HTTP_BROKEN]    = { ERR_NETWORK, -EPROTO,       "the answer broke off" },
};

/* clang-format on */

static void set_failed(struct acme_answer *ret)
{
	ret->result.outcome = ACME_REQUEST_FAILED;
	ret->result.err = &ret->err;
}

static void read_http_failure(struct acme_answer *ret, const struct http_result *http)
{
	const unsigned i =
		http->outcome < _HTTP_OUTCOME_MAX ? http->outcome : HTTP_BROKEN;

	err_set_kind(&ret->err, http_failures[i].kind, http_failures[i].code, "%s: %s",
		http_failures[i].text, http->detail ? http->detail : "no cause given");
	set_failed(ret);
}

/* The CA's own clock is the base of a date that it names. */
static usec_t read_retry_at(const struct http_result *http, usec_t wall_now)
{
	const char *text = http_header(http, "Retry-After", 0);
	const char *date = http_header(http, "Date", 0);
	usec_t ca_now = wall_now;
	usec_t wait = 0;

	if (date && !usec_parse_http_date(date, &ca_now))
		ca_now = wall_now;
	if (!text || !usec_parse_retry_after(text, ca_now, &wait))
		return 0;
	return usec_add(wall_now, MIN(wait, ANSWER_RETRY_AFTER_MAX_USEC));
}

static int check_type(
	const struct http_result *http, const char *wanted, struct err *err)
{
	const char *type = http_header(http, "Content-Type", 0);

	if (syntax_is_media_type(type, wanted))
		return 0;
	return err_set_kind(err, ERR_CA, -EPROTO,
		"the answer has the content type %.100s instead of %s",
		type ? type : "(none)", wanted);
}

static int parse_object(const struct http_result *http, json_t **ret, struct err *err)
{
	_cleanup_(json_view_unrefp) json_t *json = NULL;

	int r = json_view_parse(&json, http->body, http->body_len, err);
	if (r < 0) {
		err->kind = ERR_CA;
		return err_wrap(err, r, "the answer is nonsense");
	}
	if (!json_is_object(json))
		return err_set_kind(
			err, ERR_CA, -EPROTO, "the answer is no JSON object");
	*ret = TAKE_PTR(json);
	return 0;
}

static int read_json(struct acme_answer *ret, const struct http_result *http)
{
	if (http->body_len == 0)
		return 0;
	int r = check_type(http, JSON_TYPE, &ret->err);
	if (r == 0)
		r = parse_object(http, &ret->json, &ret->err);
	ret->result.json = ret->json;
	return r;
}

static int read_chain(struct acme_answer *ret, const struct acme_client *client,
	const struct http_result *http)
{
	int r = check_type(http, CHAIN_TYPE, &ret->err);
	if (r < 0)
		return r;
	if (http->body_len == 0)
		return err_set_kind(&ret->err, ERR_CA, -EPROTO, "the answer is empty");
	_cleanup_(strv_freep) char **links = NULL;
	const char *value;
	for (unsigned i = 0; (value = http_header(http, "Link", i)); i++)
		link_header_parse_alternates(value, &links, ANSWER_ALTERNATES_MAX);
	for (size_t i = 0; i < strv_length(links); i++) {
		if (acme_client_check_url(client, links[i], NULL) == 0 &&
			!strv_contains(ret->alternates, links[i]))
			strv_append(&ret->alternates, links[i]);
	}
	ret->result.alternates = ret->alternates;
	return 0;
}

static int read_body(struct acme_answer *ret, const struct acme_client *client,
	const struct http_result *http, enum acme_answer_want want)
{
	switch (want) {
	case ACME_ANSWER_JSON:
		return read_json(ret, http);
	case ACME_ANSWER_CHAIN:
		return read_chain(ret, client, http);
	case ACME_ANSWER_EMPTY:
		break;
	}
	return 0;
}

/* One that leads elsewhere counts as absent: most answers need none. */
static void read_location(struct acme_answer *ret, const struct acme_client *client,
	const struct http_result *http)
{
	const char *location = http_header(http, "Location", 0);

	if (!location || acme_client_check_url(client, location, NULL) < 0)
		return;
	ret->location = xstrdup(location);
	ret->result.location = ret->location;
}

static void read_problem(struct acme_answer *ret, const struct http_result *http)
{
	const char *type = http_header(http, "Content-Type", 0);
	_cleanup_(json_view_unrefp) json_t *json = NULL;

	/* Some say it under the plain type; a reason is a reason. */
	if ((syntax_is_media_type(type, PROBLEM_TYPE) ||
		    syntax_is_media_type(type, JSON_TYPE)) &&
		json_view_parse(&json, http->body, http->body_len, NULL) == 0 &&
		json_is_object(json))
		acme_problem_parse(&ret->problem, json, http->status);
	else
		acme_problem_from_status(&ret->problem, http->status);
	acme_problem_to_err(&ret->problem, -EACCES, &ret->err);
	ret->err.retry_at_usec = ret->result.retry_at_usec;
	ret->result.outcome = ACME_REQUEST_REFUSED;
	ret->result.problem = &ret->problem;
	ret->result.err = &ret->err;
}

void acme_answer_read(struct acme_answer *ret, const struct acme_client *client,
	const struct http_result *http, enum acme_answer_want want)
{
	const usec_t wall_now = loop_wall_now(acme_client_get_loop(client));

	*ret = (struct acme_answer){ .result.outcome = ACME_REQUEST_OK };
	if (http->outcome != HTTP_OK) {
		read_http_failure(ret, http);
		return;
	}
	ret->result.status = http->status;
	ret->result.body = http->body;
	ret->result.body_len = http->body_len;
	ret->result.retry_at_usec = read_retry_at(http, wall_now);
	if (http->status >= 400 && http->status <= 599) {
		read_problem(ret, http);
		return;
	}
	if (http->status < 200 || http->status > 299) {
		err_set_kind(&ret->err, ERR_CA, -EPROTO,
			"the CA answered with status %u, which has no meaning here",
			http->status);
		set_failed(ret);
		return;
	}
	read_location(ret, client, http);
	if (read_body(ret, client, http, want) < 0)
		set_failed(ret);
}

void acme_answer_fail(struct acme_answer *ret, struct err *err)
{
	*ret = (struct acme_answer){};
	err_move(&ret->err, err);
	set_failed(ret);
}

void acme_answer_copy_failure(struct acme_answer *dst, const struct acme_answer *src)
{
	*dst = (struct acme_answer){
		.result.outcome = src->result.outcome,
		.result.status = src->result.status,
		.result.retry_at_usec = src->result.retry_at_usec,
		.result.err = &dst->err,
	};
	err_copy(&dst->err, &src->err);
	if (!src->result.problem)
		return;
	acme_problem_copy(&dst->problem, &src->problem);
	dst->result.problem = &dst->problem;
}

void acme_answer_done(struct acme_answer *answer)
{
	json_decref(answer->json);
	free(answer->location);
	strv_free(answer->alternates);
	acme_problem_done(&answer->problem);
	err_done(&answer->err);
	*answer = (struct acme_answer){};
}
