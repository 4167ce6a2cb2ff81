/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Problem documents (RFC 7807 as RFC 8555 6.7 uses it), subproblems included. */
#pragma once

#include <jansson.h>

#include "util/err.h"

#define ACME_SUBPROBLEMS_MAX 100
#define ACME_URN             "urn:ietf:params:acme:error:"

enum acme_problem_type {
	ACME_PROBLEM_OTHER, /* not an ACME URN, or one that we do not know */
	ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST,
	ACME_PROBLEM_ALREADY_REPLACED,
	ACME_PROBLEM_ALREADY_REVOKED,
	ACME_PROBLEM_BAD_CSR,
	ACME_PROBLEM_BAD_NONCE,
	ACME_PROBLEM_BAD_PUBLIC_KEY,
	ACME_PROBLEM_BAD_REVOCATION_REASON,
	ACME_PROBLEM_BAD_SIGNATURE_ALGORITHM,
	ACME_PROBLEM_CAA,
	ACME_PROBLEM_COMPOUND,
	ACME_PROBLEM_CONNECTION,
	ACME_PROBLEM_DNS,
	ACME_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED,
	ACME_PROBLEM_INCORRECT_RESPONSE,
	ACME_PROBLEM_INVALID_CONTACT,
	ACME_PROBLEM_INVALID_PROFILE,
	ACME_PROBLEM_MALFORMED,
	ACME_PROBLEM_ORDER_NOT_READY,
	ACME_PROBLEM_RATE_LIMITED,
	ACME_PROBLEM_REJECTED_IDENTIFIER,
	ACME_PROBLEM_SERVER_INTERNAL,
	ACME_PROBLEM_TLS,
	ACME_PROBLEM_UNAUTHORIZED,
	ACME_PROBLEM_UNSUPPORTED_CONTACT,
	ACME_PROBLEM_UNSUPPORTED_IDENTIFIER,
	ACME_PROBLEM_USER_ACTION_REQUIRED,
	_ACME_PROBLEM_MAX,
};

struct acme_subproblem {
	char *type; /* URN */
	char *detail;
	char *identifier; /* the name it is about, or NULL */
};

struct acme_problem {
	enum acme_problem_type type;
	char *urn;      /* as sent; never NULL in a filled one */
	char *detail;   /* cleaned; NULL */
	char *instance; /* URL for a person (userActionRequired); NULL */
	unsigned status;
	struct acme_subproblem *sub;
	size_t n_sub;
};

/* From a problem document's object. Text is cleaned of control octets and cut. */
void acme_problem_parse(struct acme_problem *ret, const json_t *json, unsigned status);
/* From an answer whose body is no problem document. */
void acme_problem_from_status(struct acme_problem *ret, unsigned status);
/* What we conclude ourselves where the CA gives no reason: "the order is invalid". */
void acme_problem_from_text(struct acme_problem *ret, const char *detail);
void acme_problem_copy(struct acme_problem *dst, const struct acme_problem *src);
void acme_problem_done(struct acme_problem *problem);
/* One sentence for an operator: "the CA refuses mail.example.org: … (caa)", with each
 * subproblem; owned by the caller. */
char *acme_problem_format(const struct acme_problem *problem);
/* Fills err (kind CA, problem URN, detail). Returns code. */
int acme_problem_to_err(const struct acme_problem *problem, int code, struct err *err);

enum acme_reaction {
	ACME_REACTION_RETRY,   /* trouble of the CA: back off and try again */
	ACME_REACTION_WAIT,    /* rate limit: not before its Retry-After */
	ACME_REACTION_PERSON,  /* no use before somebody changes something: daily */
	ACME_REACTION_ACCOUNT, /* the account is unknown or stopped */
};
/* By its type; where that says nothing to us, by the status. */
enum acme_reaction acme_problem_reaction(const struct acme_problem *problem);
