/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings are rows of tables: name, type, default, limits, unit, one sentence. Parser,
 * validation, `postsealctl conf` and postseal.conf(5) all read the same rows. The
 * tables of the program live in core/wanted/settings.c; plugins bring their own and the host
 * adds them (one block kind `challenge NAME`, `dns NAME`, `deploy NAME`, `notify NAME`).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/macro.h"

enum conf_type {
	CONF_STRING,
	CONF_STRINGS,  /* list, split at blanks or commas */
	CONF_BOOL,     /* yes, no */
	CONF_INT,      /* min..max */
	CONF_DURATION, /* usec; min..max in usec */
	CONF_SIZE,     /* octets: 64k, 10M */
	CONF_ENUM,     /* one of `values` */
	CONF_ENUMS,    /* list of `values`, no duplicates */
	CONF_NAME,     /* one DNS name */
	CONF_NAMES,    /* list of DNS names; %d is the domain; U-labels are converted */
	CONF_REF,      /* name of a block of kind `refers` */
	CONF_REFS,     /* list of such names */
	CONF_ADDRESS,  /* numeric address and port, or unix:/path */
	CONF_ADDRESSES, /* list of such */
	CONF_NETWORKS,  /* list of networks: 192.0.2.0/24, 2001:db8::/32 */
	CONF_URL,       /* https:// only */
	CONF_PATH,      /* absolute path */
	CONF_EMAIL,
	CONF_MODE,    /* octal file mode */
	CONF_PERCENT, /* 20%; a whole number */
	_CONF_TYPE_MAX,
};

enum {
	CONF_REQUIRED =
		1 << 0, /* no default: must be set (in the block or by inheritance);
				 * an inherited one is asked for in the blocks that
				 * inherit it, not in their base */
	CONF_SECRET = 1 << 1,    /* hidden by `conf`; best read by </path */
	CONF_INHERITED = 1 << 2, /* a block without it takes its base's value */
	CONF_AT_START = 1 << 3,  /* read once: a reload says that it has changed */
};

struct conf_setting {
	const char *name;
	enum conf_type type;
	const char
		*fallback; /* text of the default, where `$` is itself; NULL = unset */
	int64_t min, max;  /* both 0 = no limits; of a text its octets, of a list its
			       * words */
	const char *unit;  /* for the manual: "seconds", NULL = none */
	const char *const *values; /* NULL-terminated; for enums */
	const char *refers;        /* block kind, for refs */
	unsigned flags;
	const char *text; /* one sentence for the manual page */
};

enum {
	CONF_BLOCK_PATTERN = 1 << 0, /* its name is a DNS name or "*.name" (domain) */
	CONF_BLOCK_PLUGIN = 1 << 1,  /* name is a plugin's, then optionally an instance:
				     * `dns acmedns second { }` */
};

/*
 * A kind of block. A block takes the settings that it does not say itself from its
 * base: the block of kind `base_kind` that its setting `base_setting` names, or that
 * base kind's block called "default", if any. (domain → policy → policy default; and a
 * domain accepts all of a policy's settings itself.)
 */
struct conf_kind {
	const char *name;
	unsigned flags;
	const struct conf_setting *settings; /* borrowed; n_settings rows */
	size_t n_settings;
	const char *base_kind;    /* NULL = none */
	const char *base_setting; /* NULL = only "default" */
	const char *text;         /* one sentence for the manual page */
};

struct conf_schema;

/* Settings outside all blocks. Tables and their strings are borrowed, and must outlive
 * the schema and all snapshots that were made with it; the schema itself is kept alive
 * by those. */
struct conf_schema *conf_schema_new(const struct conf_setting *settings, size_t n);
struct conf_schema *conf_schema_free(struct conf_schema *schema);
DEFINE_CLEANUP(struct conf_schema *, conf_schema_free)
void conf_schema_add_kind(struct conf_schema *schema, const struct conf_kind *kind);
/* The settings of one plugin for blocks `kind plugin { }`; kind is one with
 * CONF_BLOCK_PLUGIN. A block of a plugin that was not added is an error. */
void conf_schema_add_plugin(struct conf_schema *schema, const char *kind,
	const char *plugin, const struct conf_setting *settings, size_t n,
	const char *text);
/* Additional values of a CONF_REFS/CONF_REF/CONF_ENUMS setting that are legal without
 * a block ("front" for deploy; every loaded challenge). */
void conf_schema_add_value(struct conf_schema *schema, const char *kind,
	const char *setting, const char *value);

/* Writes the SETTINGS part of postseal.conf(5) in mdoc to out. -E2BIG: does not fit. */
struct buf;
int conf_schema_format_manual(const struct conf_schema *schema, struct buf *out);
