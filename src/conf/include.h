/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files that a pattern of !include stands for. */
#pragma once

#include "util/macro.h"

/* A pattern that is not absolute is taken in `folder`. 0: *ret_paths is sorted and not
 * empty. INCLUDE_E_NONE: there is no such file. <0: a folder cannot be read. */
enum {
	_INCLUDE_E_SUCCESS,
	INCLUDE_E_NONE,
	INCLUDE_E_GOES_ON,
};

int include_find(const char *folder, const char *pattern, char ***ret_paths);

/* The same in steps, for a folder of many thousand files. */
struct include;

struct include *include_new(const char *folder, const char *pattern);
/* Looks at one name. INCLUDE_E_GOES_ON: there may be more. Then the results of
 * include_find(), once. */
int include_step(struct include *include);
/* After that: the next path in their order, owned by the caller; NULL = no more. */
char *include_take(struct include *include);
/* At any time. NULL ok; returns NULL. */
struct include *include_free(struct include *include);
DEFINE_CLEANUP(struct include *, include_free)
