/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Choosing among the chains that a CA offers (RFC 8555 7.4.2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Was the last certificate of that PEM chain issued by this common name? A chain that
 * cannot be read is by nobody. */
bool order_chain_is_by(const char *pem, size_t len, const char *issuer_cn);
