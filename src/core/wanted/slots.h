/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The slots in the store follow the configuration. */
#pragma once

#include "core/wanted/plan.h"

struct slots_following;

struct slots_change {
	unsigned added;
	unsigned changed; /* names, authority or profile: due at once */
	unsigned removed;
};

struct slots_params {
	struct store *store; /* borrowed, as all here */
	const struct conf *conf;
	const struct plan *plan; /* of that configuration: which domains to look at */
	bool is_accepted; /* a person has said yes to the plan: noted until all is stored */
	usec_t wall_now_usec; /* when what is new or changed becomes due */
};

/* A portion a step, in a transaction each: a domain is planned again before it is stored,
 * since jobs went on meanwhile. A death in between leaves the rest to the next start. */
struct slots_following *slots_following_new(const struct slots_params *params);
struct slots_following *slots_following_free(struct slots_following *following);
DEFINE_CLEANUP(struct slots_following *, slots_following_free)
/* 1: there is more to do; 0: all is stored, and slots that were removed long ago are
 * forgotten. */
int slots_following_step(struct slots_following *following, struct err *err);
/* So far. */
const struct slots_change *slots_following_get_change(
	const struct slots_following *following);

/* All of it: planned, and stored. */
int slots_follow(struct store *store, const struct conf *conf, usec_t wall_now_usec,
	struct slots_change *ret, struct err *err);
/* The same, as planned. */
int slots_follow_plan(
	const struct slots_params *params, struct slots_change *ret, struct err *err);
/* What was under way when we ended is due at once, unless that has ended us too often.
 * Returns how many slots that is. */
int slots_recover(struct store *store, usec_t wall_now_usec, struct err *err);
