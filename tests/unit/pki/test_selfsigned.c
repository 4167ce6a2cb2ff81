/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#include "pki/cert.h"
#include "pki/selfsigned.h"
#include "pki/tls_context.h"
#include "tests/lib/test.h"
#include "tests/lib/test_ca.h"
#include "util/mem.h"

#define OID               "1.3.6.1.5.5.7.1.31"
#define NAME              "mail.example.org"
#define KEY_AUTHORIZATION "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.thumb"

static struct cert_chain *parse(const char *pem)
{
	struct cert_chain *chain = NULL;

	assert_int_equal(cert_chain_parse_pem(&chain, pem, strlen(pem), NULL), 0);
	assert_int_equal(cert_chain_get_length(chain), 1);
	return chain;
}

static void check_placeholder(const char *name, const char *want)
{
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(secret_freep) char *key_pem = NULL;
	_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;
	usec_t now = (usec_t)time(NULL) * USEC_PER_SEC;

	assert_int_equal(selfsigned_generate(name, &pem, &key_pem, NULL), 0);
	_cleanup_(cert_chain_freep) struct cert_chain *chain = parse(pem);
	assert_string_equal(cert_chain_get_names(chain)[0], want);
	assert_null(cert_chain_get_names(chain)[1]);
	assert_true(cert_chain_get_not_before(chain) < now);
	assert_true(cert_chain_get_not_after(chain) > now + 10000 * USEC_PER_DAY);
	/* It can be served. */
	assert_int_equal(tls_context_new(&context, pem, key_pem, NULL), 0);
	assert_int_equal(tls_context_rehearse(context, TLS_VERSION_13, want, NULL), 0);
}

static void test_placeholder(void **state)
{
	check_placeholder(NULL, "postseal.invalid");
	check_placeholder(NAME, NAME);
}

static void test_bad_name(void **state)
{
	static const char *const bad[] = { "", "*.example.org", "192.0.2.1", "a b",
		"Mail.example.org" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *pem = NULL, *key_pem = NULL;
		test_case(bad[i]);
		assert_int_equal(
			selfsigned_generate_alpn(bad[i], "x", &pem, &key_pem, NULL),
			-EINVAL);
		assert_null(pem);
		assert_null(key_pem);
	}
}

static void check_extension(gnutls_x509_crt_t crt)
{
	uint8_t der[64], hash[32];
	size_t len = sizeof(der);
	unsigned critical = 0;

	assert_int_equal(
		gnutls_x509_crt_get_extension_by_oid(crt, OID, 0, der, &len, &critical),
		0);
	assert_int_equal(critical, 1);
	assert_int_equal(len, 34);
	assert_memory_equal(der, "\x04\x20", 2);
	gnutls_hash_fast(
		GNUTLS_DIG_SHA256, KEY_AUTHORIZATION, strlen(KEY_AUTHORIZATION), hash);
	assert_memory_equal(der + 2, hash, sizeof(hash));
}

static void test_alpn(void **state)
{
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(secret_freep) char *key_pem = NULL;
	_cleanup_(key_freep) struct key *key = NULL;
	char dn[256];
	size_t len = sizeof(dn);

	assert_int_equal(
		selfsigned_generate_alpn(NAME, KEY_AUTHORIZATION, &pem, &key_pem, NULL),
		0);
	_cleanup_(cert_chain_freep) struct cert_chain *chain = parse(pem);
	gnutls_x509_crt_t crt = cert_chain_get_crt(chain, 0);
	check_extension(crt);
	assert_string_equal(cert_chain_get_names(chain)[0], NAME);
	assert_null(cert_chain_get_names(chain)[1]);
	assert_int_equal(gnutls_x509_crt_get_dn_by_oid(
				 crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, dn, &len),
		GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
	assert_true(gnutls_x509_crt_check_issuer(crt, crt));
	assert_int_equal(key_parse_pem(&key, key_pem, strlen(key_pem), NULL), 0);
}

/* A name longer than a CN may be. */
static void test_alpn_long_name(void **state)
{
	static const char name[] =
		"a123456789-123456789-123456789-123456789-123456789.b123456789-"
		"123456789-123456789-123456789.example.org";
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(secret_freep) char *key_pem = NULL;

	assert_int_equal(
		selfsigned_generate_alpn(name, KEY_AUTHORIZATION, &pem, &key_pem, NULL),
		0);
	_cleanup_(cert_chain_freep) struct cert_chain *chain = parse(pem);
	assert_string_equal(cert_chain_get_names(chain)[0], name);
}

static gnutls_datum_t to_der(const char *pem)
{
	_cleanup_(cert_chain_freep) struct cert_chain *chain = parse(pem);
	gnutls_datum_t der = { 0 };

	assert_int_equal(gnutls_x509_crt_export2(cert_chain_get_crt(chain, 0),
				 GNUTLS_X509_FMT_DER, &der),
		0);
	return der;
}

static void test_is_answer(void **state)
{
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(secret_freep) char *key_pem = NULL;

	assert_int_equal(
		selfsigned_generate_alpn(NAME, KEY_AUTHORIZATION, &pem, &key_pem, NULL),
		0);
	gnutls_datum_t der = to_der(pem);
	assert_true(
		selfsigned_is_alpn_answer(der.data, der.size, NAME, KEY_AUTHORIZATION));
	assert_false(selfsigned_is_alpn_answer(der.data, der.size, NAME, "other"));
	assert_false(selfsigned_is_alpn_answer(
		der.data, der.size, "imap.example.org", KEY_AUTHORIZATION));
	assert_false(selfsigned_is_alpn_answer(
		der.data, der.size, "mail.example.or", KEY_AUTHORIZATION));
	for (unsigned cut = 0; cut < der.size; cut++)
		assert_false(selfsigned_is_alpn_answer(
			der.data, cut, NAME, KEY_AUTHORIZATION));
	gnutls_free(der.data);
}

/* An ordinary certificate of the same name, or of more names. */
static void test_is_no_answer(void **state)
{
	static char *const names[] = { (char *)NAME, (char *)"b.example.org", NULL };
	_cleanup_(test_ca_freep) struct test_ca *ca = test_ca_new();
	const struct test_ca_leaf leaves[] = {
		{ .flags = TEST_CA_SELF_SIGNED },
		{ .flags = TEST_CA_SELF_SIGNED | TEST_CA_NO_NAMES },
		{ .flags = TEST_CA_SELF_SIGNED, .names = names },
	};

	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		_cleanup_(freep) char *pem = NULL;
		test_ca_issue(ca, &leaves[i], &pem, NULL);
		gnutls_datum_t der = to_der(pem);
		assert_false(selfsigned_is_alpn_answer(
			der.data, der.size, NAME, KEY_AUTHORIZATION));
		gnutls_free(der.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_placeholder),
		cmocka_unit_test(test_bad_name),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_alpn_long_name),
		cmocka_unit_test(test_is_answer),
		cmocka_unit_test(test_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
