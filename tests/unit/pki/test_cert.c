/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "pki/cert.h"
#include "pki/cert_priv.h"
#include "tests/lib/test.h"
#include "tests/lib/test_ca.h"
#include "tests/unit/pki/test_keys.h"
#include "util/buf.h"
#include "util/mem.h"

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END   "-----END CERTIFICATE-----\n"

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

static char *issue(struct test_ca *ca, unsigned flags)
{
	const struct test_ca_leaf leaf = { .flags = flags };
	char *pem = NULL;

	test_ca_issue(ca, &leaf, &pem, NULL);
	return pem;
}

/* Parses from a block of exactly that length, so that reading beyond it is noticed. */
static int parse(struct cert_chain **ret, const char *pem, size_t len, struct err *err)
{
	_cleanup_(freep) char *copy = malloc(len ? len : 1);

	memcpy(copy, pem, len);
	return cert_chain_parse_pem(ret, copy, len, err);
}

static void test_read(void **state)
{
	static char *const names[] = { (char *)"MAIL.Example.org",
		(char *)"*.example.org", NULL };
	static const uint8_t serial[] = { 0x00, 0x87, 0x65, 0x43, 0x21 };
	const struct test_ca_leaf leaf = {
		.names = names,
		.not_before = 1700000000,
		.not_after = 1800000000,
		.serial = serial,
		.serial_len = sizeof(serial),
		.flags = TEST_CA_WITH_ROOT | TEST_CA_STRANGE_NAMES,
	};
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	uint8_t fingerprint[CERT_FINGERPRINT_BYTES];
	size_t len = sizeof(fingerprint);

	test_ca_issue(*state, &leaf, &pem, NULL);
	assert_int_equal(parse(&chain, pem, strlen(pem), NULL), 0);
	assert_int_equal(cert_chain_get_length(chain), 3);
	assert_true(cert_chain_get_not_before(chain) == 1700000000 * USEC_PER_SEC);
	assert_true(cert_chain_get_not_after(chain) == 1800000000 * USEC_PER_SEC);
	assert_int_equal(strv_length(cert_chain_get_names(chain)), 2);
	assert_string_equal(cert_chain_get_names(chain)[0], "mail.example.org");
	assert_string_equal(cert_chain_get_names(chain)[1], "*.example.org");
	assert_string_equal(cert_chain_get_serial(chain), "0087654321");
	assert_non_null(strstr(cert_chain_get_issuer(chain), "CN=Test Intermediate"));
	assert_int_equal(gnutls_x509_crt_get_fingerprint(cert_chain_get_crt(chain, 0),
				 GNUTLS_DIG_SHA256, fingerprint, &len),
		0);
	assert_memory_equal(
		fingerprint, cert_chain_get_fingerprint(chain), sizeof(fingerprint));
}

static void test_no_names(void **state)
{
	_cleanup_(freep) char *pem = issue(*state, TEST_CA_NO_NAMES);
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;

	assert_int_equal(parse(&chain, pem, strlen(pem), NULL), 0);
	assert_non_null(cert_chain_get_names(chain));
	assert_null(cert_chain_get_names(chain)[0]);
}

static void test_write(void **state)
{
	_cleanup_(freep) char *pem = issue(*state, TEST_CA_WITH_ROOT);
	_cleanup_(freep) char *again = NULL;
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;

	assert_int_equal(parse(&chain, pem, strlen(pem), NULL), 0);
	assert_int_equal(cert_chain_format_pem(chain, &again, NULL), 0);
	assert_string_equal(again, pem);
}

/* CRLF, blank lines, no newline at the end: all of that is seen in the wild. */
static void test_white_space(void **state)
{
	_cleanup_(freep) char *pem = issue(*state, 0);
	_cleanup_(buf_done) struct buf buf = BUF_INIT(65536);
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;

	buf_append_str(&buf, "\r\n\t\n");
	for (const char *p = pem; *p; p++)
		buf_append_str(&buf, *p == '\n' ? "\r\n" : (char[]){ *p, '\0' });
	assert_int_equal(parse(&chain, buf.data, buf.len - 2, NULL), 0);
	assert_int_equal(cert_chain_get_length(chain), 2);
}

/* Around a good chain. */
static const struct {
	const char *name;
	const char *before;
	const char *after;
	const char *problem;
} bad[] = {
	{ "text before", "subject=/CN=x\n", "", "no certificate is among" },
	{ "text after", "", "hello", "no certificate is among" },
	{ "key after", "", EC_PEM, "private key among" },
	{ "key before", ED25519_PEM, "", "private key among" },
	{ "request", "-----BEGIN CERTIFICATE REQUEST-----\n", "",
		"no certificate is among" },
	{ "trusted", "-----BEGIN TRUSTED CERTIFICATE-----\n", "",
		"no certificate is among" },
	{ "cut off", "", BEGIN "MIIB", "cut off or garbled" },
	{ "not base64", "", BEGIN "MI<>IB\n" END, "cut off or garbled" },
	{ "header", "", BEGIN "Proc-Type: 4,ENCRYPTED\n\nMIIB\n" END,
		"cut off or garbled" },
	{ "empty block", "", BEGIN END, "read certificate 3" },
	{ "no DER", "", BEGIN "AAAA\n" END, "read certificate 3" },
};

static void test_bad(void **state)
{
	_cleanup_(freep) char *pem = issue(*state, 0);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(err_done) struct err err = ERR_INIT;
		struct cert_chain *chain = NULL;
		_cleanup_(freep) char *text =
			xasprintf("%s%s%s", bad[i].before, pem, bad[i].after);
		test_case(bad[i].name);
		assert_int_equal(parse(&chain, text, strlen(text), &err), -EBADMSG);
		assert_null(chain);
		assert_int_equal(err.kind, ERR_CA);
		_cleanup_(freep) char *said = err_format(&err);
		assert_non_null(strstr(said, bad[i].problem));
	}
}

static void test_empty(void **state)
{
	static const char *const texts[] = { "", "\n \n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cert_chain *chain = NULL;
		test_case(texts[i]);
		assert_int_equal(
			parse(&chain, texts[i], strlen(texts[i]), NULL), -EBADMSG);
	}
}

static size_t find_end(const char *pem)
{
	size_t i = 0;

	while (strncmp(pem + i, END, strlen(END)) != 0)
		i++;
	return i;
}

/* A NUL must neither end the text early nor pass as white space. */
static void test_nul(void **state)
{
	_cleanup_(freep) char *pem = issue(*state, 0);
	size_t len = strlen(pem), end = find_end(pem);
	const size_t places[] = { 0, 40, end + 10, end + strlen(END) - 1, len - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_(freep) char *copy = xmemdup(pem, len);
		struct cert_chain *chain = NULL;
		copy[places[i]] = '\0';
		assert_int_equal(parse(&chain, copy, len, NULL), -EBADMSG);
	}
}

static void test_every_cut(void **state)
{
	_cleanup_(freep) char *pem = issue(*state, TEST_CA_LEAF_ONLY);
	size_t len = strlen(pem);

	for (size_t cut = 0; cut < len - 1; cut++) {
		struct cert_chain *chain = NULL;
		assert_int_equal(parse(&chain, pem, cut, NULL), -EBADMSG);
	}
}

static void test_too_many(void **state)
{
	_cleanup_(freep) char *pem = issue(*state, TEST_CA_LEAF_ONLY);
	_cleanup_(buf_done) struct buf buf = BUF_INIT(1024 * 1024);
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;

	for (unsigned i = 0; i < CERT_CHAIN_MAX; i++)
		buf_append_str(&buf, pem);
	assert_int_equal(parse(&chain, buf.data, buf.len, NULL), 0);
	chain = cert_chain_free(chain);
	buf_append_str(&buf, pem);
	assert_int_equal(parse(&chain, buf.data, buf.len, NULL), -EBADMSG);
	while (buf.len <= CERT_PEM_BYTES_MAX)
		buf_append_str(&buf, "\n");
	assert_int_equal(parse(&chain, buf.data, buf.len, NULL), -EBADMSG);
}

/* RFC 9773 section 4.1. */
static void test_ari_vector(void **state)
{
	static const uint8_t aki[] = { 0x69, 0x88, 0x5B, 0x6B, 0x87, 0x46, 0x40, 0x41,
		0xE1, 0xB3, 0x7B, 0x84, 0x7B, 0xA0, 0xAE, 0x2C, 0xDE, 0x01, 0xC8,
		0xD4 };
	static const uint8_t serial[] = { 0x00, 0x87, 0x65, 0x43, 0x21 };
	_cleanup_(freep) char *text =
		cert_format_ari_text(aki, sizeof(aki), serial, sizeof(serial));

	assert_string_equal(text, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
}

static void test_ari_id(void **state)
{
	static const uint8_t serial[] = { 0x00, 0x87, 0x65, 0x43, 0x21 };
	const struct test_ca_leaf leaf = { .serial = serial, .serial_len = 5 };
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(freep) char *id = NULL;
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	uint8_t aki[20];
	size_t len = sizeof(aki);

	test_ca_issue(*state, &leaf, &pem, NULL);
	assert_int_equal(parse(&chain, pem, strlen(pem), NULL), 0);
	assert_int_equal(cert_chain_format_ari_id(chain, &id, NULL), 0);
	assert_int_equal(gnutls_x509_crt_get_subject_key_id(
				 cert_chain_get_crt(chain, 1), aki, &len, NULL),
		0);
	_cleanup_(freep) char *want = cert_format_ari_text(aki, len, serial, 5);
	assert_string_equal(id, want);
}

static void test_ari_no_aki(void **state)
{
	_cleanup_(freep) char *pem = issue(*state, TEST_CA_NO_AKI);
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	char *id = NULL;

	assert_int_equal(parse(&chain, pem, strlen(pem), NULL), 0);
	assert_int_equal(cert_chain_format_ari_id(chain, &id, NULL), -ENODATA);
	assert_null(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_no_names),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_white_space),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_ari_vector),
		cmocka_unit_test(test_ari_id),
		cmocka_unit_test(test_ari_no_aki),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
