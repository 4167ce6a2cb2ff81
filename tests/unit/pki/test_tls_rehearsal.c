/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <gnutls/x509.h>
#include <string.h>

#include "pki/key.h"
#include "pki/tls_context.h"
#include "tests/lib/test.h"
#include "tests/lib/test_ca.h"
#include "util/mem.h"

static int setup(void **state)
{
	*state = test_ca_new();
	return 0;
}

static int teardown(void **state)
{
	test_ca_free(*state);
	return 0;
}

static const struct {
	const char *name;
	unsigned flags;
	enum key_type type;
	const char *server_name;
} good[] = {
	{ "ECDSA P-256", 0, KEY_ECDSA_P256, "mail.example.org" },
	{ "ECDSA P-384", 0, KEY_ECDSA_P384, "mail.example.org" },
	{ "RSA 2048", 0, KEY_RSA_2048, "mail.example.org" },
	{ "Ed25519", 0, KEY_ED25519, "mail.example.org" },
	{ "wildcard", 0, KEY_ECDSA_P256, "*.example.org" },
	{ "no name", 0, KEY_ECDSA_P256, NULL },
	{ "self-signed", TEST_CA_SELF_SIGNED, KEY_ECDSA_P256, "mail.example.org" },
	{ "with root", TEST_CA_WITH_ROOT, KEY_ECDSA_P256, "mail.example.org" },
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_(err_done) struct err err = ERR_INIT;
		_cleanup_(key_freep) struct key *key = NULL;
		_cleanup_(secret_freep) char *key_pem = NULL;
		_cleanup_(freep) char *pem = NULL;
		_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;
		test_case(good[i].name);
		assert_int_equal(key_generate(&key, good[i].type, NULL), 0);
		assert_int_equal(key_format_pem(key, &key_pem, NULL), 0);
		const struct test_ca_leaf leaf = {
			.key_pem = key_pem,
			.flags = good[i].flags,
		};
		test_ca_issue(*state, &leaf, &pem, NULL);
		assert_int_equal(tls_context_new(&context, pem, key_pem, NULL), 0);
		int r = tls_context_rehearse(
			context, TLS_VERSION_13, good[i].server_name, &err);
		if (r == 0)
			r = tls_context_rehearse(
				context, TLS_VERSION_12, good[i].server_name, &err);
		_cleanup_(freep) char *text = err_format(&err);
		assert_string_equal(text, "no error");
		assert_int_equal(r, 0);
	}
}

/* The public half of one key with the private half of another: no look at it tells,
 * since the certificate does fit the public half. */
static char *format_mixed_key(const char *pem)
{
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(key_freep) struct key *other = NULL;
	gnutls_x509_privkey_t mixed;
	gnutls_ecc_curve_t curve;
	gnutls_datum_t x, y, k, other_x, other_y, other_k, out = { 0 };

	assert_int_equal(key_parse_pem(&key, pem, strlen(pem), NULL), 0);
	assert_int_equal(key_generate(&other, KEY_ECDSA_P256, NULL), 0);
	assert_int_equal(gnutls_x509_privkey_export_ecc_raw(
				 key_get_x509(key), &curve, &x, &y, &k),
		0);
	assert_int_equal(gnutls_x509_privkey_export_ecc_raw(key_get_x509(other), &curve,
				 &other_x, &other_y, &other_k),
		0);
	gnutls_x509_privkey_init(&mixed);
	assert_int_equal(
		gnutls_x509_privkey_import_ecc_raw(mixed, curve, &x, &y, &other_k), 0);
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(mixed, GNUTLS_X509_FMT_PEM,
				 NULL, GNUTLS_PKCS_PLAIN, &out),
		0);
	char *text = xstrndup((const char *)out.data, out.size);
	gnutls_x509_privkey_deinit(mixed);
	gnutls_datum_t *const all[] = { &x, &y, &k, &other_x, &other_y, &other_k,
		&out };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		gnutls_free(all[i]->data);
	return text;
}

static void expect_client_refuses(
	struct tls_context *context, enum tls_version version, const char *start)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	assert_int_equal(
		tls_context_rehearse(context, version, "mail.example.org", &err),
		-EPROTO);
	_cleanup_(freep) char *text = err_format(&err);
	assert_ptr_equal(strstr(text, start), text);
}

static void test_mixed_key(void **state)
{
	const struct test_ca_leaf leaf = { 0 };
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(secret_freep) char *key_pem = NULL;
	_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;

	test_ca_issue(*state, &leaf, &pem, &key_pem);
	_cleanup_(secret_freep) char *mixed_pem = format_mixed_key(key_pem);
	assert_int_equal(tls_context_new(&context, pem, mixed_pem, NULL), 0);
	expect_client_refuses(
		context, TLS_VERSION_13, "rehearsal of a TLS 1.3 handshake: client: ");
	expect_client_refuses(
		context, TLS_VERSION_12, "rehearsal of a TLS 1.2 handshake: client: ");
}

/* A session without a context gets no certificate, and breaks nothing. */
static void test_no_context(void **state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	assert_int_equal(
		tls_context_rehearse(NULL, TLS_VERSION_13, "mail.example.org", &err),
		-EPROTO);
	assert_true(err_is_set(&err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_mixed_key),
		cmocka_unit_test(test_no_context),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
