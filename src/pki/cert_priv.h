/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of pki/cert.c for the rest of the room and its tests. */
#pragma once

#include <gnutls/x509.h>
#include <stdint.h>

#include "util/err.h"

/* Do both have the same public key? */
bool cert_is_for_key(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key);

/* The text of RFC 9773 section 4.1 from the octets of keyIdentifier and of the serial
 * (the contents of the DER INTEGER). Owned by the caller. */
char *cert_format_ari_text(
	const uint8_t *aki, size_t aki_len, const uint8_t *serial, size_t serial_len);
