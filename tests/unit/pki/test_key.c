/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "pki/key.h"
#include "tests/lib/test.h"
#include "tests/unit/pki/test_keys.h"
#include "util/base64url.h"
#include "util/mem.h"

/* ECDSA's r and s lose an octet about once in 250 signatures. */
#define SIGNATURES 2000

static struct key *parse(const char *pem)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct key *key = NULL;

	assert_int_equal(key_parse_pem(&key, pem, strlen(pem), &err), 0);
	assert_false(err_is_set(&err));
	return key;
}

static void test_type_names(void **state)
{
	for (int i = 0; i < _KEY_TYPE_MAX; i++) {
		const char *name = key_type_name((enum key_type)i);
		test_case(name);
		assert_string_equal(name, key_type_names[i]);
		assert_int_equal(key_type_parse(name), i);
		assert_int_equal(key_type_is_rsa((enum key_type)i),
			strncmp(name, "rsa-", 4) == 0);
	}
	assert_null(key_type_names[_KEY_TYPE_MAX]);
	assert_int_equal(key_type_parse("rsa-1024"), -EINVAL);
	assert_int_equal(key_type_parse(""), -EINVAL);
	assert_int_equal(_KEY_TYPE_INVALID, -EINVAL);
}

static const struct {
	const char *name;
	const char *pem;
	enum key_type type;
	const char *alg;
	const char *jwk;
	const char *thumbprint;
} vectors[] = {
	{
		"RFC 7638 section 3.1",
		RSA_PEM,
		KEY_RSA_2048,
		"RS256",
		"{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQ"
		"mbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK"
		"RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4Qy"
		"Q5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5"
		"hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksIN"
		"HaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\"}",
		"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
	},
	{
		"RFC 7515 appendix A.3",
		EC_PEM,
		KEY_ECDSA_P256,
		"ES256",
		"{\"crv\":\"P-256\",\"kty\":\"EC\","
		"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
	},
	{
		"RFC 8037 appendix A.3",
		ED25519_PEM,
		KEY_ED25519,
		"EdDSA",
		"{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
		"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
	},
};

static void test_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		test_case(vectors[i].name);
		_cleanup_(key_freep) struct key *key = parse(vectors[i].pem);
		_cleanup_(freep) char *jwk = NULL;
		_cleanup_(freep) char *thumbprint = NULL;
		assert_int_equal(key_get_type(key), vectors[i].type);
		assert_string_equal(key_get_jws_alg(key), vectors[i].alg);
		assert_int_equal(key_format_jwk(key, &jwk, NULL), 0);
		assert_string_equal(jwk, vectors[i].jwk);
		assert_int_equal(key_format_thumbprint(key, &thumbprint, NULL), 0);
		assert_string_equal(thumbprint, vectors[i].thumbprint);
	}
}

/* RFC 8037 appendix A.4; Ed25519 signs the same way each time. */
static void test_ed25519_signature(void **state)
{
	static const char input[] =
		"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
	_cleanup_(key_freep) struct key *key = parse(ED25519_PEM);
	_cleanup_(freep) uint8_t *signature = NULL;
	size_t len = 0;

	assert_int_equal(
		key_sign_jws(key, input, strlen(input), &signature, &len, NULL), 0);
	_cleanup_(freep) char *text = base64url_format(signature, len);
	assert_string_equal(text,
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5"
		"BhVsPt9g7sVvpAr_MuM0KAg");
}

/* The octets of a JWS signature as GnuTLS wants them. */
static gnutls_datum_t unflatten(const uint8_t *signature, size_t len, bool is_ecdsa)
{
	gnutls_datum_t der = { 0 };
	gnutls_datum_t r = { (unsigned char *)signature, (unsigned)len / 2 };
	gnutls_datum_t s = { (unsigned char *)signature + len / 2, (unsigned)len / 2 };

	if (is_ecdsa) {
		assert_int_equal(gnutls_encode_rs_value(&der, &r, &s), 0);
		return der;
	}
	der.data = gnutls_malloc(len);
	der.size = (unsigned)len;
	memcpy(der.data, signature, len);
	return der;
}

static void verify(const struct key *key, gnutls_sign_algorithm_t algorithm,
	size_t want_len, unsigned n)
{
	const bool is_ecdsa =
		key_get_jws_alg(key)[1] == 'S' && key_get_jws_alg(key)[0] == 'E';
	gnutls_pubkey_t pubkey;

	assert_int_equal(gnutls_pubkey_init(&pubkey), 0);
	assert_int_equal(
		gnutls_pubkey_import_privkey(pubkey, key_get_privkey(key), 0, 0), 0);
	for (unsigned i = 0; i < n; i++) {
		_cleanup_(freep) uint8_t *signature = NULL;
		size_t len = 0;
		gnutls_datum_t data = { (unsigned char *)&i, sizeof(i) };
		assert_int_equal(
			key_sign_jws(key, &i, sizeof(i), &signature, &len, NULL), 0);
		assert_int_equal(len, want_len);
		gnutls_datum_t der = unflatten(signature, len, is_ecdsa);
		assert_true(gnutls_pubkey_verify_data2(
				    pubkey, algorithm, 0, &data, &der) >= 0);
		gnutls_free(der.data);
	}
	gnutls_pubkey_deinit(pubkey);
}

static const struct {
	enum key_type type;
	gnutls_sign_algorithm_t algorithm;
	size_t len;
	unsigned n;
} signers[] = {
	{ KEY_ECDSA_P256, GNUTLS_SIGN_ECDSA_SHA256, 64, SIGNATURES },
	{ KEY_ECDSA_P384, GNUTLS_SIGN_ECDSA_SHA384, 96, SIGNATURES / 10 },
	{ KEY_ED25519, GNUTLS_SIGN_EDDSA_ED25519, 64, 10 },
	{ KEY_RSA_2048, GNUTLS_SIGN_RSA_SHA256, 256, 10 },
};

/* Generate, sign, write, read back: still the same key. */
static void test_signatures(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(signers); i++) {
		_cleanup_(key_freep) struct key *key = NULL;
		_cleanup_(secret_freep) char *pem = NULL;
		_cleanup_(freep) char *before = NULL;
		_cleanup_(freep) char *after = NULL;
		test_case(key_type_name(signers[i].type));
		assert_int_equal(key_generate(&key, signers[i].type, NULL), 0);
		verify(key, signers[i].algorithm, signers[i].len, signers[i].n);
		assert_int_equal(key_format_pem(key, &pem, NULL), 0);
		assert_ptr_equal(strstr(pem, "-----BEGIN PRIVATE KEY-----"), pem);
		_cleanup_(key_freep) struct key *again = parse(pem);
		assert_int_equal(key_get_type(again), signers[i].type);
		assert_int_equal(key_format_thumbprint(key, &before, NULL), 0);
		assert_int_equal(key_format_thumbprint(again, &after, NULL), 0);
		assert_string_equal(before, after);
	}
}

/* Coordinates too lose octets: over many keys, each JWK has the full width. */
static void test_jwk_width(void **state)
{
	for (unsigned i = 0; i < 600; i++) {
		_cleanup_(key_freep) struct key *key = NULL;
		_cleanup_(freep) char *jwk = NULL;
		assert_int_equal(key_generate(&key, KEY_ECDSA_P256, NULL), 0);
		assert_int_equal(key_format_jwk(key, &jwk, NULL), 0);
		assert_int_equal(strlen(jwk),
			strlen("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"\",\"y\":\"\"}") +
				2 * 43);
	}
}

static const struct {
	const char *name;
	const char *pem;
	size_t len; /* 0: all of it */
	const char *problem;
} bad[] = {
	{ "empty", "", 0, "read private key" },
	{ "no PEM", "hello", 0, "read private key" },
	{ "encrypted", ENCRYPTED_PEM, 0, "the private key is encrypted" },
	{ "another curve", P521_PEM, 0, "of a kind that is not used here" },
	{ "NUL inside", "-----BEGIN\0PRIVATE KEY-----", 26, "NUL inside" },
	{ "cut off", RSA_PEM, 800, "read private key" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(err_done) struct err err = ERR_INIT;
		struct key *key = NULL;
		size_t len = bad[i].len ? bad[i].len : strlen(bad[i].pem);
		test_case(bad[i].name);
		assert_int_equal(key_parse_pem(&key, bad[i].pem, len, &err), -EBADMSG);
		assert_null(key);
		_cleanup_(freep) char *text = err_format(&err);
		assert_non_null(strstr(text, bad[i].problem));
	}
}

static void test_too_long(void **state)
{
	const size_t len = 1024 * 1024;
	_cleanup_(freep) char *pem = xcalloc(len, 1);
	struct key *key = NULL;

	memset(pem, 'A', len);
	assert_int_equal(key_parse_pem(&key, pem, len, NULL), -EBADMSG);
}

static void test_parameters_before_key(void **state)
{
	_cleanup_(key_freep) struct key *key = parse(EC_PARAMETERS_PEM);

	assert_int_equal(key_get_type(key), KEY_ECDSA_P256);
	assert_null(key_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_type_names),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_ed25519_signature),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_jwk_width),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_parameters_before_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
