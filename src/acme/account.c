/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making sure of an account (RFC 8555 7.3, 7.3.1, 7.3.3, 7.3.4).
 *
 *     DIRECTORY --what it asks for is given--> REGISTER --200, 201--> done
 *         |                                        |
 *         +--terms, binding: a person must act     +--refused, nonsense: no account
 *
 * Nothing is sent that the directory lets us foresee to fail. Safe to repeat: a key that
 * has an account finds it again.
 */
#include "acme/account.h"

#include <errno.h>
#include <string.h>

#include "pki/jws.h"
#include "util/fault.h"
#include "util/json_view.h"
#include "util/mem.h"

struct acme_account {
	/* inputs */
	struct acme_client *client; /* borrowed */
	char **contact;             /* owned; NULL = none */
	bool agree_to_terms;
	bool only_existing;
	char *eab_kid;      /* owned; NULL */
	char *eab_hmac_key; /* owned; NULL */
	acme_account_done_fn *done;
	void *userdata;

	/* owned operations */
	struct acme_request *request;
};

/* --- ending ------------------------------------------------------------------------ */

static void complete(struct acme_account *op, const struct acme_account_result *result)
{
	acme_account_done_fn *done = TAKE_PTR(op->done);

	done(result, TAKE_PTR(op->userdata));
}

static void complete_failed(struct acme_account *op, const struct err *err)
{
	const struct acme_account_result result = { .err = err };

	complete(op, &result);
}

static void complete_by_request(
	struct acme_account *op, const struct acme_request_result *result)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct acme_account_result mine = {
		.problem = result->problem,
		.err = &err,
	};

	err_copy(&err, result->err);
	err_wrap(&err, err.code, "account");
	complete(op, &mine);
}

/* --- what the directory asks for (7.1.1) --------------------------------------------- */

static void on_directory_done(const struct acme_request_result *result, void *userdata);
static void on_registered(const struct acme_request_result *result, void *userdata);

static int start_directory(struct acme_account *op, struct err *err)
{
	const struct acme_request_params params = { .resource = ACME_DIRECTORY };

	return acme_request_start(
		&op->request, op->client, &params, on_directory_done, op, err);
}

static int check_wants(const struct acme_account *op,
	const struct acme_directory *directory, struct err *err)
{
	if (op->only_existing)
		return 0;
	if (directory->external_account_required && !op->eab_kid)
		return err_set_kind(err, ERR_CONFIG, -EACCES,
			"account: the CA wants an external account binding; set eab_kid and "
			"eab_hmac_key to what it has given you");
	if (directory->terms_of_service && !op->agree_to_terms)
		return err_set_kind(err, ERR_CONFIG, -EACCES,
			"account: the CA wants its terms to be agreed to: read %s and set "
			"agree_to_terms = yes",
			directory->terms_of_service);
	return 0;
}

static int start_register(struct acme_account *op, struct err *err);

static void on_directory_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_account *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (result->outcome != ACME_REQUEST_OK) {
		complete_by_request(op, result);
		return;
	}
	if (check_wants(op, acme_client_get_directory(op->client), &err) < 0 ||
		start_register(op, &err) < 0)
		complete_failed(op, &err);
}

/* --- newAccount (7.3) ------------------------------------------------------------------ */

static int add_binding(const struct acme_account *op, json_t *json, struct err *err)
{
	const char *url = acme_client_get_directory(op->client)->new_account;
	_cleanup_(freep) char *text = NULL;
	json_t *binding;

	if (!op->eab_kid)
		return 0;
	int r = jws_format_eab(op->eab_kid, op->eab_hmac_key, url,
		acme_client_get_signer(op->client)->jwk, &text, err);
	if (r == 0)
		r = json_view_parse(&binding, text, strlen(text), err);
	if (r < 0) {
		/* The key is the operator's word. */
		if (err)
			err->kind = ERR_CONFIG;
		return err_wrap(err, r, "external account binding");
	}
	json_object_set_new(json, "externalAccountBinding", binding);
	return 0;
}

static int format_payload(const struct acme_account *op, char **ret, struct err *err)
{
	_cleanup_(json_view_unrefp) json_t *json = json_object();

	if (op->only_existing) {
		json_object_set_new(json, "onlyReturnExisting", json_true());
		*ret = json_view_format(json);
		return 0;
	}
	if (op->contact) {
		json_t *contact = json_array();

		for (char **url = op->contact; *url; url++)
			json_array_append_new(contact, json_string(*url));
		json_object_set_new(json, "contact", contact);
	}
	if (op->agree_to_terms)
		json_object_set_new(json, "termsOfServiceAgreed", json_true());
	int r = add_binding(op, json, err);
	if (r < 0)
		return r;
	*ret = json_view_format(json);
	return 0;
}

static int start_register(struct acme_account *op, struct err *err)
{
	_cleanup_(freep) char *payload = NULL;

	int r = format_payload(op, &payload, err);
	if (r < 0)
		return err_wrap(err, r, "account");
	const struct acme_request_params params = {
		.resource = ACME_NEW_ACCOUNT,
		.payload = payload,
	};
	op->request = acme_request_cancel(op->request);
	return acme_request_start(
		&op->request, op->client, &params, on_registered, op, err);
}

static int read_account(const struct acme_request_result *answer,
	struct acme_account_result *ret, struct err *err)
{
	if (!answer->location)
		return err_set_kind(err, ERR_CA, -EPROTO,
			"account: the answer has no Location that leads to this CA");
	ret->status = answer->json ? json_view_string(answer->json, "status") : NULL;
	if (!ret->status)
		return err_set_kind(
			err, ERR_CA, -EPROTO, "account: the answer has no status");
	if (strcmp(ret->status, "valid") != 0)
		return err_set_kind(err, ERR_CA, -EACCES,
			"account: it is %.64s at the CA and can be used no more",
			ret->status);
	ret->url = answer->location;
	ret->created = answer->status == 201;
	return 0;
}

static void on_registered(const struct acme_request_result *answer, void *userdata)
{
	struct acme_account *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct acme_account_result result = {};

	FAULT("account-answered");
	if (answer->outcome != ACME_REQUEST_OK) {
		complete_by_request(op, answer);
		return;
	}
	if (read_account(answer, &result, &err) < 0)
		result.err = &err;
	else
		acme_client_set_account(op->client, result.url);
	complete(op, &result);
}

/* --- start, cancel ---------------------------------------------------------------------- */

int acme_account_start(struct acme_account **ret, struct acme_client *client,
	const struct acme_account_params *params, acme_account_done_fn *done,
	void *userdata, struct err *err)
{
	_cleanup_(acme_account_cancelp) struct acme_account *op =
		xnew(struct acme_account);

	if (params->eab_kid && !params->eab_hmac_key)
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"account: eab_kid is set, but eab_hmac_key is not");
	op->client = client;
	for (char *const *url = params->contact; url && *url; url++)
		strv_append(&op->contact, *url);
	op->agree_to_terms = params->agree_to_terms;
	op->only_existing = params->only_existing;
	op->eab_kid = xstrdup(params->eab_kid);
	op->eab_hmac_key = xstrdup(params->eab_hmac_key);
	op->done = done;
	op->userdata = userdata;
	int r = start_directory(op, err);
	if (r < 0)
		return err_wrap(err, r, "account");
	*ret = TAKE_PTR(op);
	return 0;
}

struct acme_account *acme_account_cancel(struct acme_account *op)
{
	if (!op)
		return NULL;
	acme_request_cancel(op->request);
	secret_free(op->eab_hmac_key);
	free(op->eab_kid);
	strv_free(op->contact);
	free(op);
	return NULL;
}
