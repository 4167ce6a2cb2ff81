/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "pki/cert.h"
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

static int make(
	struct tls_context **ret, struct test_ca *ca, unsigned flags, struct err *err)
{
	const struct test_ca_leaf leaf = { .not_after = 2000000000, .flags = flags };
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(secret_freep) char *key_pem = NULL;

	test_ca_issue(ca, &leaf, &pem, &key_pem);
	return tls_context_new(ret, pem, key_pem, err);
}

static void test_getters(void **state)
{
	_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;
	gnutls_pcert_st *pcerts = NULL;
	gnutls_privkey_t key = NULL;
	uint8_t fingerprint[CERT_FINGERPRINT_BYTES];
	size_t len = sizeof(fingerprint);
	unsigned n = 0;

	assert_int_equal(make(&context, *state, TEST_CA_WITH_ROOT, NULL), 0);
	assert_false(tls_context_is_rsa(context));
	assert_true(tls_context_get_not_after(context) == 2000000000 * USEC_PER_SEC);
	tls_context_get_lists(context, &pcerts, &n, &key);
	assert_int_equal(n, 3);
	assert_non_null(key);
	assert_int_equal(gnutls_fingerprint(
				 GNUTLS_DIG_SHA256, &pcerts[0].cert, fingerprint, &len),
		0);
	assert_memory_equal(fingerprint, tls_context_get_fingerprint(context), len);
}

static void test_is_rsa(void **state)
{
	_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;

	assert_int_equal(make(&context, *state, TEST_CA_RSA, NULL), 0);
	assert_true(tls_context_is_rsa(context));
}

static void test_references(void **state)
{
	struct tls_context *context = NULL;

	assert_int_equal(make(&context, *state, 0, NULL), 0);
	assert_ptr_equal(tls_context_ref(context), context);
	assert_null(tls_context_unref(context));
	assert_false(tls_context_is_rsa(context));
	assert_null(tls_context_unref(context));
	assert_null(tls_context_unref(NULL));
}

static void test_wrong_key(void **state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct tls_context *context = NULL;

	assert_int_equal(make(&context, *state, TEST_CA_WRONG_KEY, &err), -EBADMSG);
	assert_null(context);
	_cleanup_(freep) char *text = err_format(&err);
	assert_string_equal(text, "the certificate is for another key");
}

static void test_no_chain_no_key(void **state)
{
	const struct test_ca_leaf leaf = { 0 };
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(secret_freep) char *key_pem = NULL;
	struct tls_context *context = NULL;

	test_ca_issue(*state, &leaf, &pem, &key_pem);
	assert_int_equal(tls_context_new(&context, "", key_pem, NULL), -EBADMSG);
	assert_int_equal(tls_context_new(&context, pem, "", NULL), -EBADMSG);
	assert_int_equal(tls_context_new(&context, key_pem, pem, NULL), -EBADMSG);
	assert_null(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_is_rsa),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_no_chain_no_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
