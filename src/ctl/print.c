/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See print.h. */
#include "ctl/print.h"

#include <stdarg.h>

#include "util/mem.h"
#include "util/text.h"

static void print_cleaned(FILE *out, const char *prefix, char *text)
{
	text_clean(text);
	fprintf(out, "%s%s\n", prefix, text);
}

void print_line(FILE *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *text = xvasprintf(fmt, ap);
	va_end(ap);
	print_cleaned(out, "", text);
}

void print_problem(FILE *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *text = xvasprintf(fmt, ap);
	va_end(ap);
	print_cleaned(err, "postsealctl: ", text);
}

void print_err(FILE *out, const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	print_problem(out, "%s", text);
}

static void print_dumped(FILE *out, const json_t *json, size_t flags)
{
	_cleanup_(freep) char *text = json_dumps(json,
		flags | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);

	fprintf(out, "%s\n", text ? text : "null");
}

void print_json(FILE *out, const json_t *json)
{
	print_dumped(out, json, JSON_INDENT(2));
}

void print_json_line(FILE *out, const json_t *json)
{
	print_dumped(out, json, JSON_COMPACT);
}
