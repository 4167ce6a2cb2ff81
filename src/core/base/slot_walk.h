/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A walk over the slots of the store that gives way: a portion of it a turn. What
 * changes meanwhile is seen or not; each slot that stays is seen once. Contract of
 * doc/architecture.md, Operations, and on_slot comes any number of times before done.
 */
#pragma once

#include "io/loop.h"
#include "store/slot.h"

struct slot_walk;

typedef void slot_walk_slot_fn(const struct store_slot *slot, void *userdata);
/* err NULL: all were seen. */
typedef void slot_walk_done_fn(const struct err *err, void *userdata);
/* Not now: asked again soon. */
typedef bool slot_walk_is_busy_fn(void *userdata);

struct slot_walk_params {
	struct loop *loop; /* borrowed, as the store */
	struct store *store;
	const char *domain;         /* copied; NULL: all; removed ones are seen, too */
	slot_walk_slot_fn *on_slot; /* must not cancel */
	slot_walk_is_busy_fn *is_busy; /* NULL: never */
	slot_walk_done_fn *done;
	void *userdata;
};

struct slot_walk *slot_walk_start(const struct slot_walk_params *params);
struct slot_walk *slot_walk_cancel(struct slot_walk *walk);
DEFINE_CLEANUP(struct slot_walk *, slot_walk_cancel)
