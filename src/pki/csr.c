/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PKCS#10 (RFC 2986) as CAs like it best: names in the SAN alone. A CN would be limited
 * to 64 octets, and is on its way out.
 */
#include "pki/csr.h"

#include <errno.h>
#include <string.h>

#include "pki/pki_priv.h"
#include "util/dname.h"
#include "util/mem.h"

static void crq_deinitp(gnutls_x509_crq_t *crq)
{
	if (*crq)
		gnutls_x509_crq_deinit(*crq);
}

static int set_names(gnutls_x509_crq_t crq, char *const *names, struct err *err)
{
	unsigned flags = GNUTLS_FSAN_SET;

	if (!names || !names[0])
		return err_set(err, -EINVAL, "certificate request without a name");
	for (; *names; names++, flags = GNUTLS_FSAN_APPEND) {
		if (!dname_is_valid(*names, DNAME_WILDCARD))
			return err_set(err, -EINVAL, "not a DNS name: %s", *names);
		int r = gnutls_x509_crq_set_subject_alt_name(crq, GNUTLS_SAN_DNSNAME,
			*names, (unsigned)strlen(*names), flags);
		if (r < 0)
			return pki_err_set(err, -EIO, r, "put name into request");
	}
	return 0;
}

static int sign(gnutls_x509_crq_t crq, const struct key *key, struct err *err)
{
	int r = gnutls_x509_crq_set_version(crq, 1);

	if (r >= 0)
		r = gnutls_x509_crq_set_key(crq, key_get_x509(key));
	/* The digest that suits the key. */
	if (r >= 0)
		r = gnutls_x509_crq_privkey_sign(
			crq, key_get_privkey(key), GNUTLS_DIG_UNKNOWN, 0);
	return r < 0 ? pki_err_set(err, -EIO, r, "sign request") : 0;
}

int csr_generate(const struct key *key, char *const *names, uint8_t **ret,
	size_t *ret_len, struct err *err)
{
	_cleanup_(crq_deinitp) gnutls_x509_crq_t crq = NULL;
	_cleanup_(datum_done) gnutls_datum_t der = { 0 };

	int r = gnutls_x509_crq_init(&crq);
	if (r < 0)
		return pki_err_set(err, -ENOMEM, r, "new request");
	r = set_names(crq, names, err);
	if (r < 0)
		return r;
	r = sign(crq, key, err);
	if (r < 0)
		return r;
	r = gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_DER, &der);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "write request");
	*ret = xmemdup(der.data, der.size);
	*ret_len = der.size;
	return 0;
}
