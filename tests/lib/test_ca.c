/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order of a life: keys, root, intermediate, then leaf after leaf. */
#include "tests/lib/test_ca.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "util/buf.h"
#include "util/mem.h"

#define HOUR            3600
#define DAY             (24 * HOUR)
#define LEAF_DAYS       90
#define CA_DAYS         3650
#define KEY_ID_BYTES    20
#define SERIAL_BYTES    16
#define CHAIN_BYTES_MAX (1024 * 1024)
#define NAME_BYTES_MAX  512
#define DEFAULT_NAME    "mail.example.org"
#define ROOT_DN         "CN=Test Root,O=Postseal tests"
#define INTERMEDIATE_DN "CN=Test Intermediate,O=Postseal tests"

/* A certificate and the key that signs with it. */
struct authority {
	gnutls_x509_privkey_t key; /* owned */
	gnutls_x509_crt_t crt;     /* owned */
};

struct test_ca {
	struct authority root;
	struct authority intermediate;
	gnutls_x509_crt_t old_intermediate; /* owned; the same name and key, expired */
	gnutls_x509_crt_t false_intermediate; /* owned; the same name, another key */
};

static void must(int r)
{
	if (r >= 0)
		return;
	fprintf(stderr, "test_ca: %s\n", gnutls_strerror(r));
	abort();
}

static gnutls_x509_privkey_t new_key(unsigned flags)
{
	gnutls_x509_privkey_t key;

	must(gnutls_x509_privkey_init(&key));
	if (flags & TEST_CA_RSA)
		must(gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, 2048, 0));
	else
		must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
			GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	return key;
}

static gnutls_x509_privkey_t parse_key(const char *pem)
{
	gnutls_datum_t datum = { (unsigned char *)pem, (unsigned)strlen(pem) };
	gnutls_x509_privkey_t key;

	must(gnutls_x509_privkey_init(&key));
	must(gnutls_x509_privkey_import2(key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0));
	return key;
}

static char *format_key(gnutls_x509_privkey_t key)
{
	gnutls_datum_t pem = { 0 };

	must(gnutls_x509_privkey_export2_pkcs8(
		key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem));
	char *text = xstrndup((const char *)pem.data, pem.size);
	gnutls_free(pem.data);
	return text;
}

/* Version, serial number, times: what every certificate has. */
static gnutls_x509_crt_t new_crt(time_t not_before, time_t not_after)
{
	gnutls_x509_crt_t crt;
	uint8_t serial[SERIAL_BYTES];

	must(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)));
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
	must(gnutls_x509_crt_init(&crt));
	must(gnutls_x509_crt_set_version(crt, 3));
	must(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)));
	must(gnutls_x509_crt_set_activation_time(crt, not_before));
	must(gnutls_x509_crt_set_expiration_time(crt, not_after));
	return crt;
}

static void set_key_ids(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
	uint8_t id[KEY_ID_BYTES];
	size_t len = sizeof(id);

	must(gnutls_x509_crt_get_key_id(crt, 0, id, &len));
	must(gnutls_x509_crt_set_subject_key_id(crt, id, len));
	if (!issuer)
		return;
	len = sizeof(id);
	must(gnutls_x509_crt_get_key_id(issuer, 0, id, &len));
	must(gnutls_x509_crt_set_authority_key_id(crt, id, len));
}

/* A CA's certificate for `key`, signed by `issuer` (NULL: by itself). */
static gnutls_x509_crt_t new_ca_crt(const char *dn, gnutls_x509_privkey_t key,
	time_t not_after, const struct authority *issuer)
{
	gnutls_x509_crt_t crt = new_crt(not_after - CA_DAYS * DAY, not_after);

	must(gnutls_x509_crt_set_dn(crt, dn, NULL));
	must(gnutls_x509_crt_set_key(crt, key));
	must(gnutls_x509_crt_set_basic_constraints(crt, 1, -1));
	must(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN));
	set_key_ids(crt, issuer ? issuer->crt : NULL);
	must(gnutls_x509_crt_sign2(crt, issuer ? issuer->crt : crt,
		issuer ? issuer->key : key, GNUTLS_DIG_SHA256, 0));
	return crt;
}

struct test_ca *test_ca_new(void)
{
	struct test_ca *ca = xnew(struct test_ca);
	gnutls_x509_privkey_t other = new_key(0);
	time_t now = time(NULL);
	time_t ends = now + CA_DAYS / 2 * DAY;

	ca->root.key = new_key(0);
	ca->root.crt = new_ca_crt(ROOT_DN, ca->root.key, ends, NULL);
	ca->intermediate.key = new_key(0);
	ca->intermediate.crt =
		new_ca_crt(INTERMEDIATE_DN, ca->intermediate.key, ends, &ca->root);
	ca->old_intermediate = new_ca_crt(
		INTERMEDIATE_DN, ca->intermediate.key, now - HOUR, &ca->root);
	ca->false_intermediate = new_ca_crt(INTERMEDIATE_DN, other, ends, &ca->root);
	gnutls_x509_privkey_deinit(other);
	return ca;
}

struct test_ca *test_ca_free(struct test_ca *ca)
{
	if (!ca)
		return NULL;
	gnutls_x509_crt_deinit(ca->false_intermediate);
	gnutls_x509_crt_deinit(ca->old_intermediate);
	gnutls_x509_crt_deinit(ca->intermediate.crt);
	gnutls_x509_privkey_deinit(ca->intermediate.key);
	gnutls_x509_crt_deinit(ca->root.crt);
	gnutls_x509_privkey_deinit(ca->root.key);
	free(ca);
	return NULL;
}

static void append_san(gnutls_x509_crt_t crt, gnutls_x509_subject_alt_name_t type,
	const void *data, size_t len)
{
	must(gnutls_x509_crt_set_subject_alt_name(
		crt, type, data, (unsigned)len, GNUTLS_FSAN_APPEND));
}

/* GnuTLS would cut the name off there: it is put in by hand for the tilde. */
static void put_nul_into_name(gnutls_x509_crt_t crt)
{
	gnutls_datum_t der = { 0 };

	must(gnutls_x509_crt_get_extension_by_oid2(
		crt, GNUTLS_X509EXT_OID_SAN, 0, &der, NULL));
	*(char *)memchr(der.data, '~', der.size) = '\0';
	must(gnutls_x509_crt_set_extension_by_oid(
		crt, GNUTLS_X509EXT_OID_SAN, der.data, der.size, 0));
	gnutls_free(der.data);
}

static void set_names(gnutls_x509_crt_t crt, const struct test_ca_leaf *leaf)
{
	static char *const fallback[] = { (char *)DEFAULT_NAME, NULL };
	static const uint8_t address[] = { 192, 0, 2, 1 };
	char *const *names = leaf->names ? leaf->names : fallback;

	if (leaf->flags & TEST_CA_NO_NAMES)
		return;
	for (; *names; names++)
		append_san(crt, GNUTLS_SAN_DNSNAME, *names, strlen(*names));
	if (!(leaf->flags & TEST_CA_STRANGE_NAMES))
		return;
	append_san(crt, GNUTLS_SAN_IPADDRESS, address, sizeof(address));
	append_san(crt, GNUTLS_SAN_RFC822NAME, "a@example.org", 13);
	append_san(crt, GNUTLS_SAN_DNSNAME, "under_score.example.org", 23);
	append_san(crt, GNUTLS_SAN_DNSNAME, "evil.example.org~.example.net", 29);
	put_nul_into_name(crt);
}

static void set_usage(gnutls_x509_crt_t crt, unsigned flags)
{
	const char *purpose = flags & TEST_CA_CLIENT_ONLY ? GNUTLS_KP_TLS_WWW_CLIENT
							  : GNUTLS_KP_TLS_WWW_SERVER;

	must(gnutls_x509_crt_set_basic_constraints(
		crt, flags & TEST_CA_LEAF_IS_CA ? 1 : 0, -1));
	must(gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0));
}

/* The leaf as far as it is the same by key and by request. */
static gnutls_x509_crt_t new_leaf(const struct test_ca_leaf *leaf)
{
	time_t now = time(NULL);
	gnutls_x509_crt_t crt =
		new_crt(leaf->not_before ? leaf->not_before : now - HOUR,
			leaf->not_after ? leaf->not_after : now + LEAF_DAYS * DAY);

	if (leaf->serial)
		must(gnutls_x509_crt_set_serial(crt, leaf->serial, leaf->serial_len));
	set_usage(crt, leaf->flags);
	return crt;
}

static void sign_leaf(struct test_ca *ca, gnutls_x509_crt_t crt, unsigned flags)
{
	set_key_ids(crt, flags & TEST_CA_NO_AKI ? NULL : ca->intermediate.crt);
	must(gnutls_x509_crt_sign2(crt, ca->intermediate.crt, ca->intermediate.key,
		flags & TEST_CA_SHA1 ? GNUTLS_DIG_SHA1 : GNUTLS_DIG_SHA256, 0));
}

static void append_pem(struct buf *buf, gnutls_x509_crt_t crt)
{
	gnutls_datum_t pem = { 0 };

	must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
	must(buf_append(buf, pem.data, pem.size));
	gnutls_free(pem.data);
}

static gnutls_x509_crt_t choose_intermediate(const struct test_ca *ca, unsigned flags)
{
	if (flags & TEST_CA_OLD_INTERMEDIATE)
		return ca->old_intermediate;
	if (flags & TEST_CA_FALSE_INTERMEDIATE)
		return ca->false_intermediate;
	return ca->intermediate.crt;
}

static char *format_chain(
	const struct test_ca *ca, gnutls_x509_crt_t leaf, unsigned flags)
{
	const bool is_alone = flags & (TEST_CA_LEAF_ONLY | TEST_CA_SELF_SIGNED);
	struct buf buf = BUF_INIT(CHAIN_BYTES_MAX);

	if (flags & TEST_CA_SWAPPED)
		append_pem(&buf, choose_intermediate(ca, flags));
	append_pem(&buf, leaf);
	if (!is_alone && !(flags & (TEST_CA_SWAPPED | TEST_CA_NO_INTERMEDIATE)))
		append_pem(&buf, choose_intermediate(ca, flags));
	if (flags & (TEST_CA_WITH_ROOT | TEST_CA_NO_INTERMEDIATE))
		append_pem(&buf, ca->root.crt);
	return buf_steal(&buf);
}

void test_ca_issue(struct test_ca *ca, const struct test_ca_leaf *leaf,
	char **ret_chain_pem, char **ret_key_pem)
{
	gnutls_x509_privkey_t key =
		leaf->key_pem ? parse_key(leaf->key_pem) : new_key(leaf->flags);
	gnutls_x509_privkey_t other = new_key(leaf->flags);
	gnutls_x509_crt_t crt = new_leaf(leaf);

	must(gnutls_x509_crt_set_key(crt, key));
	set_names(crt, leaf);
	if (leaf->flags & TEST_CA_SELF_SIGNED)
		must(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
	else
		sign_leaf(ca, crt, leaf->flags);
	*ret_chain_pem = format_chain(ca, crt, leaf->flags);
	if (ret_key_pem)
		*ret_key_pem =
			format_key(leaf->flags & TEST_CA_WRONG_KEY ? other : key);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(other);
	gnutls_x509_privkey_deinit(key);
}

static void copy_names(gnutls_x509_crt_t crt, gnutls_x509_crq_t crq)
{
	for (unsigned i = 0;; i++) {
		char name[NAME_BYTES_MAX];
		size_t len = sizeof(name);
		unsigned type = 0;
		int r = gnutls_x509_crq_get_subject_alt_name(
			crq, i, name, &len, &type, NULL);
		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return;
		must(r);
		append_san(crt, (gnutls_x509_subject_alt_name_t)r, name, len);
	}
}

char *test_ca_issue_csr(struct test_ca *ca, const uint8_t *csr_der, size_t len,
	const struct test_ca_leaf *leaf)
{
	static const struct test_ca_leaf plain = { 0 };
	gnutls_datum_t der = { (unsigned char *)csr_der, (unsigned)len };
	gnutls_x509_crq_t crq;
	char *chain = NULL;

	if (!leaf)
		leaf = &plain;
	must(gnutls_x509_crq_init(&crq));
	if (gnutls_x509_crq_import(crq, &der, GNUTLS_X509_FMT_DER) >= 0 &&
		gnutls_x509_crq_verify(crq, 0) >= 0) {
		gnutls_x509_crt_t crt = new_leaf(leaf);
		must(gnutls_x509_crt_set_crq(crt, crq));
		copy_names(crt, crq);
		sign_leaf(ca, crt, leaf->flags);
		chain = format_chain(ca, crt, leaf->flags);
		gnutls_x509_crt_deinit(crt);
	}
	gnutls_x509_crq_deinit(crq);
	return chain;
}

char *test_ca_format_root_pem(const struct test_ca *ca)
{
	struct buf buf = BUF_INIT(CHAIN_BYTES_MAX);

	append_pem(&buf, ca->root.crt);
	return buf_steal(&buf);
}
