/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text that may hold what came from outside, made fit for a log, a page, a terminal. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "util/macro.h"

/* Replaces by '?' in place: control characters (C0, DEL, C1), line and paragraph
 * separators, direction overrides, and octets that are not UTF-8. */
void text_clean(char *s);

/* Formats into buf and cleans it. What does not fit is cut between two characters and
 * ends in "…". Size is at least 4. Returns the length. Keeps errno. */
_printf_(3, 0) size_t text_vformat(char *buf, size_t size, const char *fmt, va_list ap);
_printf_(3, 4) size_t text_format(char *buf, size_t size, const char *fmt, ...);
