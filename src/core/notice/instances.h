/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plugin instances that the configuration in force uses: one for each block of a
 * plugin kind, and one with the defaults for a plugin that is named without a block.
 */
#pragma once

#include "plugin/host.h"

struct instances;

struct instances *instances_new(struct plugin_host *host, const struct log_ctx *log);
struct instances *instances_free(struct instances *instances);
DEFINE_CLEANUP(struct instances *, instances_free)

/* Follows a new snapshot: instances whose block has changed or gone are closed (their
 * calls are cancelled), others stay, new ones are opened. One that cannot be opened is
 * reported as an error and found NULL later. True if any was closed. */
bool instances_follow(struct instances *instances, struct conf *conf);
/* By kind and by what lists of the configuration call it: the block's own name ("second"
 * of `deploy files second { }`), or the plugin's. NULL: none. */
struct plugin_instance *instances_find(
	const struct instances *instances, enum postseal_kind kind, const char *name);
/* The i-th of a kind, NULL behind the last; *ret_name is what it is called. */
struct plugin_instance *instances_get(const struct instances *instances,
	enum postseal_kind kind, size_t i, const char **ret_name);
/* The snapshot that was followed last; NULL before the first. Borrowed. */
const struct conf *instances_get_conf(const struct instances *instances);

/* Called just before an instance is closed, so that who has a call under way drops its
 * handle. One watcher; NULL clears it. */
typedef void instances_closing_fn(struct plugin_instance *instance, void *userdata);
void instances_on_closing(
	struct instances *instances, instances_closing_fn *fn, void *userdata);
