/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one way in which the configuration is read: by the manager's start, by its reload,
 * by `postsealctl check` and `conf`. The plugins come first, since they bring settings of
 * their own; the folder that they are in is a setting, too, and is looked for by itself.
 */
#pragma once

#include "plugin/host.h"

struct load_params {
	struct conf_params conf; /* its strings are borrowed */
	struct loop *loop;
	struct http_client *http;             /* for plugins' requests; may be NULL */
	const struct plugin_backing *backing; /* NULL: check only, no instances */
	const struct plugin_dns_backing *dns; /* may be NULL */
	const struct plugin_noter *noter;     /* may be NULL */
	const struct log_ctx *log;
};

struct loaded {
	struct conf *conf;          /* referenced */
	struct plugin_host *host;   /* owned */
	struct conf_schema *schema; /* owned */
};

/* Plugins, schema, files, and what only the whole can tell to be wrong. -EINVAL: the
 * report tells, and *ret is untouched. With 0 it may hold warnings. */
int load_configuration(struct loaded *ret, const struct load_params *params,
	struct conf_report *report);
/* Reads the files anew with the plugins that are there. The same results; *ret is a
 * snapshot of its own. */
int load_again(struct conf **ret, const struct loaded *loaded,
	const struct load_params *params, struct conf_report *report);

/*
 * load_again() in steps of some microseconds, for who must not be kept: it is a loop over
 * them. What is given to it is borrowed until the end, but `loaded->conf` only for the
 * call; nobody else may put anything into the report meanwhile.
 */
struct load_reading;

struct load_reading *load_reading_new(const struct loaded *loaded,
	const struct load_params *params, struct conf_report *report);
/* False: nothing is left to do. */
bool load_reading_step(struct load_reading *reading);
/* After the last step: the results of load_again(). The reading is freed. */
int load_reading_finish(struct load_reading **reading, struct conf **ret);
/* At any time: what was read is dropped; what was reported stays in the report. NULL ok;
 * returns NULL. */
struct load_reading *load_reading_free(struct load_reading *reading);
DEFINE_CLEANUP(struct load_reading *, load_reading_free)

/* Releases all three. Instances must have been closed before. */
void loaded_done(struct loaded *loaded);

/* The value of a setting outside all blocks that is needed before the configuration can
 * be read as a whole (plugin_directory), or without reading it (run_directory): as -o
 * or a plain line of the main file says it, else its default. Owned by the caller. */
char *load_find_early(const struct conf_params *params, const char *setting);
