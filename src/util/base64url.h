/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base64url without padding (RFC 4648 section 5, as RFC 7515 uses it). */
#pragma once

#include <stdint.h>

#include "util/err.h"

/* Owned by the caller. */
char *base64url_format(const void *data, size_t len);
/* Strict: no padding, no white space, no stray bits. -EINVAL. *ret owned by caller. */
int base64url_parse(const char *s, uint8_t **ret, size_t *ret_len, struct err *err);
