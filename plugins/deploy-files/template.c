/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is put in never leads out of a folder: no slash passes, and no dot in front. */
#include "plugins/deploy-files/template.h"

#include <string.h>

struct out {
	char *text;
	size_t len;
	size_t size;
};

static bool put(struct out *out, char c)
{
	if (out->len + 1 >= out->size)
		return false;
	out->text[out->len++] = c;
	out->text[out->len] = '\0';
	return true;
}

static bool is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static bool put_word(struct out *out, const char *word)
{
	if (!word || word[0] == '\0' || word[0] == '.')
		return false;
	for (; *word; word++) {
		char c = *word == '*' ? '_' : *word;
		if (!is_safe(c) || !put(out, c))
			return false;
	}
	return true;
}

bool template_is_valid(const char *template)
{
	for (const char *p = template; (p = strchr(p, '%')); p += 2) {
		if (p[1] != 'd' && p[1] != 'k' && p[1] != '%')
			return false;
	}
	return true;
}

bool template_expand(const char *template, const char *domain, const char *key_type,
	char *path, size_t size)
{
	struct out out = { path, 0, size };
	bool ok = true;

	for (const char *p = template; ok && *p; p++) {
		if (*p != '%') {
			ok = put(&out, *p);
			continue;
		}
		p++;
		if (*p == 'd')
			ok = put_word(&out, domain);
		else if (*p == 'k')
			ok = put_word(&out, key_type);
		else
			ok = *p == '%' && put(&out, '%');
	}
	return ok && out.len > 0;
}
