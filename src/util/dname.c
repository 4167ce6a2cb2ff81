/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one gate for names. What passes may be put into a path, a message or an argument
 * vector: it holds no slash, no blank, no quote, and no label begins with a hyphen.
 */
#include "util/dname.h"

#include <string.h>

#define LABEL_MAX 63

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_ldh(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
}

static bool is_label(const char *label, size_t len, unsigned flags)
{
	bool has_underscores = flags & DNAME_UNDERSCORE;

	if (len == 0 || len > LABEL_MAX)
		return false;
	if (label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_ldh(label[i]) && !(has_underscores && label[i] == '_'))
			return false;
	}
	return true;
}

static bool is_number(const char *label, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(label[i]))
			return false;
	}
	return true;
}

/* All labels of a lower-case name without a wildcard. A last label of digits alone is
 * no top level domain, but the end of an IPv4 address (RFC 1123 section 2.1). */
static bool has_good_labels(const char *name, unsigned flags)
{
	for (;;) {
		size_t len = strcspn(name, ".");
		if (!is_label(name, len, flags))
			return false;
		if (name[len] == '\0')
			return !is_number(name, len);
		name += len + 1;
	}
}

bool dname_normalise(
	const char *name, size_t len, unsigned flags, char *buf, size_t size)
{
	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > DNAME_MAX || len >= size)
		return false;
	for (size_t i = 0; i < len; i++) {
		/* A NUL inside would hide the rest from the checks below. */
		if (name[i] == '\0')
			return false;
		buf[i] = fold(name[i]);
	}
	buf[len] = '\0';
	if (!dname_is_wildcard(buf))
		return has_good_labels(buf, flags);
	return (flags & DNAME_WILDCARD) && has_good_labels(buf + 2, flags);
}

bool dname_is_valid(const char *name, unsigned flags)
{
	char buf[DNAME_MAX + 1];

	return dname_normalise(name, strlen(name), flags, buf, sizeof(buf)) &&
	       strcmp(buf, name) == 0;
}

bool dname_is_wildcard(const char *name)
{
	return name[0] == '*' && name[1] == '.';
}

bool dname_matches(const char *pattern, const char *name)
{
	if (strcmp(pattern, name) == 0)
		return true;
	if (!dname_is_wildcard(pattern) || dname_is_wildcard(name))
		return false;
	const char *rest = strchr(name, '.');
	return rest && rest != name && strcmp(pattern + 1, rest) == 0;
}
