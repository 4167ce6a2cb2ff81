/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hash map from strings to pointers. Keys are copied, values are borrowed. The hash
 * is keyed per process (SipHash-2-4), since keys may come from outside.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/macro.h"

struct map;

struct map *map_new(void);
/* Frees the map and its copies of keys, not the values. NULL ok; returns NULL. */
struct map *map_free(struct map *map);
DEFINE_CLEANUP(struct map *, map_free)

/* Sets; returns the value that was there before, or NULL. Value must not be NULL. */
void *map_set(struct map *map, const char *key, void *value);
void *map_find(const struct map *map, const char *key);
/* Removes; returns the value that was there, or NULL. */
void *map_remove(struct map *map, const char *key);
size_t map_count(const struct map *map);

/* Iterates in no particular order: *pos starts at 0. False at the end. Nothing may be
 * added meanwhile; the entry just returned may be removed. */
bool map_next(
	const struct map *map, size_t *pos, const char **ret_key, void **ret_value);
#define map_foreach(map, pos, key, value) \
	for (pos = 0; map_next((map), &pos, &key, (void **)&value);)
