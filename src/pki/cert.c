/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificate chains. The text comes from a CA, which may be broken or hostile: blocks
 * are cut out by lengths, never by a NUL, and what is not a certificate is refused
 * rather than skipped, since what was skipped here would be served later.
 *
 * What can be read from the leaf is read once, when the chain is parsed. The checks
 * before activation are in pki/cert_check.c.
 */
#include "pki/cert.h"

#include <errno.h>
#include <gnutls/x509-ext.h>
#include <string.h>

#include "pki/cert_priv.h"
#include "pki/pki_priv.h"
#include "util/base64url.h"
#include "util/buf.h"
#include "util/dname.h"
#include "util/mem.h"
#include "util/text.h"

#define PEM_BEGIN    "-----BEGIN CERTIFICATE-----"
#define PEM_END      "-----END CERTIFICATE-----"
#define PEM_KEY_MARK "PRIVATE KEY-----"
#define PEM_BODY_CHARS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
#define PEM_SPACE        " \t\r\n"
#define SERIAL_BYTES_MAX 64 /* RFC 5280 allows 20 */
#define AKI_BYTES_MAX    256
#define ISSUER_TEXT_MAX  512
#define NAMES_MAX        1000

struct cert_chain {
	gnutls_x509_crt_t crts[CERT_CHAIN_MAX]; /* owned */
	unsigned n;

	/* of the leaf */
	char **names; /* owned */
	char *serial; /* owned */
	char *issuer; /* owned */
	usec_t not_before_usec;
	usec_t not_after_usec;
	uint8_t fingerprint[CERT_FINGERPRINT_BYTES];
};

struct cert_chain *cert_chain_free(struct cert_chain *chain)
{
	if (!chain)
		return NULL;
	free(chain->issuer);
	free(chain->serial);
	strv_free(chain->names);
	while (chain->n > 0)
		gnutls_x509_crt_deinit(chain->crts[--chain->n]);
	free(chain);
	return NULL;
}

/* Not from a table of the C library: no locale, and a NUL is no member. */
static bool is_among(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static size_t skip_space(const char *pem, size_t len)
{
	size_t i = 0;

	while (i < len && is_among(pem[i], PEM_SPACE))
		i++;
	return i;
}

static bool begins_with(const char *pem, size_t len, const char *mark)
{
	size_t n = strlen(mark);

	return len >= n && memcmp(pem, mark, n) == 0;
}

/* Length of the certificate block at the very beginning of pem. */
static int find_block(const char *pem, size_t len, size_t *ret, struct err *err)
{
	if (!begins_with(pem, len, PEM_BEGIN))
		return err_set_kind(err, ERR_CA, -EBADMSG,
			"something that is no certificate is among the certificates");
	size_t i = strlen(PEM_BEGIN);
	while (i < len &&
		(is_among(pem[i], PEM_BODY_CHARS) || is_among(pem[i], PEM_SPACE)))
		i++;
	if (!begins_with(pem + i, len - i, PEM_END))
		return err_set_kind(
			err, ERR_CA, -EBADMSG, "a certificate is cut off or garbled");
	*ret = i + strlen(PEM_END);
	return 0;
}

static int append_crt(
	struct cert_chain *chain, const char *block, size_t len, struct err *err)
{
	_cleanup_(x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t datum = { .data = (unsigned char *)block,
		.size = (unsigned)len };

	if (chain->n == CERT_CHAIN_MAX)
		return err_set_kind(err, ERR_CA, -EBADMSG,
			"the chain has more than %d certificates", CERT_CHAIN_MAX);
	int r = gnutls_x509_crt_init(&crt);
	if (r < 0)
		return pki_err_set(err, -ENOMEM, r, "new certificate");
	r = gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_PEM);
	if (r < 0)
		return err_set_kind(err, ERR_CA, -EBADMSG, "read certificate %u: %s",
			chain->n + 1, gnutls_strerror(r));
	chain->crts[chain->n++] = TAKE_PTR(crt);
	return 0;
}

static int parse_blocks(
	struct cert_chain *chain, const char *pem, size_t len, struct err *err)
{
	size_t i = skip_space(pem, len);

	while (i < len) {
		size_t n = 0;
		int r = find_block(pem + i, len - i, &n, err);
		if (r < 0)
			return r;
		r = append_crt(chain, pem + i, n, err);
		if (r < 0)
			return r;
		i += n;
		i += skip_space(pem + i, len - i);
	}
	if (chain->n == 0)
		return err_set_kind(err, ERR_CA, -EBADMSG, "there is no certificate");
	return 0;
}

static usec_t usec_of(time_t t)
{
	return t < 0 ? 0 : usec_mul((uint64_t)t, USEC_PER_SEC);
}

static int load_times(struct cert_chain *chain, struct err *err)
{
	time_t starts = gnutls_x509_crt_get_activation_time(chain->crts[0]);
	time_t ends = gnutls_x509_crt_get_expiration_time(chain->crts[0]);

	if (starts == (time_t)-1 || ends == (time_t)-1)
		return err_set_kind(err, ERR_CA, -EBADMSG,
			"the validity of the certificate cannot be read");
	chain->not_before_usec = usec_of(starts);
	chain->not_after_usec = usec_of(ends);
	return 0;
}

static int load_serial(struct cert_chain *chain, struct err *err)
{
	uint8_t serial[SERIAL_BYTES_MAX];
	char hex[2 * SERIAL_BYTES_MAX + 1];
	size_t len = sizeof(serial), hex_size = sizeof(hex);

	int r = gnutls_x509_crt_get_serial(chain->crts[0], serial, &len);
	if (r < 0)
		return err_set_kind(err, ERR_CA, -EBADMSG,
			"read serial number of the certificate: %s",
			gnutls_strerror(r));
	gnutls_datum_t datum = { .data = serial, .size = (unsigned)len };
	r = gnutls_hex_encode(&datum, hex, &hex_size);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "format serial number");
	chain->serial = xstrdup(hex);
	return 0;
}

static int load_issuer(struct cert_chain *chain, struct err *err)
{
	_cleanup_(datum_done) gnutls_datum_t dn = { 0 };
	char text[ISSUER_TEXT_MAX];
	int r = gnutls_x509_crt_get_issuer_dn3(chain->crts[0], &dn, 0);

	if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
		chain->issuer = xstrdup("");
		return 0;
	}
	if (r < 0)
		return err_set_kind(err, ERR_CA, -EBADMSG,
			"read issuer of the certificate: %s", gnutls_strerror(r));
	text_format(text, sizeof(text), "%.*s", (int)dn.size, (const char *)dn.data);
	chain->issuer = xstrdup(text);
	return 0;
}

/* What is not a plain DNS name covers nothing that we serve, and is left out. */
static int append_name(
	struct cert_chain *chain, gnutls_subject_alt_names_t sans, unsigned i)
{
	gnutls_datum_t san = { 0 };
	unsigned type = 0;
	char name[DNAME_MAX + 1];
	int r = gnutls_subject_alt_names_get(sans, i, &type, &san, NULL);

	if (r < 0)
		return r;
	if (type == GNUTLS_SAN_DNSNAME &&
		dname_normalise((const char *)san.data, san.size, DNAME_WILDCARD, name,
			sizeof(name)))
		strv_append(&chain->names, name);
	return 0;
}

static int append_names(
	struct cert_chain *chain, gnutls_subject_alt_names_t sans, struct err *err)
{
	for (unsigned i = 0; i <= NAMES_MAX; i++) {
		int r = append_name(chain, sans, i);
		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return 0;
		if (r < 0)
			return err_set_kind(err, ERR_CA, -EBADMSG,
				"read names of the certificate: %s",
				gnutls_strerror(r));
	}
	return err_set_kind(err, ERR_CA, -EBADMSG,
		"the certificate has more than %d names", NAMES_MAX);
}

static void sans_deinitp(gnutls_subject_alt_names_t *sans)
{
	if (*sans)
		gnutls_subject_alt_names_deinit(*sans);
}

/* By way of the extension, since the getter on the certificate parses it anew for each
 * name. */
static int load_names(struct cert_chain *chain, struct err *err)
{
	_cleanup_(datum_done) gnutls_datum_t der = { 0 };
	_cleanup_(sans_deinitp) gnutls_subject_alt_names_t sans = NULL;

	chain->names = xnew(char *);
	int r = gnutls_x509_crt_get_extension_by_oid2(
		chain->crts[0], GNUTLS_X509EXT_OID_SAN, 0, &der, NULL);
	if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return 0;
	if (r >= 0)
		r = gnutls_subject_alt_names_init(&sans);
	if (r >= 0)
		r = gnutls_x509_ext_import_subject_alt_names(&der, sans, 0);
	if (r < 0)
		return err_set_kind(err, ERR_CA, -EBADMSG,
			"read names of the certificate: %s", gnutls_strerror(r));
	return append_names(chain, sans, err);
}

static int load_leaf(struct cert_chain *chain, struct err *err)
{
	size_t len = sizeof(chain->fingerprint);
	int r = gnutls_x509_crt_get_fingerprint(
		chain->crts[0], GNUTLS_DIG_SHA256, chain->fingerprint, &len);

	if (r < 0)
		return pki_err_set(err, -EIO, r, "fingerprint");
	r = load_times(chain, err);
	if (r < 0)
		return r;
	r = load_serial(chain, err);
	if (r < 0)
		return r;
	r = load_issuer(chain, err);
	if (r < 0)
		return r;
	return load_names(chain, err);
}

int cert_chain_parse_pem(
	struct cert_chain **ret, const char *pem, size_t len, struct err *err)
{
	if (len > CERT_PEM_BYTES_MAX)
		return err_set_kind(err, ERR_CA, -EBADMSG,
			"the chain is longer than %d octets", CERT_PEM_BYTES_MAX);
	if (memmem(pem, len, PEM_KEY_MARK, strlen(PEM_KEY_MARK)))
		return err_set_kind(err, ERR_CA, -EBADMSG,
			"there is a private key among the certificates");
	_cleanup_(cert_chain_freep) struct cert_chain *chain = xnew(struct cert_chain);
	int r = parse_blocks(chain, pem, len, err);
	if (r < 0)
		return r;
	r = load_leaf(chain, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(chain);
	return 0;
}

int cert_chain_format_pem(const struct cert_chain *chain, char **ret, struct err *err)
{
	/* Written anew, a block may be a little longer than it came. */
	_cleanup_(buf_done) struct buf buf = BUF_INIT(2 * CERT_PEM_BYTES_MAX);

	for (unsigned i = 0; i < chain->n; i++) {
		_cleanup_(datum_done) gnutls_datum_t pem = { 0 };
		int r = gnutls_x509_crt_export2(
			chain->crts[i], GNUTLS_X509_FMT_PEM, &pem);
		if (r < 0)
			return pki_err_set(err, -EIO, r, "write certificate");
		r = buf_append(&buf, pem.data, pem.size);
		if (r < 0)
			return err_set(err, r, "chain too long to be written");
	}
	*ret = buf_steal(&buf);
	return 0;
}

int cert_chain_format_leaf_der(
	const struct cert_chain *chain, uint8_t **ret, size_t *ret_len, struct err *err)
{
	_cleanup_(datum_done) gnutls_datum_t der = { 0 };
	int r = gnutls_x509_crt_export2(chain->crts[0], GNUTLS_X509_FMT_DER, &der);

	if (r < 0)
		return pki_err_set(err, -EIO, r, "write certificate");
	*ret = xmemdup(der.data, der.size);
	*ret_len = der.size;
	return 0;
}

unsigned cert_chain_get_length(const struct cert_chain *chain)
{
	return chain->n;
}

gnutls_x509_crt_t cert_chain_get_crt(const struct cert_chain *chain, unsigned i)
{
	return chain->crts[i];
}

usec_t cert_chain_get_not_before(const struct cert_chain *chain)
{
	return chain->not_before_usec;
}

usec_t cert_chain_get_not_after(const struct cert_chain *chain)
{
	return chain->not_after_usec;
}

char *const *cert_chain_get_names(const struct cert_chain *chain)
{
	return chain->names;
}

const uint8_t *cert_chain_get_fingerprint(const struct cert_chain *chain)
{
	return chain->fingerprint;
}

void cert_chain_format_fingerprint(
	const struct cert_chain *chain, char ret[CERT_FINGERPRINT_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < CERT_FINGERPRINT_BYTES; i++) {
		ret[2 * i] = digits[chain->fingerprint[i] >> 4];
		ret[2 * i + 1] = digits[chain->fingerprint[i] & 0xf];
	}
	ret[2 * CERT_FINGERPRINT_BYTES] = '\0';
}

const char *cert_chain_get_serial(const struct cert_chain *chain)
{
	return chain->serial;
}

const char *cert_chain_get_issuer(const struct cert_chain *chain)
{
	return chain->issuer;
}

char *cert_format_ari_text(
	const uint8_t *aki, size_t aki_len, const uint8_t *serial, size_t serial_len)
{
	_cleanup_(freep) char *aki_text = base64url_format(aki, aki_len);
	_cleanup_(freep) char *serial_text = base64url_format(serial, serial_len);

	return xasprintf("%s.%s", aki_text, serial_text);
}

int cert_chain_format_ari_id(
	const struct cert_chain *chain, char **ret, struct err *err)
{
	uint8_t aki[AKI_BYTES_MAX], serial[SERIAL_BYTES_MAX];
	size_t aki_len = sizeof(aki), serial_len = sizeof(serial);
	int r = gnutls_x509_crt_get_authority_key_id(
		chain->crts[0], aki, &aki_len, NULL);

	/* The second: an identifier by issuer and serial instead of by key. */
	if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ||
		r == GNUTLS_E_X509_UNSUPPORTED_EXTENSION)
		return err_set_kind(err, ERR_CA, -ENODATA,
			"the certificate has no authority key identifier");
	/* The octets of the DER INTEGER: a leading zero stays, some CAs insist on it. */
	if (r >= 0)
		r = gnutls_x509_crt_get_serial(chain->crts[0], serial, &serial_len);
	if (r < 0)
		return err_set_kind(err, ERR_CA, -EBADMSG,
			"read authority key identifier: %s", gnutls_strerror(r));
	*ret = cert_format_ari_text(aki, aki_len, serial, serial_len);
	return 0;
}
