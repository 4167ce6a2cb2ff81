/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One reading of the configuration: an immutable, reference counted snapshot. Getters
 * resolve inheritance and defaults and cannot fail: what is asked for must be a row of
 * the schema of that type (assert), and validation has passed.
 */
#pragma once

#include "conf/report.h"
#include "conf/schema.h"
#include "util/buf.h"
#include "util/usec.h"

struct conf;
struct conf_block;

/* A file of 100,000 domains has some 8 MB; all files together may have four times as
 * much as one. */
#define CONF_FILE_BYTES_MAX (64 * 1024 * 1024)

struct conf_params {
	const char *directory;        /* "/etc/postseal" */
	const char *file;             /* NULL = "postseal.conf" in it */
	const char *const *overrides; /* NULL-terminated "name=value" or
				       * "kind name/setting=value"; NULL = none */
};

/* Reads, parses, expands, checks types, limits, references and required settings, and
 * collects everything that is wrong in the report. 0: *ret is a snapshot (the report may
 * hold warnings). -EINVAL: the report holds at least one error. */
int conf_load(struct conf **ret, const struct conf_schema *schema,
	const struct conf_params *params, struct conf_report *report);

/*
 * The same in steps of some microseconds, for who must not be kept: conf_load() is a loop
 * over them. The longest are those that read a file or end it, and the end of all. The
 * strings of params and the report are borrowed until the end, and nobody else may put
 * anything into the report meanwhile.
 */
struct conf_loading;

struct conf_loading *conf_loading_new(const struct conf_schema *schema,
	const struct conf_params *params, struct conf_report *report);
/* Reads a line, or looks at one block in one respect. False: nothing is left to do. */
bool conf_loading_step(struct conf_loading *loading);
/* After the last step: the results of conf_load(). The loading is freed. */
int conf_loading_finish(struct conf_loading **loading, struct conf **ret);
/* At any time: what was read is dropped; what was reported stays in the report. NULL ok;
 * returns NULL. */
struct conf_loading *conf_loading_free(struct conf_loading *loading);
DEFINE_CLEANUP(struct conf_loading *, conf_loading_free)

/* From text instead of files, for tests and for `!include`-free input; file is the name
 * in messages. No file is read: `</path` is an error here too. */
int conf_load_text(struct conf **ret, const struct conf_schema *schema,
	const char *file, const char *text, struct conf_report *report);
struct conf *conf_ref(struct conf *conf);
struct conf *conf_unref(struct conf *conf);
DEFINE_CLEANUP(struct conf *, conf_unref)

/* The settings outside all blocks. */
const struct conf_block *conf_get_root(const struct conf *conf);
/* Blocks of a kind in file order: index 0.. ; NULL behind the last. */
const struct conf_block *conf_get_block(
	const struct conf *conf, const char *kind, size_t i);
/* By name ("acmedns second" for an instance), in constant time; NULL = none. */
const struct conf_block *conf_find_block(
	const struct conf *conf, const char *kind, const char *name);
size_t conf_count_blocks(const struct conf *conf, const char *kind);
/* Of a CONF_BLOCK_PATTERN kind: the block called so, else the one whose "*.rest" covers
 * the name; NULL = none. In constant time. */
const struct conf_block *conf_match_block(
	const struct conf *conf, const char *kind, const char *name);

const char *conf_block_get_kind(const struct conf_block *block);
/* For CONF_BLOCK_PLUGIN kinds the instance's name, or the plugin's if it has none: what
 * a reference says. NULL for the root. */
const char *conf_block_get_name(const struct conf_block *block);
/* For CONF_BLOCK_PLUGIN kinds: the plugin's name; else NULL. */
const char *conf_block_get_plugin(const struct conf_block *block);
const char *conf_block_get_file(const struct conf_block *block);
unsigned conf_block_get_line(const struct conf_block *block);
/* The block it inherits from, or NULL. */
const struct conf_block *conf_block_get_base(const struct conf_block *block);

/* The row of a setting that blocks like this one accept, or NULL. The getters below
 * assert that there is one. */
const struct conf_setting *conf_block_find_setting(
	const struct conf_block *block, const char *setting);
/* The rows of all settings that it accepts: index 0.. ; NULL behind the last. */
const struct conf_setting *conf_block_get_setting(
	const struct conf_block *block, size_t i);
/* Was it said, here or in a base (not only by default)? */
bool conf_is_set(const struct conf_block *block, const char *setting);
/* CONF_STRING, NAME, REF, ADDRESS, URL, PATH, EMAIL, ENUM: NULL when unset. */
const char *conf_get_string(const struct conf_block *block, const char *setting);
/* All list types; never NULL, maybe empty. Names keep their %d in blocks that are no
 * domain (a policy) or a pattern ("*.example.org"). */
char *const *conf_get_list(const struct conf_block *block, const char *setting);
bool conf_get_bool(const struct conf_block *block, const char *setting);
/* CONF_INT, SIZE, MODE, PERCENT, and the index of CONF_ENUM in its values (-1: it was added by
 * conf_schema_add_value). 0 when unset. */
int64_t conf_get_int(const struct conf_block *block, const char *setting);
usec_t conf_get_duration(const struct conf_block *block, const char *setting);
/* Where a setting was said, for messages about it; file NULL when by default, "-o" and
 * line 0 when by override. */
void conf_get_place(const struct conf_block *block, const char *setting,
	const char **ret_file, unsigned *ret_line);
/* Any setting's effective value as text (as `postsealctl conf` would show it with -x
 * and -P, but for doubled dollar signs), NULL when unset; borrowed. */
const char *conf_get_text(const struct conf_block *block, const char *setting);

/* Do two blocks (of two snapshots) have the same kind, name and effective settings? A
 * domain's slice. Blocks that they refer to are not looked at. */
bool conf_block_is_equal(const struct conf_block *a, const struct conf_block *b);

/* What `postsealctl conf` prints. */
enum {
	CONF_PRINT_CHANGED = 1 << 0,  /* -n */
	CONF_PRINT_DEFAULTS = 1 << 1, /* -d */
	CONF_PRINT_EXPANDED = 1 << 2, /* -x */
	CONF_PRINT_VALUES = 1 << 3,   /* -h */
	CONF_PRINT_SECRETS = 1 << 4,  /* -P */
};

/*
 * `name`: NULL = all, "setting", or "kind name" or "kind name/setting". What is printed
 * can be read again, and then means the same; but a hidden secret is a comment, and the
 * defaults (-d) do without what is required. Blocks show what they inherit, unless only
 * what is changed is wanted. -ENOENT: there is no such setting or block. -E2BIG: it does
 * not fit into `out`.
 */
int conf_print(
	const struct conf *conf, unsigned flags, const char *name, struct buf *out);
