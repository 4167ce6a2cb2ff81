/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificate signing request (PKCS#10): SAN dNSNames only, empty subject, no CN. */
#pragma once

#include "pki/key.h"

/* DER, owned by the caller. At least one name. */
int csr_generate(const struct key *key, char *const *names, uint8_t **ret,
	size_t *ret_len, struct err *err);
