/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the raw text of a setting to its cooked text: $names replaced, `</path` read,
 * quotes gone. What quotes protected is marked, so that the cooked text can still be
 * split into a list: a protected blank, comma, or word of no letters is one of three
 * control characters, which no value can hold otherwise.
 */
#pragma once

#include "util/buf.h"

struct conf_block;
struct conf_entry;
struct loader;

#define EXPAND_BLANK '\x01'
#define EXPAND_COMMA '\x02'
#define EXPAND_EMPTY '\x03'

#define EXPAND_BYTES_MAX (64 * 1024)

/* Fills entry->cooked (once). False: it failed, now or before, and is reported. */
bool expand_entry(
	struct loader *l, const struct conf_block *block, struct conf_entry *entry);
/* The default's text, where `$` is no more than itself. NULL: its quotes are wrong. */
const char *expand_default(struct loader *l, const char *text);
