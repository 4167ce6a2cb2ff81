/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What text from a CA may consist of before it is used for anything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* 1 to max octets of A-Z a-z 0-9 - _ (RFC 8555 6.5.1 nonces, 8.1 tokens). NULL: false. */
bool syntax_is_base64url(const char *s, size_t max);
/* 1 to max octets, all printable ASCII and none of them white space. NULL: false. */
bool syntax_is_graphic(const char *s, size_t max);
/* Is this header value that media type? Parameters and case do not matter. */
bool syntax_is_media_type(const char *value, const char *type);
