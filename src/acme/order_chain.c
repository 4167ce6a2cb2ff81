/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last certificate's issuer is the root that a client has to know: that is how
 * operators name a chain, and how the CAs' own papers do. */
#include "acme/order_chain.h"

#include <string.h>

#include "pki/cert.h"

bool order_chain_is_by(const char *pem, size_t len, const char *issuer_cn)
{
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	char name[256];
	size_t size = sizeof(name);

	if (cert_chain_parse_pem(&chain, pem, len, NULL) < 0)
		return false;
	gnutls_x509_crt_t last =
		cert_chain_get_crt(chain, cert_chain_get_length(chain) - 1);
	int r = gnutls_x509_crt_get_issuer_dn_by_oid(
		last, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size);
	return r == 0 && strcmp(name, issuer_cn) == 0;
}
