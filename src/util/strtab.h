/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables of names for enums: an array of strings indexed by the value. And the
 * nearest known name for one that is unknown.
 */
#pragma once

#include <stddef.h>

#include "util/macro.h"

/* Name of v, or "?" when out of range. */
const char *strtab_name(const char *const *tab, size_t n, int v);
/* Value of a name, or -EINVAL. */
int strtab_find(const char *const *tab, size_t n, const char *name);

#define STRTAB_NAME(tab, v)    strtab_name((tab), ARRAY_SIZE(tab), (int)(v))
#define STRTAB_FIND(tab, name) strtab_find((tab), ARRAY_SIZE(tab), (name))

/* The candidate with the least edit distance to `name`, if that is small enough to be
 * a slip of the finger, else NULL. `candidates` is NULL-terminated. */
const char *strtab_nearest(const char *const *candidates, const char *name);
