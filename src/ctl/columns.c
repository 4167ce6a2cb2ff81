/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See columns.h. A character is taken to be one place wide: names and sentences are
 * ASCII but for what an operator writes into them. */
#include "ctl/columns.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "util/mem.h"
#include "util/text.h"

#define GAP 2

struct columns {
	size_t n_columns;
	char **cell; /* owned, and each of them; row after row */
	size_t n;
	size_t size; /* allocated */
	size_t width[COLUMNS_MAX];
};

static size_t width_of(const char *text)
{
	size_t width = 0;

	for (const char *c = text; *c; c++)
		width += ((uint8_t)*c & 0xc0) != 0x80;
	return width;
}

/* Takes the text over. */
static void add_owned(struct columns *c, char *text)
{
	size_t i = c->n % c->n_columns;

	text_clean(text);
	if (c->n == c->size) {
		c->size = c->size ? 2 * c->size : 64;
		c->cell = xreallocarray(c->cell, c->size, sizeof(*c->cell));
	}
	c->cell[c->n++] = text;
	c->width[i] = MAX(c->width[i], width_of(text));
}

void columns_add(struct columns *c, const char *text)
{
	add_owned(c, xstrdup(text && text[0] ? text : "-"));
}

void columns_printf(struct columns *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_owned(c, xvasprintf(fmt, ap));
	va_end(ap);
}

struct columns *columns_new(const char *const *headings)
{
	struct columns *c = xnew(struct columns);

	c->n_columns = 2;
	if (!headings)
		return c;
	c->n_columns = 0;
	while (headings[c->n_columns] && c->n_columns < COLUMNS_MAX)
		c->n_columns++;
	for (size_t i = 0; i < c->n_columns; i++)
		columns_add(c, headings[i]);
	return c;
}

struct columns *columns_free(struct columns *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		free(c->cell[i]);
	free(c->cell);
	free(c);
	return NULL;
}

void columns_print(const struct columns *c, FILE *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const char *text = c->cell[i];
		size_t column = i % c->n_columns;
		size_t padding = c->width[column] - width_of(text) + GAP;

		if (column + 1 == c->n_columns || i + 1 == c->n)
			fprintf(out, "%s\n", text);
		else
			fprintf(out, "%s%*s", text, (int)padding, "");
	}
}
