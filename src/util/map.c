/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Open addressing with linear probing. A removed entry leaves a mark behind, so that
 * probing goes on over it and an iteration is not disturbed; growing sweeps the marks
 * out. Never more than three quarters of the slots are used or marked: probing ends.
 */
#include "util/map.h"

#include <assert.h>
#include <string.h>

#include "util/hash.h"
#include "util/mem.h"

#define SLOTS_MIN 16

struct slot {
	char *key;   /* owned; NULL: free, or removed if so marked */
	void *value; /* borrowed from the user of the map */
	uint64_t hash;
	bool is_removed;
};

struct map {
	struct slot *slots; /* owned */
	size_t n_slots;     /* a power of two */
	size_t n_entries;
	size_t n_removed;
	struct hash_key hash_key;
};

struct map *map_new(void)
{
	struct map *map = xnew(struct map);

	map->n_slots = SLOTS_MIN;
	map->slots = xnew_array(struct slot, map->n_slots);
	hash_key_random(&map->hash_key);
	return map;
}

struct map *map_free(struct map *map)
{
	if (!map)
		return NULL;
	for (size_t i = 0; i < map->n_slots; i++)
		free(map->slots[i].key);
	free(map->slots);
	free(map);
	return NULL;
}

/* The slot that holds the key, or the one where a search for it ends. */
static struct slot *find_slot(const struct map *map, const char *key, uint64_t hash)
{
	size_t mask = map->n_slots - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct slot *slot = &map->slots[i];
		if (!slot->key && !slot->is_removed)
			return slot;
		if (slot->key && slot->hash == hash && strcmp(slot->key, key) == 0)
			return slot;
	}
}

static uint64_t hash_of(const struct map *map, const char *key)
{
	return hash_bytes(&map->hash_key, key, strlen(key));
}

static void make_room(struct map *map)
{
	if ((map->n_entries + map->n_removed + 1) * 4 <= map->n_slots * 3)
		return;
	struct slot *old = map->slots;
	size_t n_old = map->n_slots;

	/* Mostly marks: the same size does again, once it is swept. */
	if (map->n_entries * 2 >= n_old)
		map->n_slots *= 2;
	map->slots = xnew_array(struct slot, map->n_slots);
	map->n_removed = 0;
	for (size_t i = 0; i < n_old; i++) {
		if (old[i].key)
			*find_slot(map, old[i].key, old[i].hash) = old[i];
	}
	free(old);
}

void *map_set(struct map *map, const char *key, void *value)
{
	assert(value);
	make_room(map);
	uint64_t hash = hash_of(map, key);
	struct slot *slot = find_slot(map, key, hash);
	void *before = slot->value;

	if (!slot->key) {
		slot->key = xstrdup(key);
		slot->hash = hash;
		map->n_entries++;
	}
	slot->value = value;
	return before;
}

void *map_find(const struct map *map, const char *key)
{
	return find_slot(map, key, hash_of(map, key))->value;
}

void *map_remove(struct map *map, const char *key)
{
	struct slot *slot = find_slot(map, key, hash_of(map, key));
	void *before = slot->value;

	if (!slot->key)
		return NULL;
	free(slot->key);
	*slot = (struct slot){ .is_removed = true };
	map->n_entries--;
	map->n_removed++;
	return before;
}

size_t map_count(const struct map *map)
{
	return map->n_entries;
}

bool map_next(
	const struct map *map, size_t *pos, const char **ret_key, void **ret_value)
{
	while (*pos < map->n_slots) {
		const struct slot *slot = &map->slots[(*pos)++];
		if (!slot->key)
			continue;
		*ret_key = slot->key;
		*ret_value = slot->value;
		return true;
	}
	return false;
}
