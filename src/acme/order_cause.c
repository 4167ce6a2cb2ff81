/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * INVALID of an order: its authorizations are read one after the other until one says why,
 * since the order itself seldom does (RFC 8555 7.1.6).
 */
#include <string.h>

#include "acme/order_priv.h"
#include "util/dname.h"
#include "util/json_view.h"
#include "util/mem.h"

static void on_cause_done(const struct acme_request_result *result, void *userdata);

enum step order_step_invalid(struct acme_order *op)
{
	if (op->next_cause < strv_length(op->object.authorizations)) {
		const struct acme_request_params params = {
			.resource = ACME_URL,
			.url = op->object.authorizations[op->next_cause++],
		};

		return order_send_step(op, &params, on_cause_done);
	}
	_cleanup_(acme_problem_done) struct acme_problem problem = {};

	if (op->object.has_problem)
		acme_problem_copy(&problem, &op->object.problem);
	else
		acme_problem_from_text(
			&problem, "the order is invalid and no reason is given");
	return order_complete_refused(op, &problem, op->names[0]);
}

static enum step complete_by_cause(struct acme_order *op, const json_t *authz)
{
	_cleanup_(acme_problem_done) struct acme_problem problem = {};
	const json_t *identifier = json_view_object(authz, "identifier");
	const char *value = identifier ? json_view_string(identifier, "value") : NULL;
	char name[DNAME_MAX + 1];

	if (!value || !dname_normalise(value, strlen(value), 0, name, sizeof(name)))
		value = NULL;
	acme_authz_parse_problem(&problem, authz, NULL);
	return order_complete_refused(op, &problem, value ? name : op->names[0]);
}

static void on_cause_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_order *op = userdata;
	const char *status =
		result->json ? json_view_string(result->json, "status") : NULL;

	if (result->outcome == ACME_REQUEST_OK && status &&
		strcmp(status, "valid") != 0 && strcmp(status, "pending") != 0)
		complete_by_cause(op, result->json);
	else
		order_run(op);
}
