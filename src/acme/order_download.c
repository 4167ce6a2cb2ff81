/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * VALID, ALTERNATE and DONE of an order: the certificate and its chain are downloaded
 * (RFC 8555 7.4.2), then the alternates, until one is by the issuer that is preferred.
 */
#include <string.h>

#include "acme/order_chain.h"
#include "acme/order_priv.h"
#include "util/fault.h"
#include "util/mem.h"

static void on_chain_done(const struct acme_request_result *result, void *userdata);
static void on_alternate_done(const struct acme_request_result *result, void *userdata);

static void take_chain(struct acme_order *op, const struct acme_request_result *result)
{
	free(op->chain);
	op->chain = xnew_array(char, result->body_len + 1);
	memcpy(op->chain, result->body, result->body_len);
	op->chain_len = result->body_len;
}

enum step order_step_valid(struct acme_order *op)
{
	const struct acme_request_params params = {
		.resource = ACME_URL,
		.url = op->object.certificate_url,
		.flags = ACME_WANT_CHAIN,
	};

	return order_send_step(op, &params, on_chain_done);
}

static void on_chain_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_order *op = userdata;

	FAULT("certificate-answered");
	if (order_wait_out(op, result))
		return;
	if (result->outcome != ACME_REQUEST_OK) {
		order_complete_by_request(op, result, "certificate");
		return;
	}
	take_chain(op, result);
	for (char *const *url = result->alternates; url && *url; url++)
		strv_append(&op->alternates, *url);
	const bool is_right =
		!op->preferred_chain ||
		order_chain_is_by(op->chain, op->chain_len, op->preferred_chain);
	if (order_go_to(op, is_right ? ACME_ORDER_DONE : ACME_ORDER_ALTERNATE) ==
		STEP_NEXT)
		order_run(op);
}

enum step order_step_alternate(struct acme_order *op)
{
	if (op->next_alternate == strv_length(op->alternates)) {
		log_info(op->log,
			"order for %s: no chain is by %s, the CA's default is used",
			op->names[0], op->preferred_chain);
		return order_go_to(op, ACME_ORDER_DONE);
	}
	const struct acme_request_params params = {
		.resource = ACME_URL,
		.url = op->alternates[op->next_alternate++],
		.flags = ACME_WANT_CHAIN,
	};

	return order_send_step(op, &params, on_alternate_done);
}

/* One that cannot be had is passed over: there is the default. */
static void on_alternate_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_order *op = userdata;

	if (result->outcome == ACME_REQUEST_OK &&
		order_chain_is_by(
			result->body, result->body_len, op->preferred_chain)) {
		take_chain(op, result);
		if (order_go_to(op, ACME_ORDER_DONE) == STEP_DONE)
			return;
	}
	order_run(op);
}

enum step order_step_done(struct acme_order *op)
{
	/* The caller may drop the operation in done, and the chain lives until it returns. */
	_cleanup_(freep) char *chain = TAKE_PTR(op->chain);
	const struct acme_order_result result = {
		.outcome = ACME_ORDER_ISSUED,
		.chain_pem = chain,
		.chain_len = op->chain_len,
	};

	return order_complete(op, &result);
}
