/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See slots.h. */
#include "core/slots.h"

#include "store/order.h"
#include "util/mem.h"

int slots_follow(struct store *store, const struct conf *conf, usec_t wall_now_usec,
	struct slots_change *ret, struct err *err)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	int r = plan_new(&plan, store, conf, wall_now_usec, err);

	if (r >= 0)
		r = slots_follow_plan(store, plan, wall_now_usec, ret, err);
	return r;
}

int slots_follow_plan(struct store *store, const struct plan *plan,
	usec_t wall_now_usec, struct slots_change *ret, struct err *err)
{
	*ret = (struct slots_change){
		.added = (unsigned)plan->count[PLAN_ADD],
		.changed =
			(unsigned)(plan->count[PLAN_CHANGE] + plan->count[PLAN_RETURN] +
				   plan->count[PLAN_INSTALL] + plan->count[PLAN_LEAVE]),
		.removed = (unsigned)plan->count[PLAN_REMOVE],
	};
	int r = plan_save(plan, store, wall_now_usec, err);
	return r < 0 ? r : store_slot_forget(store, wall_now_usec, err);
}

/* --- after a crash ------------------------------------------------------------------------- */

/* So many tries of an interrupted job follow each other at once; then the back-off of the
 * schedule stands. */
#define AT_ONCE_MAX 6

struct recover {
	int64_t *ids; /* owned */
	size_t n;
	usec_t now;
};

/* Charged, or issued, and no reason why it went no further: it was in the middle. */
static bool is_interrupted(const struct store_slot *slot)
{
	return !slot->error && (slot->attempts > 0 || slot->pending_id > 0);
}

static int on_waiting(const struct store_slot *slot, void *userdata)
{
	struct recover *r = userdata;

	if (slot->removed || (slot->attempts == 0 && slot->pending_id == 0))
		return 0;
	/* Whatever ends the process each time must not make a loop. */
	if (slot->attempts > AT_ONCE_MAX)
		return 0;
	if (!is_interrupted(slot) && slot->due_usec <= r->now)
		return 0;
	r->ids = xreallocarray(r->ids, r->n + 1, sizeof(*r->ids));
	r->ids[r->n++] = slot->id;
	return 0;
}

static int recover_slot(struct store *store, int64_t id, usec_t now, struct err *err)
{
	_cleanup_(store_order_done) struct store_order order = { 0 };
	_cleanup_(store_slot_done) struct store_slot slot = { 0 };
	int r = store_slot_load(store, id, &slot, err);

	if (r == 0 && !is_interrupted(&slot))
		r = store_order_find_open(store, id, &order, err);
	if (r != 0)
		return r == STORE_E_NOT_FOUND ? 0 : r;
	slot.due_usec = MIN(slot.due_usec, now);
	r = store_slot_save(store, &slot, err);
	return r < 0 ? r : 1;
}

int slots_recover(struct store *store, usec_t wall_now_usec, struct err *err)
{
	struct recover recover = { .now = wall_now_usec };
	int count = 0;
	int r = store_slot_each(store, NULL, on_waiting, &recover, err);

	for (size_t i = 0; r >= 0 && i < recover.n; i++) {
		r = recover_slot(store, recover.ids[i], wall_now_usec, err);
		count += r > 0;
	}
	free(recover.ids);
	return r < 0 ? r : count;
}
