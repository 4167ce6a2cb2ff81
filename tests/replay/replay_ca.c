/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See replay_ca.h. Signatures are verified with GnuTLS itself and not with src/pki. */
#include "tests/replay/replay_ca.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#include "pki/key.h"
#include "util/base64url.h"
#include "util/json_view.h"
#include "util/map.h"
#include "util/mem.h"

struct replay_ca {
	struct loop *loop; /* borrowed */
	struct key *key;
	char *jwk;
	char *thumbprint;
	struct acme_signer signer;
	enum replay_signing signing;
	struct map *nonces; /* to "unused" or "used" */
	unsigned n_nonces;
};

struct signing {
	struct replay_ca *ca; /* borrowed */
	const char *data;     /* borrowed from the requester */
	acme_signed_fn *done;
	void *userdata;
	struct loop_defer *defer;
};

static void on_sign(void *userdata)
{
	struct signing *op = userdata;
	_cleanup_(freep) uint8_t *signature = NULL;
	_cleanup_(err_done) struct err err = ERR_INIT;
	size_t len = 0;

	if (op->ca->signing == REPLAY_SIGNS_NOT)
		err_set(&err, -EIO, "the token was pulled out");
	else
		assert(key_sign_jws(op->ca->key, op->data, strlen(op->data), &signature,
			       &len, &err) == 0);
	op->done(signature, len, &err, op->userdata);
}

static int sign_start(void *userdata, void **ret_op, const char *data,
	acme_signed_fn *done, void *done_userdata, struct err *err)
{
	struct replay_ca *ca = userdata;

	if (ca->signing == REPLAY_SIGNS_NO_START)
		return err_set(err, -EIO, "the token is not there");
	struct signing *op = xnew(struct signing);
	op->ca = ca;
	op->data = data;
	op->done = done;
	op->userdata = done_userdata;
	if (ca->signing != REPLAY_SIGNS_NEVER)
		op->defer = loop_defer_new(ca->loop, on_sign, op);
	*ret_op = op;
	return 0;
}

static void sign_cancel(void *userdata, void *op)
{
	struct signing *signing = op;

	loop_defer_free(signing->defer);
	free(signing);
}

struct replay_ca *replay_ca_new(struct loop *loop)
{
	struct replay_ca *ca = xnew(struct replay_ca);

	ca->loop = loop;
	ca->nonces = map_new();
	assert(key_generate(&ca->key, KEY_ECDSA_P256, NULL) == 0);
	assert(key_format_jwk(ca->key, &ca->jwk, NULL) == 0);
	assert(key_format_thumbprint(ca->key, &ca->thumbprint, NULL) == 0);
	ca->signer = (struct acme_signer){
		.sign_start = sign_start,
		.sign_cancel = sign_cancel,
		.userdata = ca,
		.alg = key_get_jws_alg(ca->key),
		.jwk = ca->jwk,
		.thumbprint = ca->thumbprint,
	};
	return ca;
}

struct replay_ca *replay_ca_free(struct replay_ca *ca)
{
	if (!ca)
		return NULL;
	map_free(ca->nonces);
	free(ca->thumbprint);
	free(ca->jwk);
	key_free(ca->key);
	free(ca);
	return NULL;
}

const struct acme_signer *replay_ca_get_signer(const struct replay_ca *ca)
{
	return &ca->signer;
}

void replay_ca_set_signing(struct replay_ca *ca, enum replay_signing signing)
{
	ca->signing = signing;
}

/* --- nonces ------------------------------------------------------------------------ */

void replay_ca_add_nonce(struct replay_ca *ca, const char *nonce)
{
	static const char unused[] = "unused";

	if (!map_find(ca->nonces, nonce))
		map_set(ca->nonces, nonce, (void *)unused);
}

char *replay_ca_new_nonce(struct replay_ca *ca)
{
	char *nonce = xasprintf("nonce-%u", ++ca->n_nonces);

	replay_ca_add_nonce(ca, nonce);
	return nonce;
}

static char *check_nonce(struct replay_ca *ca, const char *nonce)
{
	static const char used[] = "used";
	const char *state = nonce ? map_find(ca->nonces, nonce) : NULL;

	if (!state)
		return xasprintf(
			"the nonce %s was never handed out", nonce ? nonce : "(none)");
	if (strcmp(state, used) == 0)
		return xasprintf("the nonce %s is used a second time", nonce);
	map_set(ca->nonces, nonce, (void *)used);
	return NULL;
}

/* --- signed requests ------------------------------------------------------------------ */

static char *decode(const char *text)
{
	uint8_t *data = NULL;
	size_t len = 0;

	if (!text || base64url_parse(text, &data, &len, NULL) < 0)
		return NULL;
	char *s = xstrndup((const char *)data, len);
	free(data);
	return s;
}

static bool verify(const struct replay_ca *ca, const char *input, const char *signature)
{
	gnutls_pubkey_t pubkey;
	gnutls_datum_t der = {};
	const gnutls_datum_t data = { (void *)input, (unsigned)strlen(input) };
	uint8_t *raw = NULL;
	size_t len = 0;

	if (!signature || base64url_parse(signature, &raw, &len, NULL) < 0 ||
		len != 64) {
		free(raw);
		return false;
	}
	const gnutls_datum_t r = { raw, 32 };
	const gnutls_datum_t s = { raw + 32, 32 };
	gnutls_pubkey_init(&pubkey);
	gnutls_pubkey_import_privkey(pubkey, key_get_privkey(ca->key), 0, 0);
	gnutls_encode_rs_value(&der, &r, &s);
	const int result = gnutls_pubkey_verify_data2(
		pubkey, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &der);
	gnutls_free(der.data);
	gnutls_pubkey_deinit(pubkey);
	free(raw);
	return result >= 0;
}

static char *check_header(struct replay_ca *ca, const struct replay_request *request,
	const json_t *header, bool *ret_is_kid)
{
	const char *alg = json_view_string(header, "alg");
	const char *url = json_view_string(header, "url");
	const char *kid = json_view_string(header, "kid");
	const json_t *jwk = json_view_object(header, "jwk");

	if (!alg || strcmp(alg, ca->signer.alg) != 0)
		return xasprintf("alg is %s", alg ? alg : "missing");
	if (!url || strcmp(url, request->url) != 0)
		return xasprintf("url is %s", url ? url : "missing");
	if (!kid == !jwk)
		return xstrdup("there must be one of kid and jwk");
	if (kid && strcmp(kid, REPLAY_ACCOUNT) != 0)
		return xasprintf("kid is %s", kid);
	if (jwk) {
		_cleanup_(json_view_unrefp) json_t *mine = json_loads(ca->jwk, 0, NULL);

		if (!json_equal(mine, jwk))
			return xstrdup("jwk is another key");
	}
	*ret_is_kid = kid != NULL;
	return check_nonce(ca, json_view_string(header, "nonce"));
}

static char *check_parts(struct replay_ca *ca, const struct replay_request *request,
	const json_t *jws, struct replay_signed *ret)
{
	const char *protected = json_view_string(jws, "protected");
	const char *payload = json_view_string(jws, "payload");
	_cleanup_(freep) char *header_text = decode(protected);
	_cleanup_(json_view_unrefp) json_t *header =
		header_text ? json_loads(header_text, 0, NULL) : NULL;
	bool is_kid = false;

	if (json_object_size(jws) != 3 || !header || !payload)
		return xstrdup("this is no flattened JWS");
	char *why = check_header(ca, request, header, &is_kid);
	if (why)
		return why;
	_cleanup_(freep) char *input = xasprintf("%s.%s", protected, payload);
	if (!verify(ca, input, json_view_string(jws, "signature")))
		return xstrdup("the signature does not verify");
	char *text = *payload ? decode(payload) : xstrdup("");
	if (!text)
		return xstrdup("the payload is not base64url");
	ret->is_kid = is_kid;
	ret->payload = text;
	return NULL;
}

bool replay_ca_check(struct replay_ca *ca, const struct replay_request *request,
	struct replay_signed *ret, char **ret_why)
{
	_cleanup_(json_view_unrefp) json_t *jws =
		request->body ? json_loads(request->body, 0, NULL) : NULL;

	if (!request->content_type ||
		strcmp(request->content_type, "application/jose+json") != 0)
		*ret_why = xstrdup("its content type is not application/jose+json");
	else
		*ret_why = check_parts(ca, request, jws, ret);
	return !*ret_why;
}

/* --- the word of a new key ------------------------------------------------------------- */

static bool is_key(const json_t *json, const char *member, const struct replay_ca *ca)
{
	_cleanup_(json_view_unrefp) json_t *wanted = json_loads(ca->jwk, 0, NULL);

	return json_equal(wanted, json_view_object(json, member));
}

static bool is_text(const json_t *json, const char *member, const char *wanted)
{
	const char *text = json_view_string(json, member);

	return text && strcmp(text, wanted) == 0;
}

static json_t *decode_json(const char *text)
{
	_cleanup_(freep) char *decoded = decode(text);

	return decoded ? json_loads(decoded, 0, NULL) : NULL;
}

char *replay_ca_check_key_change(const struct replay_ca *ca,
	const struct replay_ca *next, const char *url, const char *text)
{
	_cleanup_(json_view_unrefp) json_t *jws =
		text ? json_loads(text, 0, NULL) : NULL;
	const char *protected = json_view_string(jws, "protected");
	const char *payload = json_view_string(jws, "payload");
	_cleanup_(json_view_unrefp) json_t *header = decode_json(protected);
	_cleanup_(json_view_unrefp) json_t *inner = decode_json(payload);

	if (json_object_size(jws) != 3 || !header || !inner)
		return xstrdup("this is no flattened JWS");
	if (json_object_size(header) != 3 ||
		!is_text(header, "alg", next->signer.alg) ||
		!is_text(header, "url", url) || !is_key(header, "jwk", next))
		return xstrdup("the header is not alg, jwk and url, or not these");
	if (json_object_size(inner) != 2 ||
		!is_text(inner, "account", REPLAY_ACCOUNT) ||
		!is_key(inner, "oldKey", ca))
		return xstrdup("the payload is not account and oldKey, or not these");
	_cleanup_(freep) char *input = xasprintf("%s.%s", protected, payload);
	if (!verify(next, input, json_view_string(jws, "signature")))
		return xstrdup("the signature is not of the new key");
	return NULL;
}

/* --- certificates ------------------------------------------------------------------------ */

char *replay_ca_new_chain(const char *issuer_cn)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem = {};
	const uint8_t serial[] = { 1 };
	const time_t start = 1700000000;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
		GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
	gnutls_x509_crt_set_activation_time(crt, start);
	gnutls_x509_crt_set_expiration_time(crt, start + 86400);
	gnutls_x509_crt_set_key(crt, key);
	gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, issuer_cn,
		(unsigned)strlen(issuer_cn));
	gnutls_x509_crt_set_subject_alt_name(
		crt, GNUTLS_SAN_DNSNAME, "mail.example.org", 16, GNUTLS_FSAN_SET);
	assert(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) == 0);
	assert(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) == 0);
	char *text = xstrndup((const char *)pem.data, pem.size);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	return text;
}
