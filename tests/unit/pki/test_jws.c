/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "pki/jws.h"
#include "pki/key.h"
#include "tests/lib/test.h"
#include "tests/unit/pki/test_keys.h"
#include "util/base64url.h"
#include "util/json_view.h"
#include "util/mem.h"

#define ACCOUNT_URL "https://ca.test/acct/1"
#define ORDER_URL   "https://ca.test/order"

/* The text behind a base64url member of a JWS. */
static char *decode(const json_t *jws, const char *member)
{
	_cleanup_(freep) uint8_t *data = NULL;
	size_t len = 0;

	assert_non_null(json_view_string(jws, member));
	assert_int_equal(
		base64url_parse(json_view_string(jws, member), &data, &len, NULL), 0);
	return xstrndup((const char *)data, len);
}

static json_t *parse(const char *text)
{
	json_t *json = NULL;

	assert_int_equal(json_view_parse(&json, text, strlen(text), NULL), 0);
	return json;
}

static void test_kid(void **state)
{
	const struct jws_params params = {
		.alg = "ES256",
		.kid = ACCOUNT_URL,
		.nonce = "a\"b",
		.url = ORDER_URL,
		.payload = "{\"identifiers\":[]}",
	};
	_cleanup_(freep) char *input = NULL;
	_cleanup_(freep) char *text = NULL;

	assert_int_equal(jws_input(&params, &input, NULL), 0);
	assert_int_equal(jws_format(input, (const uint8_t *)"sig", 3, &text, NULL), 0);
	_cleanup_(json_view_unrefp) json_t *jws = parse(text);
	assert_int_equal(json_object_size(jws), 3);
	_cleanup_(freep) char *head = decode(jws, "protected");
	assert_string_equal(head, "{\"alg\":\"ES256\",\"kid\":\"" ACCOUNT_URL
				  "\",\"nonce\":\"a\\\"b\",\"url\":\"" ORDER_URL "\"}");
	_cleanup_(freep) char *payload = decode(jws, "payload");
	assert_string_equal(payload, params.payload);
	_cleanup_(freep) char *signature = decode(jws, "signature");
	assert_string_equal(signature, "sig");
	/* What is signed is what is sent. */
	_cleanup_(freep) char *joined = xasprintf("%s.%s",
		json_view_string(jws, "protected"), json_view_string(jws, "payload"));
	assert_string_equal(joined, input);
}

static void test_jwk(void **state)
{
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(freep) char *jwk = NULL;
	_cleanup_(freep) char *input = NULL;
	_cleanup_(freep) uint8_t *head = NULL;
	size_t len = 0;

	assert_int_equal(key_parse_pem(&key, EC_PEM, strlen(EC_PEM), NULL), 0);
	assert_int_equal(key_format_jwk(key, &jwk, NULL), 0);
	const struct jws_params params = {
		.alg = key_get_jws_alg(key),
		.jwk = jwk,
		.url = ORDER_URL,
		.payload = "",
	};
	assert_int_equal(jws_input(&params, &input, NULL), 0);
	char *dot = strchr(input, '.');
	/* POST-as-GET: the payload is empty, not {}. */
	assert_string_equal(dot, ".");
	*dot = '\0';
	assert_int_equal(base64url_parse(input, &head, &len, NULL), 0);
	_cleanup_(json_view_unrefp) json_t *obj = NULL;
	assert_int_equal(json_view_parse(&obj, (char *)head, len, NULL), 0);
	assert_null(json_object_get(obj, "kid"));
	assert_null(json_object_get(obj, "nonce"));
	assert_string_equal(
		json_view_string(json_view_object(obj, "jwk"), "crv"), "P-256");
}

static void test_not_utf8(void **state)
{
	const struct jws_params params = {
		.alg = "ES256",
		.kid = ACCOUNT_URL,
		.nonce = "\xff\xfe",
		.url = ORDER_URL,
		.payload = "",
	};
	_cleanup_(err_done) struct err err = ERR_INIT;
	char *input = NULL;

	assert_int_equal(jws_input(&params, &input, &err), -EINVAL);
	assert_null(input);
	_cleanup_(freep) char *text = err_format(&err);
	assert_string_equal(text, "JWS header: nonce is not UTF-8");
}

static void test_bad_input(void **state)
{
	static const char *const bad[] = { "", ".", "abc", ".abc", "a\"b.c", "a.b.c",
		"a.b\"" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *text = NULL;
		test_case(bad[i]);
		assert_int_equal(
			jws_format(bad[i], (const uint8_t *)"s", 1, &text, NULL),
			-EINVAL);
		assert_null(text);
	}
}

static void check_mac(const json_t *jws, const char *key, size_t key_len)
{
	_cleanup_(freep) char *input = xasprintf("%s.%s",
		json_view_string(jws, "protected"), json_view_string(jws, "payload"));
	uint8_t mac[32];

	assert_int_equal(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, key_len, input,
				 strlen(input), mac),
		0);
	_cleanup_(freep) char *text = base64url_format(mac, sizeof(mac));
	assert_string_equal(json_view_string(jws, "signature"), text);
}

static void test_eab(void **state)
{
	/* "secret-mac-key", with the padding that some CAs add, and without. */
	static const char *const keys[] = { "c2VjcmV0LW1hYy1rZXk=",
		"c2VjcmV0LW1hYy1rZXk" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_(freep) char *text = NULL;
		test_case(keys[i]);
		assert_int_equal(
			jws_format_eab("kid-1", keys[i], "https://ca.test/new-acct",
				"{\"kty\":\"EC\"}", &text, NULL),
			0);
		_cleanup_(json_view_unrefp) json_t *jws = parse(text);
		check_mac(jws, "secret-mac-key", 14);
		_cleanup_(freep) char *head = decode(jws, "protected");
		assert_string_equal(head, "{\"alg\":\"HS256\",\"kid\":\"kid-1\","
					  "\"url\":\"https://ca.test/new-acct\"}");
		_cleanup_(freep) char *payload = decode(jws, "payload");
		assert_string_equal(payload, "{\"kty\":\"EC\"}");
	}
}

static void test_eab_bad_key(void **state)
{
	static const char *const bad[] = { "", "=", "not base64", "ab+/" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(err_done) struct err err = ERR_INIT;
		char *text = NULL;
		test_case(bad[i]);
		assert_int_equal(jws_format_eab("kid", bad[i], "https://ca.test/", "{}",
					 &text, &err),
			-EINVAL);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_null(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kid),
		cmocka_unit_test(test_jwk),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_eab),
		cmocka_unit_test(test_eab_bad_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
