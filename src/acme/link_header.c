/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One value may hold several links, each with several parameters, and a quoted
 * parameter may hold commas and semicolons:
 *
 *     <https://ca.example/c/1>;rel="alternate", <https://ca.example/dir>; rel=index
 */
#include "acme/link_header.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* Behind a token or a quoted string; NULL: not closed. Its text without quotes. */
static const char *read_value(const char *p, const char **ret, size_t *ret_len)
{
	if (*p != '"') {
		*ret = p;
		*ret_len = strcspn(p, ";, \t");
		return p + *ret_len;
	}
	const char *end = ++p;
	while (*end && *end != '"')
		end += end[0] == '\\' && end[1] ? 2 : 1;
	*ret = p;
	*ret_len = (size_t)(end - p);
	return *end ? end + 1 : NULL;
}

/* rel holds relation types separated by blanks. */
static bool has_relation(const char *text, size_t len, const char *relation)
{
	const char *end = text + len;

	while (text < end) {
		size_t n = 0;

		while (text + n < end && text[n] != ' ')
			n++;
		if (n == strlen(relation) && strncasecmp(text, relation, n) == 0)
			return true;
		text += n + 1;
	}
	return false;
}

/* Behind one `;name=value`; NULL: malformed. */
static const char *read_parameter(const char *p, bool *is_alternate)
{
	const char *name = p = skip_blanks(p + 1);
	const size_t name_len = strcspn(p, "=;, \t");
	const char *text = "";
	size_t len = 0;

	p = skip_blanks(p + name_len);
	if (*p == '=')
		p = read_value(skip_blanks(p + 1), &text, &len);
	if (p && name_len == 3 && strncasecmp(name, "rel", 3) == 0)
		*is_alternate = has_relation(text, len, "alternate");
	return p ? skip_blanks(p) : NULL;
}

void link_header_parse_alternates(const char *value, char ***targets, unsigned max)
{
	const char *p = skip_blanks(value);

	while (*p == '<') {
		const char *url = p + 1;
		const size_t url_len = strcspn(url, ">");
		bool is_alternate = false;

		if (url[url_len] != '>')
			return;
		p = skip_blanks(url + url_len + 1);
		while (p && *p == ';')
			p = read_parameter(p, &is_alternate);
		if (!p)
			return;
		if (is_alternate && strv_length(*targets) < max) {
			_cleanup_(freep) char *target = xstrndup(url, url_len);
			strv_append(targets, target);
		}
		if (*p != ',')
			return;
		p = skip_blanks(p + 1);
	}
}
