/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From logical lines to blocks of raw settings; follows !include. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct loader;

/* The main file and what it includes. False: there is none, and that is reported. */
bool parser_read_main(struct loader *l, const char *path);
/* The same from memory; the name is for messages. */
void parser_read_text(struct loader *l, const char *file, const char *text, size_t len);
/* "name=value" or "kind name/setting=value", after all files. */
void parser_override(struct loader *l, const char *text);
