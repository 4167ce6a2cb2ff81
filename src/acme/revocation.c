/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Revocation (RFC 8555 7.6). Safe to repeat: a certificate that is revoked already is
 * what was wanted.
 */
#include "acme/revocation.h"

#include <errno.h>
#include <string.h>

#include "util/base64url.h"
#include "util/json_view.h"
#include "util/mem.h"

struct acme_revocation {
	acme_revocation_done_fn *done;
	void *userdata;
	struct acme_request *request; /* owned */
};

/* clang-format off */
static const struct {
	int reason;
	const char *name;
} reasons[] = {
	{ ACME_REVOCATION_UNSPECIFIED,         "unspecified" },
	{ ACME_REVOCATION_KEY_COMPROMISE,      "key-compromise" },
	{ ACME_REVOCATION_AFFILIATION_CHANGED, "affiliation-changed" },
	{ ACME_REVOCATION_SUPERSEDED,          "superseded" },
	{ ACME_REVOCATION_CESSATION,           "cessation" },
};

/* clang-format on */

const char *acme_revocation_reason_name(int reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].reason == reason)
			return reasons[i].name;
	}
	return NULL;
}

int acme_revocation_reason_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (strcmp(reasons[i].name, name) == 0)
			return reasons[i].reason;
	}
	return -EINVAL;
}

static void on_answered(const struct acme_request_result *answer, void *userdata)
{
	struct acme_revocation *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const bool was = answer->problem &&
			 answer->problem->type == ACME_PROBLEM_ALREADY_REVOKED;
	struct acme_revocation_result result = {
		.is_revoked = was || answer->outcome == ACME_REQUEST_OK,
		.was_revoked = was,
		.problem = answer->problem,
	};

	if (!result.is_revoked) {
		err_copy(&err, answer->err);
		err_wrap(&err, err.code, "revocation");
		result.err = &err;
	}
	acme_revocation_done_fn *done = TAKE_PTR(op->done);
	done(&result, TAKE_PTR(op->userdata));
}

static char *format_payload(const struct acme_revocation_params *params)
{
	_cleanup_(json_view_unrefp) json_t *json = json_object();
	_cleanup_(freep) char *text =
		base64url_format(params->certificate, params->certificate_len);

	json_object_set_new(json, "certificate", json_string(text));
	/* "unspecified" is what leaving it out means, and what no CA refuses. */
	if (params->reason != ACME_REVOCATION_UNSPECIFIED)
		json_object_set_new(json, "reason", json_integer(params->reason));
	return json_view_format(json);
}

int acme_revocation_start(struct acme_revocation **ret, struct acme_client *client,
	const struct acme_revocation_params *revocation, acme_revocation_done_fn *done,
	void *userdata, struct err *err)
{
	_cleanup_(acme_revocation_cancelp) struct acme_revocation *op =
		xnew(struct acme_revocation);

	if (revocation->certificate_len == 0)
		return err_set(err, -EINVAL, "revocation: no certificate");
	_cleanup_(freep) char *payload = format_payload(revocation);
	const struct acme_request_params params = {
		.resource = ACME_REVOKE_CERT,
		.payload = payload,
	};
	op->done = done;
	op->userdata = userdata;
	int r = acme_request_start(&op->request, client, &params, on_answered, op, err);
	if (r < 0)
		return err_wrap(err, r, "revocation");
	*ret = TAKE_PTR(op);
	return 0;
}

struct acme_revocation *acme_revocation_cancel(struct acme_revocation *op)
{
	if (!op)
		return NULL;
	acme_request_cancel(op->request);
	free(op);
	return NULL;
}
