/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pki/seal.h"
#include "tests/lib/test.h"
#include "util/mem.h"

#define PASSPHRASE "correct horse b\xc3\xa4ttery"

/* What `openssl pkcs8 -topk8 -v2 aes-256-cbc` writes, with the passphrase
 * "correct horse". */
static const char from_openssl[] =
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	"MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhWJBmdNq5jtgICCAAw\n"
	"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEHqkYu+GDhAxX6a4ugdXqVcEgZB2\n"
	"5PkfeoUL/HFKXI1tlqDxCGgZ3+TYoWleLFcsyTyeUtEwRaVjt25lwjkwSxreUy7F\n"
	"5eqYJwvB6i18NYopf+mgFnmuEAwMTzkC+OswJbA358ZhwnHfnk60T0dPKb98Rs5k\n"
	"6prWbb1msiSV31QPjEJvwpOwTe9LrrALUnz6qaI9Ohf/EjTnI6kya/5FguqBjjg=\n"
	"-----END ENCRYPTED PRIVATE KEY-----\n";

static char *seal_new(enum key_type type, struct key **ret_key)
{
	char *pem = NULL;

	assert_int_equal(key_generate(ret_key, type, NULL), 0);
	assert_int_equal(seal_close(*ret_key, PASSPHRASE, &pem, NULL), 0);
	return pem;
}

static void test_round_trip(void **state)
{
	static const enum key_type types[] = { KEY_ECDSA_P256, KEY_ECDSA_P384,
		KEY_RSA_2048, KEY_ED25519 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_cleanup_(key_freep) struct key *key = NULL, *opened = NULL;
		_cleanup_(freep) char *pem = seal_new(types[i], &key);
		_cleanup_(freep) char *text = xasprintf("Some: header\n\n%s", pem);
		_cleanup_(freep) char *was = NULL, *is = NULL;

		assert_int_equal(
			seal_open(&opened, text, strlen(text), PASSPHRASE, NULL), 0);
		assert_int_equal(key_format_thumbprint(key, &was, NULL), 0);
		assert_int_equal(key_format_thumbprint(opened, &is, NULL), 0);
		assert_string_equal(was, is);
	}
}

static void test_from_openssl(void **state)
{
	_cleanup_(key_freep) struct key *key = NULL;

	(void)state;
	assert_int_equal(seal_open(&key, from_openssl, strlen(from_openssl),
				 "correct horse", NULL),
		0);
	assert_int_equal(key_get_type(key), KEY_ECDSA_P256);
}

static void test_passphrases(void **state)
{
	static const char *const wrong[] = { "", "correct horse", PASSPHRASE " " };
	_cleanup_(key_freep) struct key *key = NULL, *opened = NULL;
	_cleanup_(freep) char *pem = seal_new(KEY_ECDSA_P256, &key);
	char *again = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(
			seal_open(&opened, pem, strlen(pem), wrong[i], NULL), -EACCES);
	assert_null(opened);
	assert_int_equal(seal_close(key, "short", &again, NULL), -EINVAL);
	assert_null(again);
}

/* Each octet of the frame and of the sealed part changed, and each end cut off: an error,
 * never a key of another kind. */
static void test_damage(void **state)
{
	const size_t len = strlen(from_openssl);

	(void)state;
	for (size_t i = 38; i < len - 40; i += 3) {
		_cleanup_(freep) char *bad = xstrdup(from_openssl);
		_cleanup_(key_freep) struct key *key = NULL;

		bad[i] = '*';
		assert_true(seal_open(&key, bad, len, "correct horse", NULL) < 0);
	}
	for (size_t i = 0; i < len - 30; i += 7) {
		_cleanup_(key_freep) struct key *key = NULL;
		assert_true(
			seal_open(&key, from_openssl, i, "correct horse", NULL) < 0);
	}
}

static void test_hostile(void **state)
{
	static const char many_rounds[] =
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
		"MIHuMFkGCSqGSIb3DQEFDTBMMCsGCSqGSIb3DQEFDDAeBAgr9nZBPWEJJAIEAP//\n"
		"/zAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQhxFq0EYcDk+SOi7AgJccbASB\n"
		"kOAB2r65W9pYZm5/8xiuhpZkjBRzO68iGTjhXFnBPQZPEJmBINMEP17SizD33Zt7\n"
		"Q0sPT8Ccsp6/5CETE1H15FQHXexh1SauqkvK9NGfYVX20uSQ8l2vBFEuUcmo1A1S\n"
		"GOKWwaJ3WMDHdXHbp37x+8SLeR/gKA3+6emmBiSgkOkl2SyLFIMuzisMxwF+CBXy\n"
		"sA==\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n";
	_cleanup_(freep) char *huge = xcalloc(1, SEAL_BYTES_MAX + 2);
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(freep) char *plain = NULL;

	(void)state;
	memset(huge, 'x', SEAL_BYTES_MAX + 1);
	assert_int_equal(
		seal_open(&key, huge, SEAL_BYTES_MAX + 1, "correct horse", NULL),
		-EBADMSG);
	assert_int_equal(seal_open(&key, "", 0, "correct horse", NULL), -EBADMSG);
	assert_int_equal(seal_open(&key, "a\0b", 3, "correct horse", NULL), -EBADMSG);
	assert_int_equal(seal_open(&key, many_rounds, strlen(many_rounds),
				 "correct horse", NULL),
		-EBADMSG);
	assert_int_equal(key_generate(&key, KEY_ED25519, NULL), 0);
	assert_int_equal(key_format_pem(key, &plain, NULL), 0);
	struct key *opened = NULL;
	assert_int_equal(
		seal_open(&opened, plain, strlen(plain), "correct horse", NULL),
		-EBADMSG);
	assert_null(opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_from_openssl),
		cmocka_unit_test(test_passphrases),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
