/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The schema as the other files of conf/ see it. A view is all settings that one kind
 * of block (of one plugin) accepts: its own rows, then those of its base kind.
 */
#pragma once

#include "conf/schema.h"

struct map;

struct schema_view {
	const char
		*name; /* "listener", a plugin's name, or NULL for the root; borrowed */
	const char *text;                 /* borrowed; one sentence, or NULL */
	size_t index;                     /* among all views of the schema */
	const struct conf_setting **rows; /* owned array of borrowed rows */
	size_t n_rows;
	size_t n_own;        /* rows before this one are not the base kind's */
	struct map *by_name; /* owned; name to index + 1 */
};

struct schema_kind {
	struct conf_kind kind; /* its strings and tables are borrowed */
	size_t index;
	struct schema_view *view;     /* owned */
	struct schema_view **plugins; /* owned; of a CONF_BLOCK_PLUGIN kind */
	size_t n_plugins;
	bool is_base; /* another kind inherits from this one */
};

struct schema_value {
	const char *kind, *setting; /* borrowed */
	char *value;                /* owned */
};

struct conf_schema {
	unsigned n_refs;
	struct schema_view *root;   /* owned */
	struct schema_kind **kinds; /* owned */
	size_t n_kinds;
	size_t n_views;
	struct schema_value *values; /* owned */
	size_t n_values;
};

/* A snapshot keeps the schema that it was made with. */
struct conf_schema *schema_ref(const struct conf_schema *schema);

const struct schema_kind *schema_find_kind(
	const struct conf_schema *schema, const char *kind);
const struct schema_view *schema_find_plugin(
	const struct schema_kind *kind, const char *plugin);
/* Index of the row called so, or -1. */
int schema_view_find(const struct schema_view *view, const char *name);
/* Is `value` one of conf_schema_add_value()? kind NULL = the root. */
const char *schema_find_value(const struct conf_schema *schema, const char *kind,
	const char *setting, const char *value);

/* Each returns a NULL-terminated array for strtab_nearest; the caller frees the array,
 * not the strings. */
const char **schema_list_settings(const struct schema_view *view);
const char **schema_list_kinds(const struct conf_schema *schema);
const char **schema_list_plugins(const struct schema_kind *kind);

/* The type in words, for messages and the manual: "a duration", "yes or no". */
const char *schema_describe_type(enum conf_type type);
bool schema_is_list(enum conf_type type);
/* A limit as an operator would write it, "12h", "64k". Owned by the caller. */
char *schema_format_limit(const struct conf_setting *row, int64_t limit);
