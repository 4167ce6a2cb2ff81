/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See strtab.h. Tables may have gaps (NULL), which no name finds. */
#include "util/strtab.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WORD_MAX 48 /* longer words are not compared */

const char *strtab_name(const char *const *tab, size_t n, int v)
{
	if (v < 0 || (size_t)v >= n || !tab[v])
		return "?";
	return tab[v];
}

int strtab_find(const char *const *tab, size_t n, const char *name)
{
	for (size_t i = 0; name && i < n; i++) {
		if (tab[i] && strcmp(tab[i], name) == 0)
			return (int)i;
	}
	return -EINVAL;
}

static bool is_same(char a, char b)
{
	/* Who writes key-type for key_type is as near as who writes Key_type. */
	a = a == '-' ? '_' : (char)tolower((unsigned char)a);
	b = b == '-' ? '_' : (char)tolower((unsigned char)b);
	return a == b;
}

/* Damerau's distance (adjacent letters swapped count once). Both at most WORD_MAX. */
static unsigned edit_distance(const char *a, size_t la, const char *b, size_t lb)
{
	uint8_t d[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= la; i++)
		d[i][0] = (uint8_t)i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			bool same = is_same(a[i - 1], b[j - 1]);
			unsigned v = d[i - 1][j - 1] + !same;
			v = MIN(v, MIN(d[i - 1][j], d[i][j - 1]) + 1U);
			if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) &&
				is_same(a[i - 2], b[j - 1]))
				v = MIN(v, d[i - 2][j - 2] + 1U);
			d[i][j] = (uint8_t)v;
		}
	}
	return d[la][lb];
}

const char *strtab_nearest(const char *const *candidates, const char *name)
{
	size_t len = strlen(name);
	const char *best = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	/* A slip in a short word, up to three in a long one. */
	unsigned limit = len <= 3 ? 1 : len <= 7 ? 2 : 3;
	for (; *candidates; candidates++) {
		size_t n = strlen(*candidates);
		if (n > WORD_MAX)
			continue;
		unsigned distance = edit_distance(name, len, *candidates, n);
		/* Everything replaced is another word, however short. */
		if (distance > limit || distance >= MAX(len, n))
			continue;
		best = *candidates;
		if (distance == 0)
			break;
		limit = distance - 1;
	}
	return best;
}
