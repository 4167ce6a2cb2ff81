/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may stand in a line of the configuration: UTF-8 that prints as itself. */
#pragma once

#include <stddef.h>

/* Offset of the first octet that is a control character, part of invalid UTF-8, or part
 * of a character that turns the direction of writing; len when there is none. */
size_t utf8_find_bad(const char *s, size_t len);
