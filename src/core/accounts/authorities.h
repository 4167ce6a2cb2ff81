/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The authorities at work, opened when somebody first asks for one. */
#pragma once

#include "core/accounts/authority.h"

struct authorities;

struct authorities_params {
	struct loop *loop;
	struct store *store; /* borrowed, as all below */
	struct events *events;
	struct clock_watch *clock;
	const struct log_ctx *log;
};

struct authorities *authorities_new(const struct authorities_params *params);
struct authorities *authorities_free(struct authorities *authorities);
DEFINE_CLEANUP(struct authorities *, authorities_free)

/* NULL: err. Stays valid until authorities_follow drops it. */
struct authority *authorities_get(struct authorities *authorities, struct conf *conf,
	const struct conf_block *block, struct err *err);
/* Opens those whose accounts somebody has to look after: a change of key was cut off, or
 * nothing can be ordered with them. */
void authorities_resume(struct authorities *authorities, struct conf *conf);
/* authority_format_hold of that block's; NULL: none, or nobody has opened it. */
char *authorities_format_hold(
	const struct authorities *authorities, const struct conf_block *block);
/* Would authorities_follow drop one? Then its jobs must be cancelled before. */
bool authorities_is_stale(
	const struct authorities *authorities, const struct conf *conf);
void authorities_follow(struct authorities *authorities, const struct conf *conf);
