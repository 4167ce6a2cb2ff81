/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates that we sign ourselves. Nobody trusts them: the placeholder keeps a
 * listener answering until there is a real one, the other proves to a CA that this
 * machine answers for a name (RFC 8737). Neither looks at a clock: they are right on a machine
 * that has just started in 1970 as well, and none of them ends while it is served.
 */
#include "pki/selfsigned.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <strings.h>

#include "pki/pki_priv.h"
#include "util/dname.h"
#include "util/mem.h"

#define PLACEHOLDER_NAME "postseal.invalid"
#define PLACEHOLDER_DN   "CN=Postseal placeholder"
/* Not empty, since an issuer must not be, and without a CN: see the header. */
#define ALPN_DN             "O=Postseal"
#define ACME_IDENTIFIER_OID "1.3.6.1.5.5.7.1.31"
#define SHA256_BYTES        32
#define SERIAL_BYTES        16
#define NOT_BEFORE          1577836800 /* 2020-01-01 */
#define DER_BYTES_MAX       65536

/* An OCTET STRING of 32 octets. */
#define DER_OCTET_STRING 0x04
#define IDENTIFIER_BYTES (2 + SHA256_BYTES)

static int format_identifier(
	const char *key_authorization, uint8_t ret[static IDENTIFIER_BYTES])
{
	ret[0] = DER_OCTET_STRING;
	ret[1] = SHA256_BYTES;
	return gnutls_hash_fast(GNUTLS_DIG_SHA256, key_authorization,
		strlen(key_authorization), ret + 2);
}

static int set_serial(gnutls_x509_crt_t crt)
{
	uint8_t serial[SERIAL_BYTES];
	int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	if (r < 0)
		return r;
	/* Positive, and without a zero in front. */
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
	return gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
}

static int set_times(gnutls_x509_crt_t crt)
{
	int r = gnutls_x509_crt_set_activation_time(crt, NOT_BEFORE);

	return r < 0 ? r
		     : gnutls_x509_crt_set_expiration_time(
			       crt, (time_t)GNUTLS_X509_NO_WELL_DEFINED_EXPIRATION);
}

static int set_usage(gnutls_x509_crt_t crt)
{
	int r = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);

	if (r >= 0)
		r = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_purpose_oid(
			crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	return r;
}

static int fill(
	gnutls_x509_crt_t crt, const struct key *key, const char *name, const char *dn)
{
	int r = gnutls_x509_crt_set_version(crt, 3);

	if (r >= 0)
		r = set_serial(crt);
	if (r >= 0)
		r = set_times(crt);
	if (r >= 0)
		r = gnutls_x509_crt_set_dn(crt, dn, NULL);
	if (r >= 0)
		r = gnutls_x509_crt_set_key(crt, key_get_x509(key));
	if (r >= 0)
		r = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
			(unsigned)strlen(name), GNUTLS_FSAN_SET);
	if (r >= 0)
		r = set_usage(crt);
	return r;
}

static int sign(gnutls_x509_crt_t crt, const struct key *key, char **ret_chain_pem,
	char **ret_key_pem, struct err *err)
{
	_cleanup_(datum_done) gnutls_datum_t pem = { 0 };
	int r = gnutls_x509_crt_privkey_sign(
		crt, crt, key_get_privkey(key), GNUTLS_DIG_SHA256, 0);

	if (r >= 0)
		r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "sign own certificate");
	r = key_format_pem(key, ret_key_pem, err);
	if (r < 0)
		return r;
	*ret_chain_pem = xstrndup((const char *)pem.data, pem.size);
	return 0;
}

/* The identifier is that of tls-alpn-01, or NULL. */
static int generate(const char *name, const uint8_t *identifier, char **ret_chain_pem,
	char **ret_key_pem, struct err *err)
{
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;

	if (!dname_is_valid(name, 0))
		return err_set(err, -EINVAL, "not a DNS name: %s", name);
	int r = key_generate(&key, KEY_ECDSA_P256, err);
	if (r < 0)
		return r;
	r = gnutls_x509_crt_init(&crt);
	if (r >= 0)
		r = fill(crt, key, name, identifier ? ALPN_DN : PLACEHOLDER_DN);
	if (r >= 0 && identifier)
		r = gnutls_x509_crt_set_extension_by_oid(
			crt, ACME_IDENTIFIER_OID, identifier, IDENTIFIER_BYTES, 1);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "make own certificate");
	return sign(crt, key, ret_chain_pem, ret_key_pem, err);
}

int selfsigned_generate(
	const char *name, char **ret_chain_pem, char **ret_key_pem, struct err *err)
{
	return generate(
		name ? name : PLACEHOLDER_NAME, NULL, ret_chain_pem, ret_key_pem, err);
}

int selfsigned_generate_alpn(const char *name, const char *key_authorization,
	char **ret_chain_pem, char **ret_key_pem, struct err *err)
{
	uint8_t identifier[IDENTIFIER_BYTES];
	int r = format_identifier(key_authorization, identifier);

	if (r < 0)
		return pki_err_set(err, -EIO, r, "SHA-256");
	return generate(name, identifier, ret_chain_pem, ret_key_pem, err);
}

/* RFC 8737 section 3: the name, and nothing but the name. */
static bool has_only_name(gnutls_x509_crt_t crt, const char *name)
{
	char san[DNAME_MAX + 1];
	size_t len = sizeof(san);

	if (gnutls_x509_crt_get_subject_alt_name(crt, 0, san, &len, NULL) !=
		GNUTLS_SAN_DNSNAME)
		return false;
	if (len != strlen(name) || strncasecmp(san, name, len) != 0)
		return false;
	len = 0;
	return gnutls_x509_crt_get_subject_alt_name(crt, 1, NULL, &len, NULL) ==
	       GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

static bool has_identifier(gnutls_x509_crt_t crt, const char *key_authorization)
{
	uint8_t wanted[IDENTIFIER_BYTES], found[IDENTIFIER_BYTES];
	size_t len = sizeof(found);
	unsigned critical = 0;

	if (format_identifier(key_authorization, wanted) < 0)
		return false;
	if (gnutls_x509_crt_get_extension_by_oid(
		    crt, ACME_IDENTIFIER_OID, 0, found, &len, &critical) < 0)
		return false;
	return critical && len == sizeof(found) && memcmp(wanted, found, len) == 0;
}

bool selfsigned_is_alpn_answer(
	const uint8_t *der, size_t len, const char *name, const char *key_authorization)
{
	_cleanup_(x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t datum = { .data = (unsigned char *)der, .size = (unsigned)len };

	if (len > DER_BYTES_MAX || gnutls_x509_crt_init(&crt) < 0)
		return false;
	if (gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_DER) < 0)
		return false;
	return has_only_name(crt, name) && has_identifier(crt, key_authorization);
}
