/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exactly one text for each value, and no other accepted: nothing to smuggle in. */
#include "util/base64url.h"

#include <errno.h>
#include <string.h>

#include "util/mem.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64url_format(const void *data, size_t len)
{
	const uint8_t *p = data;
	char *s = xcalloc(len / 3 + 1, 4);
	char *out = s;
	unsigned bits = 0;
	uint32_t acc = 0;

	for (size_t i = 0; i < len; i++) {
		acc = acc << 8 | p[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*out++ = alphabet[acc >> (bits - 6) & 0x3f];
	}
	if (bits > 0)
		*out++ = alphabet[acc << (6 - bits) & 0x3f];
	*out = '\0';
	return s;
}

/* 0 … 63, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

int base64url_parse(const char *s, uint8_t **ret, size_t *ret_len, struct err *err)
{
	size_t len = strlen(s);
	_cleanup_(freep) uint8_t *data = xcalloc(len + 1, 1);
	size_t n = 0;
	unsigned bits = 0;
	uint32_t acc = 0;

	for (size_t i = 0; i < len; i++) {
		int v = value_of(s[i]);
		if (v < 0)
			return err_set(err, -EINVAL, "base64url: bad octet at %zu", i);
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			data[n++] = (uint8_t)(acc >> bits);
		}
	}
	if (bits >= 6 || (acc & ((1U << bits) - 1)) != 0)
		return err_set(err, -EINVAL, "base64url: bits left over at the end");
	*ret = TAKE_PTR(data);
	*ret_len = n;
	return 0;
}
