/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From logical lines to blocks of raw settings; follows !include. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct loader;

/* The main file, to be read in steps. False: there is none, and that is reported. */
bool parser_open_main(struct loader *l, const char *path);
/* The same from memory; the name is for messages, the text borrowed until it is read. */
void parser_open_text(struct loader *l, const char *file, const char *text, size_t len);
/* Reads a line, or opens a file that a line includes. False: all have been read. */
bool parser_step(struct loader *l);
/* Closes what is open still. */
void parser_close(struct loader *l);
