/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One place decides what happens without memory: the process ends, see mem.h. */
#include "util/mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Noreturn static void die_without_memory(void)
{
	static const char text[] = "postseal: out of memory\n";

	/* Nothing can be done about a message that does not get out. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		abort();
	abort();
}

static void *checked(void *p)
{
	if (!p)
		die_without_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	if (n == 0 || size == 0)
		n = size = 1;
	return checked(calloc(n, size));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	/* realloc to nothing frees, and says NULL for it. */
	if (n == 0 || size == 0)
		n = size = 1;
	return checked(reallocarray(p, n, size));
}

char *xstrdup(const char *s)
{
	return s ? checked(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	return s ? checked(strndup(s, n)) : NULL;
}

void *xmemdup(const void *p, size_t n)
{
	if (!p)
		return NULL;
	void *copy = checked(malloc(MAX(n, (size_t)1)));
	memcpy(copy, p, n);
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		die_without_memory();
	return s;
}

void xstrset(char **p, const char *s)
{
	/* Copied first: s may be a part of what is freed. */
	char *copy = xstrdup(s);

	free(*p);
	*p = copy;
}

char *secret_free(char *s)
{
	if (!s)
		return NULL;
	explicit_bzero(s, strlen(s));
	free(s);
	return NULL;
}

char **strv_free(char **v)
{
	if (!v)
		return NULL;
	for (char **s = v; *s; s++)
		free(*s);
	free(v);
	return NULL;
}

void strv_append(char ***v, const char *s)
{
	size_t n = strv_length(*v);

	*v = xreallocarray(*v, n + 2, sizeof(**v));
	(*v)[n] = xstrdup(s);
	(*v)[n + 1] = NULL;
}

char **strv_split(const char *text)
{
	char **v = NULL;

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t n = strcspn(text, " ");
		_cleanup_(freep) char *word = xstrndup(text, n);

		strv_append(&v, word);
		text += n;
	}
	return v;
}

size_t strv_length(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

bool str_is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool strv_contains(char *const *v, const char *s)
{
	for (; v && *v; v++) {
		if (strcmp(*v, s) == 0)
			return true;
	}
	return false;
}

void freep(void *p)
{
	free(*(void **)p);
}

void closep(int *fd)
{
	int saved_errno = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved_errno;
}
