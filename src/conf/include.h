/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files that a pattern of !include stands for. */
#pragma once

/* A pattern that is not absolute is taken in `folder`. 0: *ret_paths is sorted and not
 * empty. INCLUDE_E_NONE: there is no such file. <0: a folder cannot be read. */
enum {
	_INCLUDE_E_SUCCESS,
	INCLUDE_E_NONE,
};

int include_find(const char *folder, const char *pattern, char ***ret_paths);
