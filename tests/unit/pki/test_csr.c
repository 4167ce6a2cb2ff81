/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <gnutls/x509.h>
#include <string.h>

#include "pki/csr.h"
#include "tests/lib/test.h"
#include "util/mem.h"

static char *const names[] = { (char *)"example.org", (char *)"*.example.org",
	(char *)"mail.example.org", NULL };

static void check_names(gnutls_x509_crq_t crq)
{
	for (unsigned i = 0;; i++) {
		char name[256];
		size_t len = sizeof(name);
		unsigned critical = 0;
		int r = gnutls_x509_crq_get_subject_alt_name(
			crq, i, name, &len, NULL, &critical);
		if (!names[i]) {
			assert_int_equal(r, GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
			return;
		}
		assert_int_equal(r, GNUTLS_SAN_DNSNAME);
		assert_int_equal(len, strlen(names[i]));
		assert_memory_equal(name, names[i], len);
	}
}

static void check_request(const struct key *key)
{
	_cleanup_(freep) uint8_t *der = NULL;
	size_t len = 0;
	gnutls_x509_crq_t crq;
	gnutls_datum_t dn = { 0 };
	uint8_t of_crq[32], of_key[32];
	size_t crq_len = sizeof(of_crq), key_len = sizeof(of_key);

	assert_int_equal(csr_generate(key, names, &der, &len, NULL), 0);
	gnutls_datum_t datum = { der, (unsigned)len };
	assert_int_equal(gnutls_x509_crq_init(&crq), 0);
	assert_int_equal(gnutls_x509_crq_import(crq, &datum, GNUTLS_X509_FMT_DER), 0);
	assert_int_equal(gnutls_x509_crq_verify(crq, 0), 0);
	assert_int_equal(gnutls_x509_crq_get_version(crq), 1);
	check_names(crq);
	/* No subject, so no CN. */
	assert_true(gnutls_x509_crq_get_dn3(crq, &dn, 0) < 0 || dn.size == 0);
	gnutls_free(dn.data);
	assert_int_equal(gnutls_x509_crq_get_key_id(
				 crq, GNUTLS_KEYID_USE_SHA256, of_crq, &crq_len),
		0);
	assert_int_equal(gnutls_x509_privkey_get_key_id(key_get_x509(key),
				 GNUTLS_KEYID_USE_SHA256, of_key, &key_len),
		0);
	assert_memory_equal(of_crq, of_key, sizeof(of_crq));
	gnutls_x509_crq_deinit(crq);
}

static void test_each_type(void **state)
{
	static const enum key_type types[] = { KEY_ECDSA_P256, KEY_ECDSA_P384,
		KEY_ED25519, KEY_RSA_2048 };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_cleanup_(key_freep) struct key *key = NULL;
		test_case(key_type_name(types[i]));
		assert_int_equal(key_generate(&key, types[i], NULL), 0);
		check_request(key);
	}
}

static void test_bad_names(void **state)
{
	static char *const bad[][2] = {
		{ NULL },
		{ (char *)"", NULL },
		{ (char *)"Example.org", NULL },
		{ (char *)"b\xc3\xbc"
			  "cher.example",
			NULL },
		{ (char *)"192.0.2.1", NULL },
		{ (char *)"a.*.example.org", NULL },
	};
	_cleanup_(key_freep) struct key *key = NULL;

	assert_int_equal(key_generate(&key, KEY_ECDSA_P256, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(err_done) struct err err = ERR_INIT;
		uint8_t *der = NULL;
		size_t len;
		test_case(bad[i][0] ? bad[i][0] : "none");
		assert_int_equal(csr_generate(key, bad[i], &der, &len, &err), -EINVAL);
		assert_true(err_is_set(&err));
		assert_null(der);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type),
		cmocka_unit_test(test_bad_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
