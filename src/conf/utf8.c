/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 3629, table 3-7 of the Unicode standard: no overlong forms, no surrogates. */
#include "conf/utf8.h"

#include <stdbool.h>
#include <stdint.h>

/* Reads one character of at least two octets. 0: not UTF-8. */
static size_t read_long(const uint8_t *s, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
		return 0;
	uint32_t v = s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*ret = v;
	return n;
}

/* C1 controls, line and paragraph separators, and what reorders the text around it. */
static bool is_hidden(uint32_t v)
{
	return v < 0xa0 || (v >= 0x2028 && v <= 0x202e) || (v >= 0x2066 && v <= 0x2069);
}

size_t utf8_find_bad(const char *s, size_t len)
{
	const uint8_t *u = (const uint8_t *)s;
	size_t i = 0;

	while (i < len) {
		uint32_t v;
		if (u[i] < 0x80) {
			if (u[i] < 0x20 || u[i] == 0x7f)
				return i;
			i++;
			continue;
		}
		size_t n = read_long(u + i, len - i, &v);
		if (n == 0 || is_hidden(v))
			return i;
		i += n;
	}
	return len;
}
