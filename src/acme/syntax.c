/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See syntax.h. All by explicit sets of octets: no locale has a say. */
#include "acme/syntax.h"

#include <string.h>
#include <strings.h>

static const char base64url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "abcdefghijklmnopqrstuvwxyz0123456789-_";

bool syntax_is_base64url(const char *s, size_t max)
{
	if (!s)
		return false;
	const size_t len = strlen(s);

	return len >= 1 && len <= max && strspn(s, base64url_alphabet) == len;
}

bool syntax_is_graphic(const char *s, size_t max)
{
	size_t len = 0;

	if (!s)
		return false;
	for (; s[len]; len++) {
		if (len == max || s[len] < 0x21 || s[len] > 0x7e)
			return false;
	}
	return len >= 1;
}

bool syntax_is_media_type(const char *value, const char *type)
{
	if (!value)
		return false;
	const size_t len = strcspn(value, "; \t");

	return len == strlen(type) && strncasecmp(value, type, len) == 0;
}
