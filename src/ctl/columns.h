/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of cells that are printed in aligned columns. Cells are cleaned: they may hold
 * what came from outside, and go to a terminal.
 */
#pragma once

#include <stdio.h>

#include "util/macro.h"

#define COLUMNS_MAX 8

struct columns;

/* The headings of a NULL-terminated list are the first row; they set the number of
 * columns. NULL instead of the list: two columns without headings. */
struct columns *columns_new(const char *const *headings);
struct columns *columns_free(struct columns *columns);
DEFINE_CLEANUP(struct columns *, columns_free)

/* One cell after the other, from left to right; the last of a row begins the next one.
 * NULL and "" are printed as "-". */
void columns_add(struct columns *columns, const char *text);
_printf_(2, 3) void columns_printf(struct columns *columns, const char *fmt, ...);
/* Nothing is padded behind the last cell of a row. */
void columns_print(const struct columns *columns, FILE *out);
