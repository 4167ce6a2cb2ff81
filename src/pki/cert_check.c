/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks before a chain is activated, one function each, in the order in which an
 * operator would want to hear of them: the cause before its consequences. Each says what
 * is wrong in words that need no knowledge of X.509's.
 *
 * Whether the root is trusted by anybody is not asked: a private CA's is not, here.
 */
#include <errno.h>
#include <string.h>

#include "pki/cert.h"
#include "pki/cert_priv.h"
#include "pki/pki_priv.h"
#include "util/buf.h"
#include "util/dname.h"
#include "util/mem.h"

#define SKEW_USEC      USEC_PER_MIN
#define KEY_ID_BYTES   32
#define NAMES_SHOWN    5
#define NAMES_TEXT_MAX 4096

/* What no client takes any more. */
#define RSA_BITS_MIN 2048

#define refuse(err, ...) err_set_kind((err), ERR_CA, -EBADMSG, __VA_ARGS__)

bool cert_is_for_key(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
	uint8_t of_crt[KEY_ID_BYTES], of_key[KEY_ID_BYTES];
	size_t crt_len = sizeof(of_crt), key_len = sizeof(of_key);

	if (gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, of_crt, &crt_len) <
		0)
		return false;
	if (gnutls_x509_privkey_get_key_id(
		    key, GNUTLS_KEYID_USE_SHA256, of_key, &key_len) < 0)
		return false;
	return crt_len == key_len && memcmp(of_crt, of_key, crt_len) == 0;
}

static int check_leaf(const struct cert_chain *chain, struct err *err)
{
	gnutls_x509_crt_t leaf = cert_chain_get_crt(chain, 0);

	if (gnutls_x509_crt_get_ca_status(leaf, NULL) > 0)
		return refuse(err,
			"the first certificate is that of a CA, not that of a server");
	if (!gnutls_x509_crt_check_key_purpose(leaf, GNUTLS_KP_TLS_WWW_SERVER, 0))
		return refuse(err, "the certificate is not meant for servers");
	return 0;
}

static int check_key(
	const struct cert_chain *chain, const struct key *key, struct err *err)
{
	if (!cert_is_for_key(cert_chain_get_crt(chain, 0), key_get_x509(key)))
		return refuse(err,
			"the certificate is for another key than the one in the order");
	return 0;
}

static int check_signature(const struct cert_chain *chain, unsigned i, struct err *err)
{
	/* Times are compared with our clock, which a test may set. */
	const unsigned flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
			       GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS |
			       GNUTLS_VERIFY_DO_NOT_ALLOW_SAME;
	gnutls_x509_crt_t crt = cert_chain_get_crt(chain, i);
	gnutls_x509_crt_t issuer = cert_chain_get_crt(chain, i + 1);
	unsigned status = 0;
	int r = gnutls_x509_crt_verify(crt, &issuer, 1, flags, &status);

	if (r < 0)
		return refuse(err, "certificate %u of the chain cannot be verified: %s",
			i + 1, gnutls_strerror(r));
	if (status & GNUTLS_CERT_INSECURE_ALGORITHM)
		return refuse(err,
			"certificate %u of the chain is signed in a way that is no "
			"longer safe (%s)",
			i + 1,
			gnutls_sign_get_name(
				gnutls_x509_crt_get_signature_algorithm(crt)));
	if (status & GNUTLS_CERT_SIGNER_NOT_CA)
		return refuse(err,
			"certificate %u of the chain is not that of a CA, and cannot "
			"have signed certificate %u",
			i + 2, i + 1);
	if (status != 0)
		return refuse(err,
			"certificate %u of the chain did not sign certificate %u",
			i + 2, i + 1);
	return 0;
}

static int check_strength(const struct cert_chain *chain, unsigned i, struct err *err)
{
	unsigned bits = 0;
	int pk = gnutls_x509_crt_get_pk_algorithm(cert_chain_get_crt(chain, i), &bits);

	if (pk == GNUTLS_PK_RSA && bits < RSA_BITS_MIN)
		return refuse(err,
			"the key of certificate %u of the chain is too weak (RSA, %u bits)",
			i + 1, bits);
	return 0;
}

/* A CA's root may be left out (RFC 8555 section 9.1), what is between may not. */
static int check_lone_leaf(const struct cert_chain *chain, struct err *err)
{
	gnutls_x509_crt_t leaf = cert_chain_get_crt(chain, 0);

	if (gnutls_x509_crt_check_issuer(leaf, leaf))
		return 0;
	return refuse(err,
		"the chain is not complete: the certificate of the issuer (%s) is missing",
		cert_chain_get_issuer(chain));
}

static int check_links(
	const struct cert_chain *chain, const struct cert_check *check, struct err *err)
{
	unsigned n = cert_chain_get_length(chain);

	if (n == 1 && !check->lone_leaf_allowed)
		return check_lone_leaf(chain, err);
	for (unsigned i = 0; i < n; i++) {
		int r = check_strength(chain, i, err);
		if (r == 0 && i + 1 < n)
			r = check_signature(chain, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool covers(char *const *patterns, const char *name)
{
	for (; *patterns; patterns++) {
		if (dname_matches(*patterns, name))
			return true;
	}
	return false;
}

static int refuse_name(
	const struct cert_chain *chain, const char *name, struct err *err)
{
	char *const *names = cert_chain_get_names(chain);
	size_t n = strv_length(names);
	_cleanup_(buf_done) struct buf list = BUF_INIT(NAMES_TEXT_MAX);

	for (size_t i = 0; i < MIN(n, (size_t)NAMES_SHOWN); i++)
		buf_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
	if (n > NAMES_SHOWN)
		buf_printf(&list, " and %zu more", n - NAMES_SHOWN);
	return refuse(err, "the certificate does not cover %s (it covers %s)", name,
		n > 0 ? buf_str(&list) : "no name at all");
}

static int check_names(
	const struct cert_chain *chain, char *const *names, struct err *err)
{
	for (; names && *names; names++) {
		if (!covers(cert_chain_get_names(chain), *names))
			return refuse_name(chain, *names, err);
	}
	return 0;
}

static int check_not_before(
	const struct cert_chain *chain, usec_t wall_now_usec, struct err *err)
{
	usec_t not_before_usec = cert_chain_get_not_before(chain);
	char starts[USEC_RFC3339_MAX], now[USEC_RFC3339_MAX];

	if (not_before_usec <= usec_add(wall_now_usec, SKEW_USEC))
		return 0;
	return refuse(err,
		"the certificate is not valid before %s (this machine's clock says %s)",
		usec_format_rfc3339(not_before_usec, starts, sizeof(starts)),
		usec_format_rfc3339(wall_now_usec, now, sizeof(now)));
}

static int check_not_after(
	const struct cert_chain *chain, const struct cert_check *check, struct err *err)
{
	usec_t not_after_usec = cert_chain_get_not_after(chain);
	char ends[USEC_RFC3339_MAX], other[USEC_RFC3339_MAX];

	usec_format_rfc3339(not_after_usec, ends, sizeof(ends));
	if (not_after_usec <= check->wall_now_usec)
		return refuse(err,
			"the certificate expired on %s (this machine's clock says %s)",
			ends,
			usec_format_rfc3339(
				check->wall_now_usec, other, sizeof(other)));
	if (check->ends_from_usec > 0 && not_after_usec < check->ends_from_usec)
		return refuse(err,
			"the certificate ends on %s, before the one that it would "
			"replace (%s)",
			ends,
			usec_format_rfc3339(
				check->ends_from_usec, other, sizeof(other)));
	return 0;
}

/* Only the leaf's own issuer: what is further up may be a cross-signature that clients
 * do without, and CAs have kept such ones beyond their end. */
static int check_issuer_time(
	const struct cert_chain *chain, usec_t wall_now_usec, struct err *err)
{
	if (cert_chain_get_length(chain) < 2)
		return 0;
	time_t ends = gnutls_x509_crt_get_expiration_time(cert_chain_get_crt(chain, 1));
	usec_t ends_usec = ends < 0 ? 0 : usec_mul((uint64_t)ends, USEC_PER_SEC);
	char text[USEC_RFC3339_MAX];

	if (ends_usec > wall_now_usec)
		return 0;
	return refuse(err, "certificate 2 of the chain expired on %s",
		usec_format_rfc3339(ends_usec, text, sizeof(text)));
}

int cert_chain_check(
	const struct cert_chain *chain, const struct cert_check *check, struct err *err)
{
	int r = check_leaf(chain, err);

	if (r == 0)
		r = check_key(chain, check->key, err);
	if (r == 0)
		r = check_links(chain, check, err);
	if (r == 0)
		r = check_names(chain, check->names, err);
	if (r == 0)
		r = check_not_before(chain, check->wall_now_usec, err);
	if (r == 0)
		r = check_not_after(chain, check, err);
	if (r == 0)
		r = check_issuer_time(chain, check->wall_now_usec, err);
	return r;
}
