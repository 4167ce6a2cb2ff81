/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The JSON of a JWS. Nonce, URL and kid come from the CA, so they are put in by jansson,
 * which escapes them and refuses what is not UTF-8. This is the only file of the room
 * that uses jansson: a front worker links the others.
 */
#include "pki/jws.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <jansson.h>
#include <string.h>

#include "pki/pki_priv.h"
#include "util/base64url.h"
#include "util/json_view.h"
#include "util/mem.h"

#define HS256_BYTES 32

static int set_string(json_t *obj, const char *key, const char *value, struct err *err)
{
	if (json_object_set_new(obj, key, json_string(value)) < 0)
		return err_set(err, -EINVAL, "%s is not UTF-8", key);
	return 0;
}

static int set_jwk(json_t *obj, const char *jwk, struct err *err)
{
	json_t *parsed = NULL;
	int r = json_view_parse(&parsed, jwk, strlen(jwk), err);

	if (r < 0)
		return err_wrap(err, r, "jwk");
	json_object_set_new(obj, "jwk", parsed);
	return 0;
}

/* RFC 8555 section 6.2 lists the members. */
static int format_protected(
	const struct jws_params *params, char **ret, struct err *err)
{
	_cleanup_(json_view_unrefp) json_t *obj = json_object();

	int r = set_string(obj, "alg", params->alg, err);
	if (r == 0)
		r = params->jwk ? set_jwk(obj, params->jwk, err)
				: set_string(obj, "kid", params->kid, err);
	if (r == 0 && params->nonce)
		r = set_string(obj, "nonce", params->nonce, err);
	if (r == 0)
		r = set_string(obj, "url", params->url, err);
	if (r < 0)
		return r;
	*ret = json_view_format(obj);
	return 0;
}

int jws_input(const struct jws_params *params, char **ret, struct err *err)
{
	_cleanup_(freep) char *protected = NULL;

	assert(!params->jwk != !params->kid);
	int r = format_protected(params, &protected, err);
	if (r < 0)
		return err_wrap(err, r, "JWS header");
	_cleanup_(freep) char *head = base64url_format(protected, strlen(protected));
	_cleanup_(freep) char *payload =
		base64url_format(params->payload, strlen(params->payload));
	*ret = xasprintf("%s.%s", head, payload);
	return 0;
}

int jws_format(const char *input, const uint8_t *signature, size_t len, char **ret,
	struct err *err)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n_head = strspn(input, alphabet);
	const char *payload = input + n_head + 1;

	/* Only such text may go between quotes unescaped. */
	if (n_head == 0 || input[n_head] != '.' ||
		payload[strspn(payload, alphabet)] != '\0')
		return err_set(err, -EINVAL, "not the input of a JWS");
	_cleanup_(freep) char *text = base64url_format(signature, len);
	*ret = xasprintf(
		"{\"protected\":\"%.*s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
		(int)n_head, input, payload, text);
	return 0;
}

/* CAs hand these keys out with and without padding. */
static int parse_mac_key(const char *text, gnutls_datum_t *ret, struct err *err)
{
	_cleanup_(secret_freep) char *stripped = xstrdup(text);
	uint8_t *data = NULL;
	size_t len = strlen(stripped);

	while (len > 0 && stripped[len - 1] == '=')
		stripped[--len] = '\0';
	/* Its own complaint would tell where in the secret the fault is. */
	int r = base64url_parse(stripped, &data, &len, NULL);
	if (r < 0 || len == 0) {
		free(data);
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"the key of the external account binding is not base64url");
	}
	ret->data = data;
	ret->size = (unsigned)len;
	return 0;
}

static void mac_key_done(gnutls_datum_t *key)
{
	if (key->data)
		explicit_bzero(key->data, key->size);
	free(key->data);
}

int jws_format_eab(const char *kid, const char *hmac_base64url, const char *url,
	const char *jwk, char **ret, struct err *err)
{
	const struct jws_params params = {
		.alg = "HS256",
		.kid = kid,
		.url = url,
		.payload = jwk,
	};
	_cleanup_(mac_key_done) gnutls_datum_t key = { 0 };
	_cleanup_(freep) char *input = NULL;
	uint8_t mac[HS256_BYTES];

	int r = parse_mac_key(hmac_base64url, &key, err);
	if (r < 0)
		return r;
	r = jws_input(&params, &input, err);
	if (r < 0)
		return err_wrap(err, r, "external account binding");
	r = gnutls_hmac_fast(
		GNUTLS_MAC_SHA256, key.data, key.size, input, strlen(input), mac);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "HMAC");
	return jws_format(input, mac, sizeof(mac), ret, err);
}
