/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One table for the process, since a service is called with a handle and nothing else. A
 * handle is a serial number above the index of its slot; slots are used again, serial
 * numbers are not (on a machine of 32 bits: not soon).
 */
#include "plugin/handle.h"

#include <stdint.h>

#include "util/mem.h"

#define INDEX_BITS 20
#define SLOTS_MAX  ((size_t)1 << INDEX_BITS)

struct slot {
	uintptr_t handle; /* 0: free */
	enum handle_kind kind;
	void *object;     /* borrowed */
	size_t next_free; /* index plus one of the next free slot; 0: none */
};

static struct {
	struct slot *slot; /* owned; NULL while no handle is in use */
	size_t n_slots;
	size_t n_live;
	size_t first_free; /* index plus one; 0: none */
	uintptr_t serial;
} state;

static bool add_slot(void)
{
	if (state.n_slots == SLOTS_MAX)
		return false;
	state.slot = xreallocarray(state.slot, state.n_slots + 1, sizeof(*state.slot));
	state.slot[state.n_slots] = (struct slot){ .handle = 0 };
	state.first_free = ++state.n_slots;
	return true;
}

static uintptr_t next_serial(void)
{
	state.serial = (state.serial + 1) & (UINTPTR_MAX >> INDEX_BITS);
	if (state.serial == 0)
		state.serial = 1;
	return state.serial;
}

static struct slot *find_slot(const void *handle)
{
	size_t index = (uintptr_t)handle & (SLOTS_MAX - 1);

	if (!handle || index >= state.n_slots)
		return NULL;
	struct slot *slot = &state.slot[index];
	return slot->handle == (uintptr_t)handle ? slot : NULL;
}

void *handle_new(enum handle_kind kind, void *object)
{
	if (state.first_free == 0 && !add_slot())
		return NULL;
	size_t index = state.first_free - 1;
	struct slot *slot = &state.slot[index];
	state.first_free = slot->next_free;
	*slot = (struct slot){
		.handle = next_serial() << INDEX_BITS | index,
		.kind = kind,
		.object = object,
	};
	state.n_live++;
	return (void *)slot->handle;
}

void *handle_find(enum handle_kind kind, const void *handle)
{
	const struct slot *slot = find_slot(handle);

	return slot && slot->kind == kind ? slot->object : NULL;
}

static void drop_slots(void)
{
	free(state.slot);
	state.slot = NULL;
	state.n_slots = 0;
	state.first_free = 0;
}

void *handle_free(void *handle)
{
	struct slot *slot = find_slot(handle);

	if (!slot)
		return NULL;
	*slot = (struct slot){ .next_free = state.first_free };
	state.first_free = (size_t)(slot - state.slot) + 1;
	if (--state.n_live == 0)
		drop_slots();
	return NULL;
}
