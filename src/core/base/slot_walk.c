/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See slot_walk.h. No statement of the store is open between two turns. */
#include "core/base/slot_walk.h"

#include "util/mem.h"

#define PAGE      16 /* slots between two looks at the clock */
#define WAIT_USEC (10 * USEC_PER_MSEC)

struct slot_walk {
	struct slot_walk_params in;
	char *domain;             /* owned; NULL: all */
	struct loop_timer *timer; /* owned */
	/* Owned: domain, key type and id; the last one of the page before, which the store
	 * reads while it walks, and the last one seen. */
	struct store_slot behind, last;
};

static int on_slot(const struct store_slot *slot, void *userdata)
{
	struct slot_walk *walk = userdata;

	walk->in.on_slot(slot, walk->in.userdata);
	walk->last.id = slot->id;
	xstrset(&walk->last.domain, slot->domain);
	xstrset(&walk->last.key_type, slot->key_type);
	return 0;
}

/* How many, 0 at the end. */
static int see_page(struct slot_walk *walk, struct err *err)
{
	if (walk->domain)
		return store_slot_each(
			walk->in.store, walk->domain, on_slot, walk, err);
	store_slot_done(&walk->behind);
	walk->behind = walk->last;
	walk->last = (struct store_slot){ 0 };
	return store_slot_each_after(walk->in.store,
		walk->behind.domain ? &walk->behind : NULL, PAGE, on_slot, walk, err);
}

static bool is_busy(const struct slot_walk *walk)
{
	return walk->in.is_busy && walk->in.is_busy(walk->in.userdata);
}

static void on_walk_turn(struct loop_timer *timer, void *userdata)
{
	struct slot_walk *walk = userdata;
	struct loop_portion portion = loop_portion_begin();
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = 1;

	while (r > 0 && !is_busy(walk) && !loop_portion_is_over(&portion))
		r = see_page(walk, &err);
	if (r > 0) {
		loop_timer_set_after(timer, is_busy(walk) ? WAIT_USEC : 0);
		return;
	}
	slot_walk_done_fn *done = TAKE_PTR(walk->in.done);
	done(r < 0 ? &err : NULL, walk->in.userdata);
}

struct slot_walk *slot_walk_start(const struct slot_walk_params *params)
{
	struct slot_walk *walk = xnew(struct slot_walk);

	walk->in = *params;
	walk->domain = xstrdup(params->domain);
	walk->timer = loop_timer_new(params->loop, on_walk_turn, walk);
	loop_timer_set_after(walk->timer, 0);
	return walk;
}

struct slot_walk *slot_walk_cancel(struct slot_walk *walk)
{
	if (!walk)
		return NULL;
	loop_timer_free(walk->timer);
	store_slot_done(&walk->behind);
	store_slot_done(&walk->last);
	free(walk->domain);
	free(walk);
	return NULL;
}
