/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The slots in the store follow the configuration. */
#pragma once

#include "core/plan.h"

struct slots_change {
	unsigned added;
	unsigned changed; /* names, authority or profile: due at once */
	unsigned removed;
};

/* In one transaction. wall_now: when what is new or changed becomes due. */
int slots_follow(struct store *store, const struct conf *conf, usec_t wall_now_usec,
	struct slots_change *ret, struct err *err);
/* The same, as planned. Slots that were removed long ago are forgotten. */
int slots_follow_plan(struct store *store, const struct plan *plan,
	usec_t wall_now_usec, struct slots_change *ret, struct err *err);
/* What was under way when we ended is due at once, unless that has ended us too often.
 * Returns how many slots that is. */
int slots_recover(struct store *store, usec_t wall_now_usec, struct err *err);
