/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A CA's problem document, a plugin's message and a client's host name end up in logs
 * and on terminals. None of them may start a new line there, move the cursor, or turn
 * the direction of writing.
 */
#include "util/text.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ELLIPSIS "…"

/* Octets that a sequence has after this first one; -1: cannot be first. */
static int utf8_tail_length(uint8_t first)
{
	if (first < 0x80)
		return 0;
	if (first >= 0xc2 && first <= 0xdf)
		return 1;
	if (first >= 0xe0 && first <= 0xef)
		return 2;
	if (first >= 0xf0 && first <= 0xf4)
		return 3;
	return -1;
}

/* Octets of the character at s, its code point in *ret; 0: not UTF-8. */
static size_t utf8_parse(const char *s, uint32_t *ret)
{
	/* The least code point of each length: what is below is overlong. */
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const uint8_t *u = (const uint8_t *)s;
	int n = utf8_tail_length(u[0]);

	if (n < 0)
		return 0;
	uint32_t c = n == 0 ? u[0] : u[0] & (0x3f >> n);
	for (int i = 1; i <= n; i++) {
		/* The terminating NUL is no continuation either. */
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return (size_t)n + 1;
}

static bool is_harmful(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return true;
	/* Separators and directions: U+200E, U+200F, U+2028 … U+202E, U+2066 … U+2069. */
	return c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

void text_clean(char *s)
{
	while (*s) {
		uint32_t c = 0;
		size_t n = utf8_parse(s, &c);
		if (n == 0) {
			*s++ = '?';
			continue;
		}
		if (is_harmful(c))
			memset(s, '?', n);
		s += n;
	}
}

size_t text_vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
	int saved_errno = errno;

	assert(size >= sizeof(ELLIPSIS));
	int n = vsnprintf(buf, size, fmt, ap);
	if (n < 0)
		buf[0] = '\0';
	if (n >= 0 && (size_t)n >= size) {
		size_t at = size - sizeof(ELLIPSIS);
		/* Back to where a character begins. */
		while (at > 0 && ((uint8_t)buf[at] & 0xc0) == 0x80)
			at--;
		memcpy(buf + at, ELLIPSIS, sizeof(ELLIPSIS));
	}
	text_clean(buf);
	errno = saved_errno;
	return strlen(buf);
}

size_t text_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	size_t n = text_vformat(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
