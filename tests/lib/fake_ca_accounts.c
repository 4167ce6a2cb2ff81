/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See fake_ca_accounts.h. */
#include "tests/lib/fake_ca_accounts.h"

#include <assert.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "util/base64url.h"
#include "util/json_view.h"
#include "util/mem.h"

#define ACCOUNT_URL  "https://ca.test/account/"
#define ACCOUNTS_MAX 16

struct fake_account {
	json_t *jwk; /* owned; NULL: forgotten */
	bool is_deactivated;
};

struct fake_ca_accounts {
	struct fake_account account[ACCOUNTS_MAX];
	unsigned n, n_key_changes;
};

struct fake_ca_accounts *fake_ca_accounts_new(void)
{
	return xnew(struct fake_ca_accounts);
}

struct fake_ca_accounts *fake_ca_accounts_free(struct fake_ca_accounts *accounts)
{
	fake_ca_accounts_forget(accounts);
	free(accounts);
	return NULL;
}

/* --- answers ------------------------------------------------------------------------------- */

void fake_ca_answer_json(
	struct fake_http_answer *answer, unsigned status, const char *text)
{
	answer->status = status;
	fake_http_add_header(answer, "Content-Type",
		status >= 400 ? "application/problem+json" : "application/json");
	buf_append_str(&answer->body, text);
}

void fake_ca_answer_problem(
	struct fake_http_answer *answer, unsigned status, const char *type)
{
	_cleanup_(freep) char *text = xasprintf(
		"{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"told to\"}",
		type);

	fake_ca_answer_json(answer, status, text);
}

static void answer_account(struct fake_http_answer *answer, unsigned number,
	unsigned status, bool is_valid)
{
	_cleanup_(freep) char *location = xasprintf(ACCOUNT_URL "%u", number);

	fake_http_add_header(answer, "Location", location);
	fake_ca_answer_json(answer, status,
		is_valid ? "{\"status\":\"valid\"}" : "{\"status\":\"deactivated\"}");
}

/* --- signatures ------------------------------------------------------------------------------ */

static gnutls_datum_t decode(const char *text)
{
	uint8_t *data = NULL;
	size_t len = 0;

	if (text)
		base64url_parse(text, &data, &len, NULL);
	return (gnutls_datum_t){ data, (unsigned)len };
}

static json_t *decode_json(const char *text)
{
	gnutls_datum_t data = decode(text);
	json_t *json = NULL;

	if (data.size > 0)
		json_view_parse(&json, (char *)data.data, data.size, NULL);
	free(data.data);
	return json;
}

static bool verify(gnutls_pubkey_t key, const json_t *jws)
{
	const char *protected = json_view_string(jws, "protected");
	const char *payload = json_view_string(jws, "payload");
	gnutls_datum_t raw = decode(json_view_string(jws, "signature"));
	_cleanup_(freep) char *input =
		xasprintf("%s.%s", protected ? protected : "", payload ? payload : "");
	const gnutls_datum_t data = { (void *)input, (unsigned)strlen(input) };
	gnutls_datum_t der = { 0 };
	int r = -1;

	if (raw.size == 64) {
		gnutls_datum_t first = { raw.data, 32 }, second = { raw.data + 32, 32 };
		gnutls_encode_rs_value(&der, &first, &second);
		r = gnutls_pubkey_verify_data2(
			key, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &der);
		gnutls_free(der.data);
	}
	free(raw.data);
	return r >= 0;
}

/* Keys of other kinds are taken at their word. */
static bool verify_by_jwk(const json_t *jwk, const json_t *jws)
{
	const char *curve = json_view_string(jwk, "crv");
	gnutls_pubkey_t key;

	if (!curve || strcmp(curve, "P-256") != 0)
		return true;
	gnutls_datum_t x = decode(json_view_string(jwk, "x"));
	gnutls_datum_t y = decode(json_view_string(jwk, "y"));
	gnutls_pubkey_init(&key);
	bool ok = gnutls_pubkey_import_ecc_raw(
			  key, GNUTLS_ECC_CURVE_SECP256R1, &x, &y) >= 0 &&
		  verify(key, jws);
	gnutls_pubkey_deinit(key);
	free(x.data);
	free(y.data);
	return ok;
}

bool fake_ca_signed_by_certificate(
	const struct fake_ca_signed *s, const uint8_t *der, size_t len)
{
	const gnutls_datum_t data = { (uint8_t *)der, (unsigned)len };
	gnutls_x509_crt_t crt;
	gnutls_pubkey_t key;

	gnutls_x509_crt_init(&crt);
	gnutls_pubkey_init(&key);
	bool ok = gnutls_x509_crt_import(crt, &data, GNUTLS_X509_FMT_DER) >= 0 &&
		  gnutls_pubkey_import_x509(key, crt, 0) >= 0 && verify(key, s->jws);
	gnutls_pubkey_deinit(key);
	gnutls_x509_crt_deinit(crt);
	return ok;
}

/* --- who asks ---------------------------------------------------------------------------------- */

static unsigned find_key(const struct fake_ca_accounts *accounts, const json_t *jwk)
{
	for (unsigned i = 0; i < accounts->n; i++) {
		if (json_equal(accounts->account[i].jwk, jwk))
			return i + 1;
	}
	return 0;
}

static unsigned find_url(const struct fake_ca_accounts *accounts, const char *kid)
{
	const size_t len = strlen(ACCOUNT_URL);
	unsigned number = 0;

	if (kid && strncmp(kid, ACCOUNT_URL, len) == 0)
		number = (unsigned)strtoul(kid + len, NULL, 10);
	return number <= accounts->n ? number : 0;
}

static const char *find_fault(
	const struct fake_ca_accounts *accounts, const struct fake_ca_signed *s)
{
	if (s->jwk)
		return verify_by_jwk(s->jwk, s->jws) ? NULL : "malformed";
	if (s->account == 0)
		return "accountDoesNotExist";
	const struct fake_account *account = &accounts->account[s->account - 1];
	if (!account->jwk)
		return "accountDoesNotExist";
	if (account->is_deactivated)
		return "unauthorized";
	return verify_by_jwk(account->jwk, s->jws) ? NULL : "malformed";
}

bool fake_ca_accounts_read(const struct fake_ca_accounts *accounts,
	const struct fake_http_request *req, struct fake_ca_signed *ret,
	struct fake_http_answer *answer)
{
	*ret = (struct fake_ca_signed){ 0 };
	if (req->method != HTTP_POST)
		return true;
	json_view_parse(&ret->jws, req->body, req->body_len, NULL);
	ret->header = decode_json(json_view_string(ret->jws, "protected"));
	ret->payload = decode_json(json_view_string(ret->jws, "payload"));
	ret->jwk = json_view_object(ret->header, "jwk");
	if (!ret->jwk)
		ret->account = find_url(accounts, json_view_string(ret->header, "kid"));
	const char *fault = find_fault(accounts, ret);
	if (fault)
		fake_ca_answer_problem(
			answer, strcmp(fault, "unauthorized") ? 400 : 401, fault);
	return !fault;
}

void fake_ca_signed_done(struct fake_ca_signed *s)
{
	json_decref(s->payload);
	json_decref(s->header);
	json_decref(s->jws);
	*s = (struct fake_ca_signed){ 0 };
}

/* --- what is asked ------------------------------------------------------------------------------- */

void fake_ca_accounts_answer_new(struct fake_ca_accounts *accounts,
	const struct fake_ca_signed *s, struct fake_http_answer *answer)
{
	unsigned number = find_key(accounts, s->jwk);

	if (number > 0 && accounts->account[number - 1].is_deactivated) {
		fake_ca_answer_problem(answer, 403, "unauthorized");
	} else if (number > 0) {
		answer_account(answer, number, 200, true);
	} else if (json_view_bool(s->payload, "onlyReturnExisting", false)) {
		fake_ca_answer_problem(answer, 400, "accountDoesNotExist");
	} else {
		assert(accounts->n < ACCOUNTS_MAX);
		accounts->account[accounts->n++].jwk = json_deep_copy(s->jwk);
		answer_account(answer, accounts->n, 201, true);
	}
}

void fake_ca_accounts_answer_key_change(struct fake_ca_accounts *accounts,
	const struct fake_ca_signed *s, struct fake_http_answer *answer)
{
	json_t *header = decode_json(json_view_string(s->payload, "protected"));
	const json_t *jwk = json_view_object(header, "jwk");

	if (s->account == 0 || !jwk || !verify_by_jwk(jwk, s->payload)) {
		fake_ca_answer_problem(answer, 400, "malformed");
	} else if (find_key(accounts, jwk) > 0) {
		fake_ca_answer_problem(answer, 409, "malformed");
	} else {
		struct fake_account *account = &accounts->account[s->account - 1];

		json_decref(account->jwk);
		account->jwk = json_deep_copy(jwk);
		accounts->n_key_changes++;
		fake_ca_answer_json(answer, 200, "{}");
	}
	json_decref(header);
}

void fake_ca_accounts_answer_update(struct fake_ca_accounts *accounts,
	const struct fake_ca_signed *s, struct fake_http_answer *answer)
{
	const char *status = json_view_string(s->payload, "status");

	if (s->account == 0) {
		fake_ca_answer_problem(answer, 400, "malformed");
		return;
	}
	struct fake_account *account = &accounts->account[s->account - 1];
	if (status && strcmp(status, "deactivated") == 0)
		account->is_deactivated = true;
	answer_account(answer, s->account, 200, !account->is_deactivated);
}

/* --- for the test ---------------------------------------------------------------------------------- */

unsigned fake_ca_accounts_count(const struct fake_ca_accounts *accounts)
{
	return accounts->n;
}

unsigned fake_ca_accounts_count_key_changes(const struct fake_ca_accounts *accounts)
{
	return accounts->n_key_changes;
}

void fake_ca_accounts_forget(struct fake_ca_accounts *accounts)
{
	for (unsigned i = 0; i < accounts->n; i++) {
		json_decref(accounts->account[i].jwk);
		accounts->account[i].jwk = NULL;
	}
}

void fake_ca_accounts_deactivate(struct fake_ca_accounts *accounts)
{
	for (unsigned i = 0; i < accounts->n; i++)
		accounts->account[i].is_deactivated = true;
}

bool fake_ca_accounts_knows(const struct fake_ca_accounts *accounts, const char *jwk)
{
	json_t *json = json_loads(jwk, 0, NULL);
	unsigned number = find_key(accounts, json);

	json_decref(json);
	return number > 0 && !accounts->account[number - 1].is_deactivated;
}
