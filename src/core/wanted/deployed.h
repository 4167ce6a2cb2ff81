/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a certificate is installed, compared with where its domain wants it. A target is
 * a deployer with its settings: the same one with another path is another place.
 */
#pragma once

#include "conf/conf.h"
#include "store/install.h"

struct map;

/* What the targets of a configuration are set to, remembered for the next domain. */
struct deployed_conf {
	const struct conf *conf; /* borrowed */
	struct map *settings;    /* owned; target to digest, owned; NULL = none yet */
};

void deployed_conf_done(struct deployed_conf *targets);
/* The digest that goes into a row of installs; borrowed. */
const char *deployed_conf_get(struct deployed_conf *targets, const char *target);

/* Of one certificate; zero = nothing is known. */
struct deployed {
	struct deployed_target {
		char *name;     /* owned, as settings */
		char *settings; /* NULL = not known: taken for the same */
		bool is_done;   /* at each of its addresses */
	} * target;             /* owned */

	size_t n;
};

void deployed_add(struct deployed *deployed, const struct store_install *row);
int deployed_load(struct deployed *deployed, struct store *store,
	int64_t certificate_id, struct err *err);
void deployed_done(struct deployed *deployed);

/* Is it there, with these settings? */
bool deployed_is_done(
	const struct deployed *deployed, const char *target, const char *settings);

/* Targets, separated by blanks; owned by the caller, "" = none. New: what the domain
 * names, and where it was not even tried, with these settings. Unwanted: what has it,
 * and the domain does not name. */
char *deployed_format_new(const struct deployed *deployed,
	struct deployed_conf *targets, const struct conf_block *domain);
char *deployed_format_unwanted(
	const struct deployed *deployed, const struct conf_block *domain);
