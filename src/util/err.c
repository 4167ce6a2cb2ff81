/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See err.h. The first cause stays; each level above adds what it was doing. */
#include "util/err.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/mem.h"
#include "util/strtab.h"
#include "util/text.h"

static const char *const kind_names[] = {
	[ERR_LOCAL] = "local",
	[ERR_CONFIG] = "config",
	[ERR_NETWORK] = "network",
	[ERR_CA] = "ca",
	[ERR_PLUGIN] = "plugin",
};

static char *format_text(const char *fmt, va_list ap) _printf_(1, 0);

static char *format_text(const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX + 1];

	text_vformat(text, sizeof(text), fmt, ap);
	return xstrdup(text);
}

/* What the system calls this code, in the form of our own details. */
static char *describe_code(int code)
{
	const char *name = strerrordesc_np(-code);

	if (!name)
		return xasprintf("error %d", -code);
	char *s = xstrdup(name);
	/* "No such file", but "RPC version wrong" as it is. */
	if (isupper((unsigned char)s[0]) && islower((unsigned char)s[1]))
		s[0] = (char)tolower((unsigned char)s[0]);
	return s;
}

int err_set_at(struct err *err, enum err_kind kind, int code, const char *file,
	int line, const char *fmt, ...)
{
	va_list ap;

	assert(code < 0);
	if (!err || err_is_set(err))
		return code;
	err->code = code;
	err->kind = kind;
	err->file = file;
	err->line = line;
	va_start(ap, fmt);
	err->detail = format_text(fmt, ap);
	va_end(ap);
	return code;
}

static void drop_middle_context(struct err *err)
{
	const unsigned middle = ERR_CONTEXT_MAX / 2;

	free(err->context[middle]);
	err->n_context--;
	memmove(&err->context[middle], &err->context[middle + 1],
		(err->n_context - middle) * sizeof(err->context[0]));
}

int err_wrap(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	assert(code < 0);
	if (!err)
		return code;
	if (!err_is_set(err)) {
		/* Whoever failed said nothing but the number: better that than nothing. */
		err->code = code;
		err->detail = describe_code(code);
	}
	if (err->n_context == ERR_CONTEXT_MAX)
		drop_middle_context(err);
	va_start(ap, fmt);
	err->context[err->n_context++] = format_text(fmt, ap);
	va_end(ap);
	return code;
}

bool err_is_set(const struct err *err)
{
	return err->code != 0;
}

char *err_format(const struct err *err)
{
	char *text = NULL;
	size_t size = 0;

	if (!err_is_set(err))
		return xstrdup("no error");
	FILE *f = open_memstream(&text, &size);
	if (!f)
		return xstrdup(err->detail);
	for (unsigned i = err->n_context; i > 0; i--)
		fprintf(f, "%s: ", err->context[i - 1]);
	_cleanup_(freep) char *code = describe_code(err->code);
	fputs(err->detail ? err->detail : code, f);
	fclose(f);
	return text;
}

void err_move(struct err *dst, struct err *src)
{
	if (dst == src)
		return;
	err_done(dst);
	*dst = *src;
	*src = (struct err)ERR_INIT;
}

void err_copy(struct err *dst, const struct err *src)
{
	if (dst == src)
		return;
	err_done(dst);
	*dst = *src;
	dst->problem = xstrdup(src->problem);
	dst->detail = xstrdup(src->detail);
	for (unsigned i = 0; i < src->n_context; i++)
		dst->context[i] = xstrdup(src->context[i]);
}

void err_done(struct err *err)
{
	for (unsigned i = 0; i < err->n_context; i++)
		free(err->context[i]);
	free(err->detail);
	free(err->problem);
	*err = (struct err)ERR_INIT;
}

const char *err_kind_name(enum err_kind kind)
{
	return STRTAB_NAME(kind_names, kind);
}
