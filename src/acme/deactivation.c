/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Deactivation of an account (RFC 8555 7.3.6): one request, which no other one can undo.
 * It counts when the CA's answer says "deactivated", not before.
 */
#include "acme/deactivation.h"

#include <errno.h>
#include <string.h>

#include "util/json_view.h"
#include "util/mem.h"

struct acme_deactivation {
	acme_deactivation_done_fn *done;
	void *userdata;
	struct acme_request *request; /* owned */
};

static void complete(
	struct acme_deactivation *op, const struct acme_deactivation_result *result)
{
	acme_deactivation_done_fn *done = TAKE_PTR(op->done);

	done(result, TAKE_PTR(op->userdata));
}

static int read_status(const struct acme_request_result *answer, struct err *err)
{
	const char *status =
		answer->json ? json_view_string(answer->json, "status") : NULL;

	if (answer->outcome != ACME_REQUEST_OK) {
		err_copy(err, answer->err);
		return err->code;
	}
	if (!status || strcmp(status, "deactivated") != 0)
		return err_set_kind(err, ERR_CA, -EPROTO,
			"the CA says that the account is %.64s now",
			status ? status : "in no state");
	return 0;
}

static void on_answered(const struct acme_request_result *answer, void *userdata)
{
	struct acme_deactivation *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct acme_deactivation_result result = {
		.problem = answer->problem,
		.err = &err,
	};

	int r = read_status(answer, &err);
	if (r < 0) {
		err_wrap(&err, r, "deactivation");
	} else {
		result.is_deactivated = true;
		result.err = NULL;
	}
	complete(op, &result);
}

int acme_deactivation_start(struct acme_deactivation **ret, struct acme_client *client,
	acme_deactivation_done_fn *done, void *userdata, struct err *err)
{
	_cleanup_(acme_deactivation_cancelp) struct acme_deactivation *op =
		xnew(struct acme_deactivation);
	const struct acme_request_params params = {
		.resource = ACME_URL,
		.url = acme_client_get_account(client),
		.payload = "{\"status\":\"deactivated\"}",
	};

	op->done = done;
	op->userdata = userdata;
	if (!params.url)
		return err_set(err, -EINVAL, "deactivation: there is no account");
	int r = acme_request_start(&op->request, client, &params, on_answered, op, err);
	if (r < 0)
		return err_wrap(err, r, "deactivation");
	*ret = TAKE_PTR(op);
	return 0;
}

struct acme_deactivation *acme_deactivation_cancel(struct acme_deactivation *op)
{
	if (!op)
		return NULL;
	acme_request_cancel(op->request);
	free(op);
	return NULL;
}
