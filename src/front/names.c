/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Open addressing with linear probing; the hashes are SipHash values already, so they
 * are their own index. Removal shifts back what follows, so there are no tombstones.
 */
#include "front/names.h"

#include <stdio.h>
#include <string.h>

#include "util/mem.h"

#define SIZE_MIN 64

void names_init(struct names *names, const struct hash_key *key)
{
	*names = (struct names){ .key = *key };
}

void names_done(struct names *names)
{
	free(names->slots);
	*names = (struct names){ 0 };
}

void names_reset(struct names *names)
{
	free(TAKE_PTR(names->slots));
	names->size = names->count = 0;
}

/* 0 marks a free slot. */
static uint64_t stored(uint64_t hash)
{
	return hash ? hash : 1;
}

/* The slot that holds the hash, or the free one where it belongs. */
static size_t find_slot(const struct names *names, uint64_t hash)
{
	size_t mask = names->size - 1;
	size_t i = hash & mask;

	while (names->slots[i] != 0 && names->slots[i] != hash)
		i = (i + 1) & mask;
	return i;
}

static void grow(struct names *names)
{
	struct names old = *names;

	names->size = MAX(old.size * 2, (size_t)SIZE_MIN);
	names->slots = xnew_array(uint64_t, names->size);
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i])
			names->slots[find_slot(names, old.slots[i])] = old.slots[i];
	free(old.slots);
}

void names_add(struct names *names, uint64_t hash)
{
	if (names->count + 1 > names->size / 2)
		grow(names);
	size_t i = find_slot(names, stored(hash));
	if (names->slots[i])
		return;
	names->slots[i] = stored(hash);
	names->count++;
}

/* Is `home` outside the circular range (hole, at]? Then what is at `at` may move. */
static bool may_move(size_t hole, size_t at, size_t home)
{
	if (hole <= at)
		return home <= hole || home > at;
	return home <= hole && home > at;
}

void names_drop(struct names *names, uint64_t hash)
{
	if (names->size == 0)
		return;
	size_t mask = names->size - 1;
	size_t hole = find_slot(names, stored(hash));
	if (!names->slots[hole])
		return;
	names->count--;
	for (size_t at = (hole + 1) & mask; names->slots[at]; at = (at + 1) & mask) {
		if (!may_move(hole, at, names->slots[at] & mask))
			continue;
		names->slots[hole] = names->slots[at];
		hole = at;
	}
	names->slots[hole] = 0;
}

static bool has(const struct names *names, const char *name)
{
	if (names->size == 0)
		return false;
	uint64_t hash = hash_bytes(&names->key, name, strlen(name));
	return names->slots[find_slot(names, stored(hash))] != 0;
}

bool names_resolve(const struct names *names, const char *name, char *key)
{
	if (has(names, name)) {
		snprintf(key, DNAME_MAX + 1, "%s", name);
		return true;
	}
	const char *parent = strchr(name, '.');
	if (!parent)
		return false;
	/* A first label of one octet: "*" takes its place, so this always fits. */
	snprintf(key, DNAME_MAX + 1, "*%s", parent);
	return has(names, key);
}
