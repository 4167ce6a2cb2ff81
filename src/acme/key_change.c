/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Account key rollover (RFC 8555 7.3.5).
 *
 *     DIRECTORY --has keyChange--> SIGN --by the new key--> CHANGE --> done
 *
 * The new key signs what the old key then signs once more, so that the CA sees that both
 * are ours. An answer that is lost leaves both possible, and so does one of a machine in
 * front of the CA: only a plain "no" of the CA is one.
 */
#include "acme/key_change.h"

#include <errno.h>
#include <string.h>

#include "acme/client_priv.h"
#include "pki/jws.h"
#include "util/fault.h"
#include "util/json_view.h"
#include "util/mem.h"

struct acme_key_change {
	/* inputs */
	struct acme_client *client;       /* borrowed */
	const struct acme_signer *signer; /* borrowed; the new key's */
	acme_key_change_done_fn *done;
	void *userdata;

	/* owned operations */
	struct acme_request *request;
	void *signing;   /* the signer's handle */
	bool is_signing; /* that has to be dropped */
	struct loop_timer *timer;

	/* results */
	char *input; /* owned; what the new key signs */
};

/* --- ending ------------------------------------------------------------------------ */

static void drop_signing(struct acme_key_change *op)
{
	loop_timer_disarm(op->timer);
	if (!op->is_signing)
		return;
	op->is_signing = false;
	op->signer->sign_cancel(op->signer->userdata, TAKE_PTR(op->signing));
}

static void complete(
	struct acme_key_change *op, const struct acme_key_change_result *result)
{
	acme_key_change_done_fn *done = TAKE_PTR(op->done);

	done(result, TAKE_PTR(op->userdata));
}

static void complete_failed(struct acme_key_change *op, struct err *err)
{
	const struct acme_key_change_result result = {
		.outcome = ACME_KEY_UNSURE,
		.err = err,
	};

	err_wrap(err, err->code, "change of the account key");
	complete(op, &result);
}

static void complete_by_request(
	struct acme_key_change *op, const struct acme_request_result *answer)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const bool is_no =
		answer->outcome == ACME_REQUEST_REFUSED && answer->status < 500;
	const struct acme_key_change_result result = {
		.outcome = is_no ? ACME_KEY_REFUSED : ACME_KEY_UNSURE,
		.problem = answer->problem,
		.err = &err,
	};

	err_copy(&err, answer->err);
	err_wrap(&err, err.code, "change of the account key");
	complete(op, &result);
}

/* --- where to ask (7.1.1) ------------------------------------------------------------ */

static void on_directory_done(const struct acme_request_result *answer, void *userdata);
static void on_changed(const struct acme_request_result *answer, void *userdata);

static int start_directory(struct acme_key_change *op, struct err *err)
{
	const struct acme_request_params params = { .resource = ACME_DIRECTORY };

	return acme_request_start(
		&op->request, op->client, &params, on_directory_done, op, err);
}

static int start_signing(struct acme_key_change *op, struct err *err);

static void on_directory_done(const struct acme_request_result *answer, void *userdata)
{
	struct acme_key_change *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (answer->outcome != ACME_REQUEST_OK)
		complete_by_request(op, answer);
	else if (start_signing(op, &err) < 0)
		complete_failed(op, &err);
}

/* --- the word of the new key ----------------------------------------------------------- */

static int format_inner(struct acme_key_change *op, char **ret, struct err *err)
{
	_cleanup_(json_view_unrefp) json_t *json = json_object();
	const char *jwk = acme_client_get_signer(op->client)->jwk;
	json_t *old_key = NULL;

	int r = json_view_parse(&old_key, jwk, strlen(jwk), err);
	if (r < 0)
		return err_wrap(err, r, "the present key");
	json_object_set_new(
		json, "account", json_string(acme_client_get_account(op->client)));
	json_object_set_new(json, "oldKey", old_key);
	*ret = json_view_format(json);
	return 0;
}

static void on_signed(
	const uint8_t *signature, size_t len, const struct err *why, void *userdata);

static int start_signing(struct acme_key_change *op, struct err *err)
{
	const char *url = acme_client_get_directory(op->client)->key_change;
	_cleanup_(freep) char *payload = NULL;

	if (!url)
		return err_set_kind(
			err, ERR_CA, -EOPNOTSUPP, "the CA offers no keyChange");
	int r = format_inner(op, &payload, err);
	if (r < 0)
		return r;
	const struct jws_params params = {
		.alg = op->signer->alg,
		.jwk = op->signer->jwk,
		.url = url,
		.payload = payload,
	};
	r = jws_input(&params, &op->input, err);
	if (r == 0)
		r = op->signer->sign_start(op->signer->userdata, &op->signing,
			op->input, on_signed, op, err);
	if (r < 0)
		return err_wrap(err, r, "signature of the new key");
	op->is_signing = true;
	loop_timer_set_after(op->timer, acme_client_get_request_deadline(op->client));
	return 0;
}

static int start_change(struct acme_key_change *op, const uint8_t *signature,
	size_t len, struct err *err)
{
	_cleanup_(freep) char *payload = NULL;

	int r = jws_format(op->input, signature, len, &payload, err);
	if (r < 0)
		return r;
	const struct acme_request_params params = {
		.resource = ACME_KEY_CHANGE,
		.payload = payload,
	};
	op->request = acme_request_cancel(op->request);
	FAULT("key-change-not-sent");
	return acme_request_start(
		&op->request, op->client, &params, on_changed, op, err);
}

static void on_signed(
	const uint8_t *signature, size_t len, const struct err *why, void *userdata)
{
	struct acme_key_change *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = -EIO;

	if (signature)
		r = start_change(op, signature, len, &err);
	else if (why)
		err_copy(&err, why);
	drop_signing(op);
	if (r == 0)
		return;
	if (!err_is_set(&err))
		err_set(&err, r, "no signature");
	err_wrap(&err, err.code, "signature of the new key");
	complete_failed(op, &err);
}

static void on_signing_late(struct loop_timer *timer, void *userdata)
{
	struct acme_key_change *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	drop_signing(op);
	err_set(&err, -ETIMEDOUT, "the new key gave no signature in time");
	complete_failed(op, &err);
}

/* --- the word of the CA ------------------------------------------------------------------ */

static void on_changed(const struct acme_request_result *answer, void *userdata)
{
	struct acme_key_change *op = userdata;
	const struct acme_key_change_result result = { .outcome = ACME_KEY_CHANGED };

	if (answer->outcome != ACME_REQUEST_OK) {
		complete_by_request(op, answer);
		return;
	}
	FAULT("key-change-answered");
	complete(op, &result);
}

/* --- start, cancel ------------------------------------------------------------------------ */

int acme_key_change_start(struct acme_key_change **ret, struct acme_client *client,
	const struct acme_signer *signer, acme_key_change_done_fn *done, void *userdata,
	struct err *err)
{
	_cleanup_(acme_key_change_cancelp) struct acme_key_change *op =
		xnew(struct acme_key_change);

	op->client = client;
	op->signer = signer;
	op->done = done;
	op->userdata = userdata;
	if (!acme_client_get_account(client))
		return err_set(
			err, -EINVAL, "change of the account key: there is no account");
	op->timer = loop_timer_new(acme_client_get_loop(client), on_signing_late, op);
	int r = start_directory(op, err);
	if (r < 0)
		return err_wrap(err, r, "change of the account key");
	*ret = TAKE_PTR(op);
	return 0;
}

struct acme_key_change *acme_key_change_cancel(struct acme_key_change *op)
{
	if (!op)
		return NULL;
	acme_request_cancel(op->request);
	if (op->is_signing)
		drop_signing(op);
	loop_timer_free(op->timer);
	free(op->input);
	free(op);
	return NULL;
}
