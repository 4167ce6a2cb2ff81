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
