/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every worker derives the same keys, so each can resume the sessions of all. */
#include "front/ticket.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

#include "pki/cert.h"
#include "util/dname.h"

#define LABEL "postseal ticket"

int ticket_key_derive(const uint8_t master[TICKET_KEY_BYTES], const char *listener,
	const char *name, const struct tls_context *context,
	uint8_t ret[TICKET_KEY_BYTES])
{
	char info[sizeof(LABEL) + 256 + DNAME_MAX + 2 + CERT_FINGERPRINT_BYTES];
	gnutls_datum_t key = { .data = (uint8_t *)master, .size = TICKET_KEY_BYTES };

	/* Neither can hold a blank: two different pairs never make the same text. */
	int n = snprintf(info, sizeof(info) - CERT_FINGERPRINT_BYTES, "%s %s %s", LABEL,
		listener, name);
	if (n < 0 || (size_t)n >= sizeof(info) - CERT_FINGERPRINT_BYTES)
		return -ENAMETOOLONG;
	memcpy(info + n + 1, tls_context_get_fingerprint(context),
		CERT_FINGERPRINT_BYTES);
	gnutls_datum_t datum = {
		.data = (uint8_t *)info,
		.size = (unsigned)n + 1 + CERT_FINGERPRINT_BYTES,
	};
	return gnutls_hkdf_expand(
		       GNUTLS_MAC_SHA256, &key, &datum, ret, TICKET_KEY_BYTES) < 0
		       ? -EIO
		       : 0;
}
