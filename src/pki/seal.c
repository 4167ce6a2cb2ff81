/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See seal.h. GnuTLS can write such keys, but with some five thousand rounds of its key
 * derivation, which no call can change. So the frame is made here: PBES2 with PBKDF2,
 * HMAC-SHA-256 and 600000 rounds, and AES-256 in CBC mode. All of its fields have one
 * length, therefore its octets are a template. Reading is left to GnuTLS; only the number
 * of rounds is looked at before, since a stranger's file says how long we work.
 */
#include "pki/seal.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "pki/pki_priv.h"
#include "util/buf.h"
#include "util/mem.h"

#define BEGIN_LINE     "-----BEGIN ENCRYPTED PRIVATE KEY-----"
#define SALT_BYTES     16
#define IV_BYTES       16
#define KEY_BYTES      32
#define BLOCK_BYTES    16
#define ITERATIONS_MAX 10000000
#define DER_BYTES_MAX  (8 * 1024)

/* clang-format off */
/* SEQUENCE { pbes2, SEQUENCE { SEQUENCE { pbkdf2, SEQUENCE { OCTET STRING: the salt */
static const uint8_t before_salt[] = {
	0x30, 0x60, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d,
	0x30, 0x53,
	0x30, 0x32, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c,
	0x30, 0x25, 0x04, SALT_BYTES,
};
/* INTEGER 600000, SEQUENCE { hmacWithSHA256, NULL } } }, SEQUENCE { aes256-CBC, OCTET
 * STRING: the initialisation vector */
static const uint8_t before_iv[] = {
	0x02, 0x03, 0x09, 0x27, 0xc0,
	0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09, 0x05, 0x00,
	0x30, 0x1d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a,
	0x04, IV_BYTES,
};
/* clang-format on */

#define ALGORITHM_BYTES \
	(sizeof(before_salt) + SALT_BYTES + sizeof(before_iv) + IV_BYTES)

static_assert(SEAL_ITERATIONS_DEFAULT == 0x0927c0, "the INTEGER of the template");
static_assert(ALGORITHM_BYTES == 0x60 + 2, "the length in the template");

struct material {
	uint8_t salt[SALT_BYTES], iv[IV_BYTES], key[KEY_BYTES];
};

static void material_done(struct material *m)
{
	explicit_bzero(m, sizeof(*m));
}

static int make_material(struct material *m, const char *passphrase, struct err *err)
{
	const gnutls_datum_t secret = { (unsigned char *)passphrase,
		(unsigned)strlen(passphrase) };
	const gnutls_datum_t salt = { m->salt, sizeof(m->salt) };
	int r = gnutls_rnd(GNUTLS_RND_NONCE, m->salt, sizeof(m->salt));

	if (r >= 0)
		r = gnutls_rnd(GNUTLS_RND_NONCE, m->iv, sizeof(m->iv));
	if (r >= 0)
		r = gnutls_pbkdf2(GNUTLS_MAC_SHA256, &secret, &salt,
			SEAL_ITERATIONS_DEFAULT, m->key, sizeof(m->key));
	return r < 0 ? pki_err_set(err, -EIO, r, "derive a key from the passphrase")
		     : 0;
}

/* In place: whole blocks. */
static int encrypt(const struct material *m, char *data, size_t len, struct err *err)
{
	const gnutls_datum_t key = { (unsigned char *)m->key, sizeof(m->key) };
	const gnutls_datum_t iv = { (unsigned char *)m->iv, sizeof(m->iv) };
	gnutls_cipher_hd_t cipher;
	int r = gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_CBC, &key, &iv);

	if (r < 0)
		return pki_err_set(err, -EIO, r, "AES-256");
	r = gnutls_cipher_encrypt(cipher, data, len);
	gnutls_cipher_deinit(cipher);
	return r < 0 ? pki_err_set(err, -EIO, r, "AES-256") : 0;
}

/* The key's DER, padded to whole blocks as RFC 8018 6.1.1 says. */
static int get_padded(const struct key *key, struct buf *ret, struct err *err)
{
	_cleanup_(datum_done_secret) gnutls_datum_t der = { 0 };
	int r = gnutls_x509_privkey_export2_pkcs8(
		key_get_x509(key), GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN, &der);

	if (r < 0)
		return pki_err_set(err, -EIO, r, "write private key");
	const uint8_t n = (uint8_t)(BLOCK_BYTES - der.size % BLOCK_BYTES);
	r = buf_append(ret, der.data, der.size);
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = buf_append_u8(ret, n);
	return r < 0 ? err_set(err, r, "the private key is too long") : 0;
}

/* Tag and length; what is sealed here has always more than 127 octets and less than
 * 65536. */
static void append_head(struct buf *buf, uint8_t tag, size_t len)
{
	buf_append_u8(buf, tag);
	if (len < 256) {
		if (len > 127)
			buf_append_u8(buf, 0x81);
		buf_append_u8(buf, (uint8_t)len);
		return;
	}
	buf_append_u8(buf, 0x82);
	buf_append_be16(buf, (uint16_t)len);
}

static size_t head_length(size_t len)
{
	return len < 128 ? 2 : len < 256 ? 3 : 4;
}

static int format(
	const struct material *m, const struct buf *sealed, char **ret, struct err *err)
{
	_cleanup_(buf_done) struct buf der = BUF_INIT(2 * DER_BYTES_MAX);
	_cleanup_(datum_done) gnutls_datum_t pem = { 0 };

	append_head(
		&der, 0x30, ALGORITHM_BYTES + head_length(sealed->len) + sealed->len);
	buf_append(&der, before_salt, sizeof(before_salt));
	buf_append(&der, m->salt, sizeof(m->salt));
	buf_append(&der, before_iv, sizeof(before_iv));
	buf_append(&der, m->iv, sizeof(m->iv));
	append_head(&der, 0x04, sealed->len);
	if (buf_append(&der, sealed->data, sealed->len) < 0)
		return err_set(err, -E2BIG, "the private key is too long");
	const gnutls_datum_t datum = { (unsigned char *)der.data, (unsigned)der.len };
	int r = gnutls_pem_base64_encode2("ENCRYPTED PRIVATE KEY", &datum, &pem);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "write PEM");
	*ret = xstrndup((const char *)pem.data, pem.size);
	return 0;
}

int seal_close(
	const struct key *key, const char *passphrase, char **ret, struct err *err)
{
	_cleanup_(material_done) struct material m;
	_cleanup_(buf_done) struct buf data = BUF_INIT_SECRET(DER_BYTES_MAX);
	const size_t len = strlen(passphrase);

	memset(&m, 0, sizeof(m));
	if (len < SEAL_PASSPHRASE_MIN || len > SEAL_PASSPHRASE_MAX)
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"a passphrase has %d to %d octets", SEAL_PASSPHRASE_MIN,
			SEAL_PASSPHRASE_MAX);
	int r = get_padded(key, &data, err);
	if (r >= 0)
		r = make_material(&m, passphrase, err);
	if (r >= 0)
		r = encrypt(&m, data.data, data.len, err);
	return r < 0 ? r : format(&m, &data, ret, err);
}

/* --- opening ---------------------------------------------------------------------------- */

static int check_info(const gnutls_datum_t *pem, struct err *err)
{
	unsigned schema = 0, cipher = 0, iterations = 0;
	uint8_t salt[64];
	unsigned salt_len = sizeof(salt);
	char *oid = NULL;
	int r = gnutls_pkcs8_info(pem, GNUTLS_X509_FMT_PEM, &schema, &cipher, salt,
		&salt_len, &iterations, &oid);

	gnutls_free(oid);
	if (r < 0)
		return pki_err_set(err, -EBADMSG, r, "read the sealed key");
	if (iterations > ITERATIONS_MAX)
		return err_set(err, -EBADMSG,
			"the sealed key wants %u rounds of work, more than %d",
			iterations, ITERATIONS_MAX);
	return 0;
}

/* GnuTLS's plain key as one of ours. */
static int adopt(struct key **ret, gnutls_x509_privkey_t x509, struct err *err)
{
	_cleanup_(datum_done_secret) gnutls_datum_t plain = { 0 };
	int r = gnutls_x509_privkey_export2_pkcs8(
		x509, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &plain);

	if (r < 0)
		return pki_err_set(err, -EBADMSG, r, "read the sealed key");
	return key_parse_pem(ret, (const char *)plain.data, plain.size, err);
}

int seal_open(struct key **ret, const char *text, size_t len, const char *passphrase,
	struct err *err)
{
	if (len > SEAL_BYTES_MAX || memchr(text, '\0', len))
		return err_set(err, -EBADMSG, "that is no text with a sealed key");
	const char *begin = memmem(text, len, BEGIN_LINE, strlen(BEGIN_LINE));
	if (!begin)
		return err_set(err, -EBADMSG, "there is no line " BEGIN_LINE);
	if (strlen(passphrase) > SEAL_PASSPHRASE_MAX)
		return err_set(err, -EACCES, "the passphrase is too long");
	const gnutls_datum_t pem = { (unsigned char *)begin,
		(unsigned)(len - (size_t)(begin - text)) };
	int r = check_info(&pem, err);
	if (r < 0)
		return r;
	gnutls_x509_privkey_t x509;
	r = gnutls_x509_privkey_init(&x509);
	if (r < 0)
		return pki_err_set(err, -ENOMEM, r, "new key");
	/* A wrong passphrase shows by chance only in the padding: whatever cannot be read
	 * behind it is told alike. */
	r = gnutls_x509_privkey_import_pkcs8(
		x509, &pem, GNUTLS_X509_FMT_PEM, passphrase, 0);
	r = r < 0 ? err_set(err, -EACCES,
			    "the passphrase is wrong, or the sealed key is damaged")
		  : adopt(ret, x509, err);
	gnutls_x509_privkey_deinit(x509);
	return r;
}
