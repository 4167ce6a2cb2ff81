/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Problem documents: what a CA says when it says no (RFC 7807, RFC 8555 6.7).
 *
 * Everything in them is text from outside: it is cleaned, cut, and never compared but
 * for the type. A member of the wrong kind counts as absent.
 */
#include "acme/problem.h"

#include <stdio.h>
#include <string.h>

#include "util/buf.h"
#include "util/dname.h"
#include "util/json_view.h"
#include "util/mem.h"
#include "util/strtab.h"
#include "util/text.h"

#define URN_BYTES_MAX      128
#define DETAIL_BYTES_MAX   512
#define INSTANCE_BYTES_MAX 1024
#define SENTENCE_BYTES_MAX 4096
/* More than these are counted, not spelt out. */
#define SENTENCE_SUBPROBLEMS_MAX 8

/* clang-format off */
static const char *const type_names[_ACME_PROBLEM_MAX] = {
	[ACME_PROBLEM_OTHER]                     = "",
	[ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST]    = "accountDoesNotExist",
	[ACME_PROBLEM_ALREADY_REPLACED]          = "alreadyReplaced",
	[ACME_PROBLEM_ALREADY_REVOKED]           = "alreadyRevoked",
	[ACME_PROBLEM_BAD_CSR]                   = "badCSR",
	[ACME_PROBLEM_BAD_NONCE]                 = "badNonce",
	[ACME_PROBLEM_BAD_PUBLIC_KEY]            = "badPublicKey",
	[ACME_PROBLEM_BAD_REVOCATION_REASON]     = "badRevocationReason",
	[ACME_PROBLEM_BAD_SIGNATURE_ALGORITHM]   = "badSignatureAlgorithm",
	[ACME_PROBLEM_CAA]                       = "caa",
	[ACME_PROBLEM_COMPOUND]                  = "compound",
	[ACME_PROBLEM_CONNECTION]                = "connection",
	[ACME_PROBLEM_DNS]                       = "dns",
	[ACME_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED] = "externalAccountRequired",
	[ACME_PROBLEM_INCORRECT_RESPONSE]        = "incorrectResponse",
	[ACME_PROBLEM_INVALID_CONTACT]           = "invalidContact",
	[ACME_PROBLEM_INVALID_PROFILE]           = "invalidProfile",
	[ACME_PROBLEM_MALFORMED]                 = "malformed",
	[ACME_PROBLEM_ORDER_NOT_READY]           = "orderNotReady",
	[ACME_PROBLEM_RATE_LIMITED]              = "rateLimited",
	[ACME_PROBLEM_REJECTED_IDENTIFIER]       = "rejectedIdentifier",
	[ACME_PROBLEM_SERVER_INTERNAL]           = "serverInternal",
	[ACME_PROBLEM_TLS]                       = "tls",
	[ACME_PROBLEM_UNAUTHORIZED]              = "unauthorized",
	[ACME_PROBLEM_UNSUPPORTED_CONTACT]       = "unsupportedContact",
	[ACME_PROBLEM_UNSUPPORTED_IDENTIFIER]    = "unsupportedIdentifier",
	[ACME_PROBLEM_USER_ACTION_REQUIRED]      = "userActionRequired",
};

/* What is not named here is decided by the status. */
static const enum acme_reaction reactions[_ACME_PROBLEM_MAX] = {
	[ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST]    = ACME_REACTION_ACCOUNT,
	[ACME_PROBLEM_ALREADY_REPLACED]          = ACME_REACTION_PERSON,
	[ACME_PROBLEM_ALREADY_REVOKED]           = ACME_REACTION_PERSON,
	[ACME_PROBLEM_BAD_CSR]                   = ACME_REACTION_PERSON,
	[ACME_PROBLEM_BAD_NONCE]                 = ACME_REACTION_RETRY,
	[ACME_PROBLEM_BAD_PUBLIC_KEY]            = ACME_REACTION_PERSON,
	[ACME_PROBLEM_BAD_REVOCATION_REASON]     = ACME_REACTION_PERSON,
	[ACME_PROBLEM_BAD_SIGNATURE_ALGORITHM]   = ACME_REACTION_PERSON,
	/* A look-up of theirs that failed once says this too: worth another try. */
	[ACME_PROBLEM_CAA]                       = ACME_REACTION_RETRY,
	[ACME_PROBLEM_COMPOUND]                  = ACME_REACTION_PERSON,
	[ACME_PROBLEM_CONNECTION]                = ACME_REACTION_RETRY,
	[ACME_PROBLEM_DNS]                       = ACME_REACTION_RETRY,
	[ACME_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED] = ACME_REACTION_ACCOUNT,
	[ACME_PROBLEM_INCORRECT_RESPONSE]        = ACME_REACTION_RETRY,
	[ACME_PROBLEM_INVALID_CONTACT]           = ACME_REACTION_PERSON,
	[ACME_PROBLEM_INVALID_PROFILE]           = ACME_REACTION_PERSON,
	[ACME_PROBLEM_MALFORMED]                 = ACME_REACTION_PERSON,
	[ACME_PROBLEM_ORDER_NOT_READY]           = ACME_REACTION_RETRY,
	[ACME_PROBLEM_RATE_LIMITED]              = ACME_REACTION_WAIT,
	[ACME_PROBLEM_REJECTED_IDENTIFIER]       = ACME_REACTION_PERSON,
	[ACME_PROBLEM_SERVER_INTERNAL]           = ACME_REACTION_RETRY,
	[ACME_PROBLEM_TLS]                       = ACME_REACTION_RETRY,
	[ACME_PROBLEM_UNAUTHORIZED]              = ACME_REACTION_PERSON,
	[ACME_PROBLEM_UNSUPPORTED_CONTACT]       = ACME_REACTION_PERSON,
	[ACME_PROBLEM_UNSUPPORTED_IDENTIFIER]    = ACME_REACTION_PERSON,
	[ACME_PROBLEM_USER_ACTION_REQUIRED]      = ACME_REACTION_ACCOUNT,
};

/* clang-format on */

/* Copies at most max octets of text from outside, cleaned; NULL and "" give NULL. */
static char *copy_clean(const char *s, size_t max)
{
	if (!s || !*s)
		return NULL;
	_cleanup_(freep) char *text = xnew_array(char, max + 1);
	text_format(text, max + 1, "%s", s);
	return TAKE_PTR(text);
}

static enum acme_problem_type parse_type(const char *urn)
{
	if (!urn || strncmp(urn, ACME_URN, strlen(ACME_URN)) != 0)
		return ACME_PROBLEM_OTHER;
	int type = STRTAB_FIND(type_names, urn + strlen(ACME_URN));
	return type <= 0 ? ACME_PROBLEM_OTHER : (enum acme_problem_type)type;
}

static void parse_subproblem(struct acme_subproblem *ret, const json_t *json)
{
	const json_t *identifier = json_view_object(json, "identifier");

	ret->type = copy_clean(json_view_string(json, "type"), URN_BYTES_MAX);
	ret->detail = copy_clean(json_view_string(json, "detail"), DETAIL_BYTES_MAX);
	if (identifier)
		ret->identifier =
			copy_clean(json_view_string(identifier, "value"), DNAME_MAX);
}

static void parse_subproblems(struct acme_problem *ret, const json_t *array)
{
	const size_t n = MIN(json_array_size(array), (size_t)ACME_SUBPROBLEMS_MAX);

	if (n == 0)
		return;
	ret->sub = xnew_array(struct acme_subproblem, n);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(array, i);

		if (json_is_object(item))
			parse_subproblem(&ret->sub[ret->n_sub++], item);
	}
}

void acme_problem_parse(struct acme_problem *ret, const json_t *json, unsigned status)
{
	const char *urn = json_view_string(json, "type");

	*ret = (struct acme_problem){
		.type = parse_type(urn),
		.urn = copy_clean(urn, URN_BYTES_MAX),
		.detail =
			copy_clean(json_view_string(json, "detail"), DETAIL_BYTES_MAX),
		.instance = copy_clean(
			json_view_string(json, "instance"), INSTANCE_BYTES_MAX),
		.status = status,
	};
	if (!ret->urn)
		ret->urn = xstrdup("about:blank");
	if (!ret->detail)
		ret->detail =
			copy_clean(json_view_string(json, "title"), DETAIL_BYTES_MAX);
	parse_subproblems(ret, json_view_array(json, "subproblems"));
}

void acme_problem_from_status(struct acme_problem *ret, unsigned status)
{
	*ret = (struct acme_problem){
		.type = ACME_PROBLEM_OTHER,
		.urn = xstrdup("about:blank"),
		.detail =
			xasprintf("answered with status %u and gave no reason", status),
		.status = status,
	};
	if (status == 429)
		ret->type = ACME_PROBLEM_RATE_LIMITED;
	else if (status >= 500)
		ret->type = ACME_PROBLEM_SERVER_INTERNAL;
}

void acme_problem_from_text(struct acme_problem *ret, const char *detail)
{
	*ret = (struct acme_problem){
		.type = ACME_PROBLEM_OTHER,
		.urn = xstrdup("about:blank"),
		.detail = copy_clean(detail, DETAIL_BYTES_MAX),
	};
}

void acme_problem_copy(struct acme_problem *dst, const struct acme_problem *src)
{
	*dst = (struct acme_problem){
		.type = src->type,
		.urn = xstrdup(src->urn),
		.detail = xstrdup(src->detail),
		.instance = xstrdup(src->instance),
		.status = src->status,
		.n_sub = src->n_sub,
	};
	if (src->n_sub == 0)
		return;
	dst->sub = xnew_array(struct acme_subproblem, src->n_sub);
	for (size_t i = 0; i < src->n_sub; i++) {
		dst->sub[i].type = xstrdup(src->sub[i].type);
		dst->sub[i].detail = xstrdup(src->sub[i].detail);
		dst->sub[i].identifier = xstrdup(src->sub[i].identifier);
	}
}

void acme_problem_done(struct acme_problem *problem)
{
	for (size_t i = 0; i < problem->n_sub; i++) {
		free(problem->sub[i].type);
		free(problem->sub[i].detail);
		free(problem->sub[i].identifier);
	}
	free(problem->sub);
	free(problem->instance);
	free(problem->detail);
	free(problem->urn);
	*problem = (struct acme_problem){};
}

/* "caa" of "urn:ietf:params:acme:error:caa", else the whole. */
static const char *short_type(const char *urn)
{
	if (strncmp(urn, ACME_URN, strlen(ACME_URN)) == 0)
		return urn + strlen(ACME_URN);
	return urn;
}

/* "the detail (type)" with whatever of both is there. */
static void append_reason(struct buf *text, const char *detail, const char *urn)
{
	const char *type = urn ? short_type(urn) : "";

	if (strcmp(type, "about:blank") == 0)
		type = "";
	if (detail && *type)
		buf_printf(text, "%s (%s)", detail, type);
	else
		buf_append_str(text, detail  ? detail
				     : *type ? type
					     : "no reason given");
}

char *acme_problem_format(const struct acme_problem *problem)
{
	struct buf text = BUF_INIT(SENTENCE_BYTES_MAX);

	/* What passes the cap is dropped, part by part: a sentence for a person. */
	buf_append_str(&text, "the CA refuses: ");
	append_reason(&text, problem->detail, problem->urn);
	for (size_t i = 0; i < problem->n_sub && i < SENTENCE_SUBPROBLEMS_MAX; i++) {
		const struct acme_subproblem *sub = &problem->sub[i];

		buf_append_str(&text, "; ");
		if (sub->identifier)
			buf_printf(&text, "%s: ", sub->identifier);
		append_reason(&text, sub->detail, sub->type);
	}
	if (problem->n_sub > SENTENCE_SUBPROBLEMS_MAX)
		buf_printf(&text, "; and %zu more",
			problem->n_sub - SENTENCE_SUBPROBLEMS_MAX);
	if (problem->instance)
		buf_printf(&text, "; see %s", problem->instance);
	return buf_steal(&text);
}

int acme_problem_to_err(const struct acme_problem *problem, int code, struct err *err)
{
	if (!err || err_is_set(err))
		return code;
	_cleanup_(freep) char *sentence = acme_problem_format(problem);
	err_set_kind(err, ERR_CA, code, "%s", sentence);
	xstrset(&err->problem, problem->urn);
	return code;
}

enum acme_reaction acme_problem_reaction(const struct acme_problem *problem)
{
	if (problem->type != ACME_PROBLEM_OTHER)
		return reactions[problem->type];
	/* A refusal that we do not know will not change by itself; trouble may. */
	if (problem->status >= 400 && problem->status < 500 && problem->status != 408)
		return ACME_REACTION_PERSON;
	return ACME_REACTION_RETRY;
}
