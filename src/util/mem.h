/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small allocations that cannot fail: out of memory aborts, and the unit restarts on
 * a crash-safe state. What is sized by the outside world goes through util/buf.h.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/macro.h"

#define xnew(type)          ((type *)xcalloc(1, sizeof(type)))
#define xnew_array(type, n) ((type *)xcalloc((n), sizeof(type)))

/* Zeroed memory; aborts when there is none or when n * size overflows. */
void *xcalloc(size_t n, size_t size);

/* Grow or shrink an array; new elements are not zeroed. Aborts like xcalloc. */
void *xreallocarray(void *p, size_t n, size_t size);

/* Copies; NULL stays NULL. */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n);

_printf_(1, 2) char *xasprintf(const char *fmt, ...);
_printf_(1, 0) char *xvasprintf(const char *fmt, va_list ap);

/* Replace the string in *p by a copy of s (NULL allowed), freeing the old one. */
void xstrset(char **p, const char *s);

/* Overwrites a NUL-terminated secret and frees it; returns NULL. */
char *secret_free(char *s);
DEFINE_CLEANUP(char *, secret_free)

/* Frees a NULL-terminated array of strings and the strings; returns NULL. */
char **strv_free(char **v);
DEFINE_CLEANUP(char **, strv_free)

/* Appends a copy of s to a NULL-terminated array (NULL is an empty one). */
void strv_append(char ***v, const char *s);
/* The words of a blank separated text; NULL when there is none. */
char **strv_split(const char *text);
size_t strv_length(char *const *v);
bool strv_contains(char *const *v, const char *s);
/* NULL is like NULL alone. */
bool str_is_same(const char *a, const char *b);

/* For _cleanup_(): frees any malloc'ed pointer, closes any descriptor >= 0. */
void freep(void *p);
void closep(int *fd);
