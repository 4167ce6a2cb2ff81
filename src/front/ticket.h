/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys of session tickets. GnuTLS resumes a TLS 1.3 ticket under any name, so a key
 * belongs to one listener, one name and one certificate: a ticket made for another of
 * them is no ticket here, and one made before a key was compromised ends with it. All of
 * them are derived from a master key, which the manager replaces from time to time.
 */
#pragma once

#include "link/message.h"
#include "pki/tls_context.h"

#define TICKET_KEY_BYTES LINK_TICKET_KEY_BYTES

/* HKDF-Expand (RFC 5869 2.3) of the master key. Negative: not possible; go on without
 * tickets. */
int ticket_key_derive(const uint8_t master[TICKET_KEY_BYTES], const char *listener,
	const char *name, const struct tls_context *context,
	uint8_t ret[TICKET_KEY_BYTES]);
