/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A private key sealed by a passphrase: PKCS#8 "ENCRYPTED PRIVATE KEY" (RFC 5958, 8018). */
#pragma once

#include "pki/key.h"

#define SEAL_BYTES_MAX          (16 * 1024)
#define SEAL_PASSPHRASE_MIN     8
#define SEAL_PASSPHRASE_MAX     1024
#define SEAL_ITERATIONS_DEFAULT 600000

/* PEM, owned by the caller. Takes half a second or more of work: not for a loop. -EINVAL:
 * the passphrase is shorter than the least or longer than the most. */
int seal_close(
	const struct key *key, const char *passphrase, char **ret, struct err *err);
/* Of a text with anything before and behind the PEM. -EACCES: the passphrase is wrong (or
 * the octets are damaged: nobody can tell); -EBADMSG: it is no such key. What would take
 * minutes of work is refused. */
int seal_open(struct key **ret, const char *text, size_t len, const char *passphrase,
	struct err *err);
