/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of files by template: %d is the domain, %k the key type, %% a percent sign. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TEMPLATE_PATH_MAX 4096

bool template_is_valid(const char *template);
/* False: it does not fit, or what is to be put in may not stand in a file's name. Of a
 * wildcard "*.example.org" becomes "_.example.org". */
bool template_expand(const char *template, const char *domain, const char *key_type,
	char *path, size_t size);
