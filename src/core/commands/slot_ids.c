/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See slot_ids.h. */
#include "core/commands/slot_ids.h"

#include "util/mem.h"

static int on_slot(const struct store_slot *slot, void *userdata)
{
	struct slot_ids *ids = userdata;

	if (!slot->removed && ids->n < ARRAY_SIZE(ids->id))
		ids->id[ids->n++] = slot->id;
	return 0;
}

int slot_ids_load(
	struct slot_ids *ret, struct store *store, const char *domain, struct err *err)
{
	return store_slot_each(store, domain, on_slot, ret, err);
}

static int make_due(
	struct store *store, int64_t id, usec_t wall_now_usec, struct err *err)
{
	_cleanup_(store_slot_done) struct store_slot slot = { 0 };
	int r = store_slot_load(store, id, &slot, err);

	if (r != 0 || !slot.error)
		return MIN(r, 0);
	slot.due_usec = wall_now_usec;
	xstrset(&slot.error, NULL);
	return store_slot_save(store, &slot, err);
}

int slot_ids_make_due(
	struct store *store, const char *domain, usec_t wall_now_usec, struct err *err)
{
	struct slot_ids slots = { .n = 0 };
	int r = slot_ids_load(&slots, store, domain, err);

	for (unsigned i = 0; i < slots.n && r >= 0; i++)
		r = make_due(store, slots.id[i], wall_now_usec, err);
	return r;
}
