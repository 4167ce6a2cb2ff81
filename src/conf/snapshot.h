/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a snapshot is made of, and the loader that makes it. Only conf/ includes this.
 *
 * A block holds the settings that it says itself, and those that it inherits but that
 * read differently in it (%d). Everything else is found by walking to its base, so a
 * domain that says nothing costs next to nothing.
 */
#pragma once

#include "conf/arena.h"
#include "conf/conf.h"
#include "conf/schema_priv.h"

struct map;
struct parser;

struct conf_value {
	int64_t number;          /* bool, int, duration, size, mode, index of an enum */
	const char *string;      /* in the arena, or the schema's */
	const char *const *list; /* in the arena; NULL = not a list */
};

enum entry_state {
	ENTRY_NEW,
	ENTRY_BUSY, /* it is being expanded: who meets it goes round in a circle */
	ENTRY_EXPANDED,
	ENTRY_VALUED,
	ENTRY_FAILED, /* and that was reported */
};

/* All pointers into the snapshot's arena, unless said otherwise. */
struct conf_entry {
	struct conf_entry *next;
	const struct conf_setting *row;  /* borrowed from the schema */
	const struct conf_entry *origin; /* derived from this one by %d; or NULL */
	const char *file;                /* NULL = the default */
	unsigned line;
	unsigned char state; /* enum entry_state */
	bool is_tainted;     /* its expanded text holds a secret */
	bool is_checked;    /* of a default: the blocks that it names were looked for */
	const char *raw;    /* as it was written */
	const char *cooked; /* expanded, quotes marked (expand.h); while loading only */
	const char *text;   /* expanded, as it could be written */
	struct conf_value value;
};

/* The defaults of one view: entries by row, raw NULL = none. */
struct conf_defaults {
	const struct schema_view *view;
	struct conf_entry *entry; /* owned array */
};

struct conf_block {
	const struct schema_kind *kind;       /* NULL = the root */
	const struct conf_defaults *defaults; /* NULL: its content is not looked at */
	const char *name;
	const char *plugin;   /* NULL when it is not a plugin's */
	const char *instance; /* NULL = none */
	const char *file;
	unsigned line;
	bool has_bad_name; /* and that was reported; there is nothing for %d */
	bool has_bad_base; /* its base setting is wrong, and that was reported */
	const struct conf_block *base;
	struct conf_entry *entries; /* in the order of their first mention */
	struct conf_entry *last;
};

struct conf_blocks {
	struct conf_block **block; /* owned array, in file order */
	size_t n;
	struct map *by_name; /* owned */
};

struct conf {
	unsigned n_refs;
	struct conf_schema *schema; /* a reference */
	struct arena arena;
	struct conf_block root;
	struct conf_blocks *kinds;      /* owned; by schema_kind.index */
	struct conf_defaults *defaults; /* owned; by schema_view.index */
};

#define LOADER_FILES_MAX 250000
#define LOADER_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define LOADER_DEPTH_MAX 10

struct loader {
	struct conf *conf;
	struct conf_report *report;
	struct arena scratch;  /* what is needed while loading only */
	struct parser *parser; /* owned; the innermost file that is open, or NULL */
	struct map *files;     /* name to rank; for the order of the report */
	struct map *broken; /* "kind name" of blocks that were wrong: no second error */
	struct conf_block **blocks; /* all whose content is checked, in file order */
	size_t n_blocks;
	size_t i_pass;  /* of the check: which of its passes */
	size_t i_block; /* and the block that is next in it; the root is the first */
	size_t n_bytes;
	bool is_full;  /* a cap was passed, and that was reported */
	bool may_read; /* files; not when the input is a text */
};

/* "listener imaps", "dns acmedns second"; "" for the root. Owned by the caller. */
char *snapshot_format_block(const struct conf_block *block);
/* Errors and warnings about a setting of a block; setting NULL = the block itself. */
_printf_(6, 7) void loader_error(struct loader *l, const struct conf_block *block,
	const char *setting, const char *file, unsigned line, const char *fmt, ...);
_printf_(6, 7) void loader_warning(struct loader *l, const struct conf_block *block,
	const char *setting, const char *file, unsigned line, const char *fmt, ...);
/* Appends to an array whose room is doubled whenever it is full. */
void snapshot_append_block(
	struct conf_block ***array, size_t *n, struct conf_block *block);

/* What the block says itself about a row (or %d made of it), or NULL. */
struct conf_entry *snapshot_find_own(
	const struct conf_block *block, const struct conf_setting *row);
/* The same, or what its bases say; ret_block may be NULL. */
struct conf_entry *snapshot_find_said(const struct conf_block *block,
	const struct conf_setting *row, const struct conf_block **ret_block);
/* The same, or the default. NULL: the setting is unset. */
const struct conf_entry *snapshot_find_effective(
	const struct conf_block *block, size_t row_index);

/* After all is parsed: bases, expansion, types, references, what is required. Looks at
 * one block in one respect. False: nothing is left. */
bool snapshot_check_step(struct loader *l);
/* Makes the defaults of all views, the first thing of all. */
void snapshot_make_defaults(struct loader *l);
