/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory of one snapshot: many small pieces that are freed together. Everything is
 * overwritten before it is freed, since values may be secrets.
 */
#pragma once

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunk; /* owned; the newest, linked to the older ones */
};

/* Zeroed and aligned for any object. */
void *arena_alloc(struct arena *arena, size_t size);
/* A NUL-terminated copy of len octets. */
char *arena_copy(struct arena *arena, const char *s, size_t len);
void arena_done(struct arena *arena);
