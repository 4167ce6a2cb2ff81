/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Private keys. GnuTLS wants the same key in two shapes: gnutls_x509_privkey_t to read,
 * write and make requests with, gnutls_privkey_t to sign with; the second borrows the
 * first.
 *
 * GnuTLS overwrites its own copies when they are freed; every text copy made here is
 * overwritten by us.
 */
#include "pki/key.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "pki/pki_priv.h"
#include "util/base64url.h"
#include "util/mem.h"
#include "util/strtab.h"

#define KEY_PEM_BYTES_MAX    (64 * 1024)
#define SHA256_BYTES         32
#define COORDINATE_BYTES_MAX 48

struct key {
	enum key_type type;
	gnutls_x509_privkey_t x509; /* owned */
	gnutls_privkey_t privkey;   /* owned; points into x509 */
};

/* What there is to know of a type. */
struct type_info {
	gnutls_pk_algorithm_t pk;
	gnutls_ecc_curve_t curve; /* or invalid */
	unsigned bits;            /* RSA: of the modulus */
	gnutls_sign_algorithm_t sign;
	const char *jws_alg;
	const char *jwk_crv;     /* NULL for RSA */
	size_t coordinate_bytes; /* ECDSA: of r and s, x and y */
};

/* clang-format off */
static const struct type_info types[_KEY_TYPE_MAX] = {
	[KEY_ECDSA_P256] = { GNUTLS_PK_ECDSA, GNUTLS_ECC_CURVE_SECP256R1, 0,
		GNUTLS_SIGN_ECDSA_SHA256, "ES256", "P-256", 32 },
	[KEY_ECDSA_P384] = { GNUTLS_PK_ECDSA, GNUTLS_ECC_CURVE_SECP384R1, 0,
		GNUTLS_SIGN_ECDSA_SHA384, "ES384", "P-384", 48 },
	[KEY_RSA_2048] = { GNUTLS_PK_RSA, GNUTLS_ECC_CURVE_INVALID, 2048,
		GNUTLS_SIGN_RSA_SHA256, "RS256", NULL, 0 },
	[KEY_RSA_3072] = { GNUTLS_PK_RSA, GNUTLS_ECC_CURVE_INVALID, 3072,
		GNUTLS_SIGN_RSA_SHA256, "RS256", NULL, 0 },
	[KEY_RSA_4096] = { GNUTLS_PK_RSA, GNUTLS_ECC_CURVE_INVALID, 4096,
		GNUTLS_SIGN_RSA_SHA256, "RS256", NULL, 0 },
	[KEY_ED25519] = { GNUTLS_PK_EDDSA_ED25519, GNUTLS_ECC_CURVE_ED25519, 0,
		GNUTLS_SIGN_EDDSA_ED25519, "EdDSA", "Ed25519", 32 },
};

const char *const key_type_names[] = {
	[KEY_ECDSA_P256] = "ecdsa-p256",
	[KEY_ECDSA_P384] = "ecdsa-p384",
	[KEY_RSA_2048]   = "rsa-2048",
	[KEY_RSA_3072]   = "rsa-3072",
	[KEY_RSA_4096]   = "rsa-4096",
	[KEY_ED25519]    = "ed25519",
	[_KEY_TYPE_MAX]  = NULL,
};

/* clang-format on */

const char *key_type_name(enum key_type type)
{
	return strtab_name(key_type_names, _KEY_TYPE_MAX, (int)type);
}

enum key_type key_type_parse(const char *name)
{
	return (enum key_type)strtab_find(key_type_names, _KEY_TYPE_MAX, name);
}

bool key_type_is_rsa(enum key_type type)
{
	return type >= 0 && type < _KEY_TYPE_MAX && types[type].pk == GNUTLS_PK_RSA;
}

struct key *key_free(struct key *key)
{
	if (!key)
		return NULL;
	if (key->privkey)
		gnutls_privkey_deinit(key->privkey);
	if (key->x509)
		gnutls_x509_privkey_deinit(key->x509);
	free(key);
	return NULL;
}

static int new_empty(struct key **ret, struct err *err)
{
	_cleanup_(key_freep) struct key *key = xnew(struct key);

	int r = gnutls_x509_privkey_init(&key->x509);
	if (r >= 0)
		r = gnutls_privkey_init(&key->privkey);
	if (r < 0)
		return pki_err_set(err, -ENOMEM, r, "new key");
	*ret = TAKE_PTR(key);
	return 0;
}

static int attach_signer(struct key *key, struct err *err)
{
	int r = gnutls_privkey_import_x509(key->privkey, key->x509, 0);

	return r < 0 ? pki_err_set(err, -EINVAL, r, "use key for signing") : 0;
}

int key_generate(struct key **ret, enum key_type type, struct err *err)
{
	assert(type >= 0 && type < _KEY_TYPE_MAX);
	const struct type_info *info = &types[type];
	unsigned bits = info->bits ? info->bits : GNUTLS_CURVE_TO_BITS(info->curve);
	_cleanup_(key_freep) struct key *key = NULL;

	int r = new_empty(&key, err);
	if (r < 0)
		return r;
	key->type = type;
	r = gnutls_x509_privkey_generate(key->x509, info->pk, bits, 0);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "generate key");
	r = attach_signer(key, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(key);
	return 0;
}

static gnutls_ecc_curve_t get_curve(gnutls_x509_privkey_t x509)
{
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
	_cleanup_(datum_done) gnutls_datum_t x = { 0 }, y = { 0 };
	_cleanup_(datum_done_secret) gnutls_datum_t k = { 0 };

	int r = gnutls_x509_privkey_export_ecc_raw(x509, &curve, &x, &y, &k);
	return r < 0 ? GNUTLS_ECC_CURVE_INVALID : curve;
}

static enum key_type find_type(gnutls_x509_privkey_t x509)
{
	unsigned bits = 0;
	int pk = gnutls_x509_privkey_get_pk_algorithm2(x509, &bits);
	gnutls_ecc_curve_t curve =
		pk == GNUTLS_PK_RSA ? GNUTLS_ECC_CURVE_INVALID : get_curve(x509);

	for (int i = 0; i < _KEY_TYPE_MAX; i++) {
		const struct type_info *info = &types[i];
		if ((int)info->pk == pk && info->curve == curve &&
			(info->bits == 0 || info->bits == bits))
			return (enum key_type)i;
	}
	return _KEY_TYPE_INVALID;
}

static int import_pem(struct key *key, const char *pem, size_t len, struct err *err)
{
	gnutls_datum_t datum = { .data = (unsigned char *)pem, .size = (unsigned)len };
	int r = gnutls_x509_privkey_import2(
		key->x509, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);

	if (r == GNUTLS_E_DECRYPTION_FAILED)
		return err_set(err, -EBADMSG, "the private key is encrypted");
	if (r < 0)
		return pki_err_set(err, -EBADMSG, r, "read private key");
	key->type = find_type(key->x509);
	if (key->type < 0)
		return err_set(err, -EBADMSG,
			"the private key is of a kind that is not used here "
			"(ECDSA P-256 and P-384, RSA 2048, 3072, 4096, Ed25519 are)");
	return 0;
}

int key_parse_pem(struct key **ret, const char *pem, size_t len, struct err *err)
{
	if (len > KEY_PEM_BYTES_MAX)
		return err_set(err, -EBADMSG, "the private key is too long");
	if (memchr(pem, '\0', len))
		return err_set(err, -EBADMSG, "the private key has a NUL inside");
	_cleanup_(key_freep) struct key *key = NULL;
	int r = new_empty(&key, err);
	if (r < 0)
		return r;
	r = import_pem(key, pem, len, err);
	if (r < 0)
		return r;
	r = attach_signer(key, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(key);
	return 0;
}

int key_format_pem(const struct key *key, char **ret, struct err *err)
{
	_cleanup_(datum_done_secret) gnutls_datum_t pem = { 0 };
	int r = gnutls_x509_privkey_export2_pkcs8(
		key->x509, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem);

	if (r < 0)
		return pki_err_set(err, -EIO, r, "write private key");
	*ret = xstrndup((const char *)pem.data, pem.size);
	return 0;
}

enum key_type key_get_type(const struct key *key)
{
	return key->type;
}

gnutls_privkey_t key_get_privkey(const struct key *key)
{
	return key->privkey;
}

gnutls_x509_privkey_t key_get_x509(const struct key *key)
{
	return key->x509;
}

const char *key_get_jws_alg(const struct key *key)
{
	return types[key->type].jws_alg;
}

/* An integer of any width, big endian, into exactly `width` octets. GnuTLS gives them
 * now with a zero in front, now one octet short. */
static bool copy_fixed(uint8_t *out, size_t width, const gnutls_datum_t *integer)
{
	const uint8_t *p = integer->data;
	size_t len = integer->size;

	while (len > 0 && *p == 0) {
		p++;
		len--;
	}
	if (len > width)
		return false;
	memset(out, 0, width - len);
	if (len > 0)
		memcpy(out + (width - len), p, len);
	return true;
}

/* DER SEQUENCE of two integers to r || s (RFC 7518 section 3.4). */
static int flatten_ecdsa(const gnutls_datum_t *der, size_t width, uint8_t **ret,
	size_t *ret_len, struct err *err)
{
	_cleanup_(datum_done) gnutls_datum_t r_value = { 0 }, s_value = { 0 };
	int r = gnutls_decode_rs_value(der, &r_value, &s_value);

	if (r < 0)
		return pki_err_set(err, -EIO, r, "read own signature");
	_cleanup_(freep) uint8_t *out = xcalloc(2, width);
	if (!copy_fixed(out, width, &r_value) ||
		!copy_fixed(out + width, width, &s_value))
		return err_set(err, -EIO, "signature is wider than its curve");
	*ret = TAKE_PTR(out);
	*ret_len = 2 * width;
	return 0;
}

int key_sign_jws(const struct key *key, const void *data, size_t len, uint8_t **ret,
	size_t *ret_len, struct err *err)
{
	const struct type_info *info = &types[key->type];
	gnutls_datum_t input = { .data = (unsigned char *)data, .size = (unsigned)len };
	_cleanup_(datum_done) gnutls_datum_t signature = { 0 };

	if (len > UINT32_MAX)
		return err_set(err, -E2BIG, "too much to sign");
	int r = gnutls_privkey_sign_data2(
		key->privkey, info->sign, 0, &input, &signature);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "sign");
	if (info->pk == GNUTLS_PK_ECDSA)
		return flatten_ecdsa(
			&signature, info->coordinate_bytes, ret, ret_len, err);
	*ret = xmemdup(signature.data, signature.size);
	*ret_len = signature.size;
	return 0;
}

/* RFC 7518 section 6.3.1: no zero octets in front. */
static char *format_integer(const gnutls_datum_t *integer)
{
	const uint8_t *p = integer->data;
	size_t len = integer->size;

	while (len > 1 && *p == 0) {
		p++;
		len--;
	}
	return base64url_format(p, len);
}

static int format_jwk_rsa(gnutls_privkey_t privkey, char **ret, struct err *err)
{
	_cleanup_(datum_done) gnutls_datum_t m = { 0 }, e = { 0 };
	int r = gnutls_privkey_export_rsa_raw2(
		privkey, &m, &e, NULL, NULL, NULL, NULL, NULL, NULL, 0);

	if (r < 0)
		return pki_err_set(err, -EIO, r, "read public key");
	_cleanup_(freep) char *n_text = format_integer(&m);
	_cleanup_(freep) char *e_text = format_integer(&e);
	*ret = xasprintf("{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e_text, n_text);
	return 0;
}

/* RFC 7518 section 6.2.1: coordinates have the full width of the curve. */
static char *format_coordinate(const gnutls_datum_t *integer, size_t width)
{
	uint8_t out[COORDINATE_BYTES_MAX];

	return copy_fixed(out, width, integer) ? base64url_format(out, width) : NULL;
}

static int format_jwk_ecdsa(const struct type_info *info, const gnutls_datum_t *x,
	const gnutls_datum_t *y, char **ret, struct err *err)
{
	_cleanup_(freep) char *x_text = format_coordinate(x, info->coordinate_bytes);
	_cleanup_(freep) char *y_text = format_coordinate(y, info->coordinate_bytes);

	if (!x_text || !y_text)
		return err_set(err, -EIO, "public key is wider than its curve");
	*ret = xasprintf("{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
		info->jwk_crv, x_text, y_text);
	return 0;
}

/* RFC 8037 section 2. The x is octets, not an integer: nothing is stripped. */
static int format_jwk_okp(const struct type_info *info, const gnutls_datum_t *x,
	char **ret, struct err *err)
{
	if (x->size != info->coordinate_bytes)
		return err_set(err, -EIO, "public key has %u octets", x->size);
	_cleanup_(freep) char *x_text = base64url_format(x->data, x->size);
	*ret = xasprintf(
		"{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"}", info->jwk_crv, x_text);
	return 0;
}

int key_format_jwk(const struct key *key, char **ret, struct err *err)
{
	const struct type_info *info = &types[key->type];
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
	_cleanup_(datum_done) gnutls_datum_t x = { 0 }, y = { 0 };

	if (info->pk == GNUTLS_PK_RSA)
		return format_jwk_rsa(key->privkey, ret, err);
	int r = gnutls_privkey_export_ecc_raw2(key->privkey, &curve, &x, &y, NULL, 0);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "read public key");
	if (info->pk == GNUTLS_PK_EDDSA_ED25519)
		return format_jwk_okp(info, &x, ret, err);
	return format_jwk_ecdsa(info, &x, &y, ret, err);
}

int key_format_thumbprint(const struct key *key, char **ret, struct err *err)
{
	_cleanup_(freep) char *jwk = NULL;
	uint8_t hash[SHA256_BYTES];

	int r = key_format_jwk(key, &jwk, err);
	if (r < 0)
		return r;
	r = gnutls_hash_fast(GNUTLS_DIG_SHA256, jwk, strlen(jwk), hash);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "SHA-256");
	*ret = base64url_format(hash, sizeof(hash));
	return 0;
}
