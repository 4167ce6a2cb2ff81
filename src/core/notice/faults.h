/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plugins at fault (promise 8). Each call into a plugin is noted before it is made. A
 * process that died in there finds the note at its next start: after two deaths in the
 * same method the plugin is disabled. One that breaks its contract is disabled at once.
 * What is disabled is called no more, across restarts, until an operator enables it; the
 * domains that cannot do without it are held.
 */
#pragma once

#include "conf/conf.h"
#include "core/notice/events.h"
#include "plugin/host.h"
#include "store/store.h"

struct faults;

/* What the host needs; without faults_open nothing is noted and nothing disabled. */
struct faults *faults_new(const struct log_ctx *log);
struct faults *faults_free(struct faults *faults);
DEFINE_CLEANUP(struct faults *, faults_free)
const struct plugin_noter *faults_get_noter(struct faults *faults);

/* Reads what is stored of the host's plugins and the note in the file `path`. Without a
 * note (it says why in the log) plugins run all the same. All but path is borrowed. */
int faults_open(struct faults *faults, struct store *store,
	const struct plugin_host *host, const char *path, struct err *err);
/* Tells what was found, and from now on what happens. */
void faults_tell(struct faults *faults, struct events *events);

/* Why it is disabled, or NULL; deaths of its worst method. */
const char *faults_get_reason(
	const struct faults *faults, enum postseal_kind kind, const char *plugin);
unsigned faults_count_deaths(
	const struct faults *faults, enum postseal_kind kind, const char *plugin);
/* Forgets what stands against plugins of this name. Their number; < 0. */
int faults_enable(struct faults *faults, const char *plugin, struct err *err);

/* Why nothing can be done for this domain, owned by the caller; NULL = it can. */
char *faults_format_hold(const struct faults *faults, struct conf *conf,
	const struct conf_block *domain);
