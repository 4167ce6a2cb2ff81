/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks and what is said in them, as the parser meets it. */
#pragma once

#include <stdbool.h>

struct conf_block;
struct loader;
struct schema_kind;

/* Checks kind (NULL: not known; kind_name says which) and names, and registers the
 * block. Never NULL: the content of a block that is wrong is still looked at, as far as
 * its settings are known. */
struct conf_block *block_new(struct loader *l, const struct schema_kind *kind,
	const char *kind_name, const char *names, const char *file, unsigned line);
struct conf_block *block_new_ignored(struct loader *l);

/* One "name = value". The strings are borrowed for the call, but `file` is kept. */
struct block_line {
	const char *name;
	const char *value;
	const char
		*file; /* "-o": it takes the place of what was said, without a word */
	unsigned line;
	const char *problem; /* what the lexer found; NULL = nothing */
};

void block_say(
	struct loader *l, struct conf_block *block, const struct block_line *said);
/* "kind name"; NULL: *ret_reason says why, owned by the caller. */
struct conf_block *block_find_override(
	struct loader *l, const char *where, char **ret_reason);
/* A path that may be quoted; NULL: its quotes are wrong. Owned by the caller. */
char *block_unquote(const char *text);
