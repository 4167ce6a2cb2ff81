/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Logging: levels, and contexts that carry journal fields.
 *
 * A long-lived object embeds one struct log_ctx, chained to its owner's. A message
 * then carries CERT=, ACCOUNT=, PLUGIN=, LISTENER= … of the whole chain as journal
 * fields; on stderr the same as a prefix "value: ". Messages are lower case, without
 * trailing dot, object first, cause after the colon. Control octets are replaced.
 */
#pragma once

#include <stdbool.h>

#include "util/macro.h"

enum log_level {
	LOG_LEVEL_ERROR = 3,   /* a person must act */
	LOG_LEVEL_WARNING = 4, /* degraded, will be tried again */
	LOG_LEVEL_NOTICE = 5,  /* what is served has changed */
	LOG_LEVEL_INFO = 6,    /* start and end of work */
	LOG_LEVEL_DEBUG = 7,   /* each state, each exchange; never a secret */
};

struct log_ctx {
	const struct log_ctx *parent; /* borrowed; outlives this one */
	const char *key;              /* static; journal field, upper case */
	const char *value;            /* borrowed from the object that embeds this */
};

/* Where messages go. AUTO: the journal if stderr is connected to it, else stderr. */
enum log_target {
	LOG_TARGET_AUTO,
	LOG_TARGET_STDERR,
	LOG_TARGET_JOURNAL,
};

/* Called by main once. `ident` is the program's name; static. */
void log_open(const char *ident, enum log_target target);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* -EINVAL: no such name. Names: error warning notice info debug. */
int log_level_parse(const char *name);
const char *log_level_name(enum log_level level);

/* Tests: all messages go to fn instead (NULL: as before). `text` has the prefix. */
typedef void log_capture_fn(enum log_level level, const char *text, void *userdata);
void log_capture(log_capture_fn *fn, void *userdata);

#define log_error(ctx, ...) \
	log_at((ctx), LOG_LEVEL_ERROR, __FILE__, __LINE__, __VA_ARGS__)
#define log_warning(ctx, ...) \
	log_at((ctx), LOG_LEVEL_WARNING, __FILE__, __LINE__, __VA_ARGS__)
#define log_notice(ctx, ...) \
	log_at((ctx), LOG_LEVEL_NOTICE, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(ctx, ...) \
	log_at((ctx), LOG_LEVEL_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_debug(ctx, ...) \
	log_at((ctx), LOG_LEVEL_DEBUG, __FILE__, __LINE__, __VA_ARGS__)

/* ctx may be NULL. A message is at most 2 KiB; what is longer is cut with "…". */
_printf_(5, 6) void log_at(const struct log_ctx *ctx, enum log_level level,
	const char *file, int line, const char *fmt, ...);
