/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of chunks; a piece that does not fit into the newest one opens another. */
#include "conf/arena.h"

#include <stdalign.h>
#include <string.h>

#include "util/mem.h"

#define CHUNK_BYTES ((size_t)64 * 1024)
#define FIRST_BYTES ((size_t)4 * 1024)

struct arena_chunk {
	struct arena_chunk *next; /* owned */
	size_t size;
	size_t used;
	alignas(max_align_t) char data[];
};

static struct arena_chunk *add_chunk(struct arena *arena, size_t need)
{
	size_t size = MAX(arena->chunk ? CHUNK_BYTES : FIRST_BYTES, need);
	struct arena_chunk *chunk = xcalloc(1, sizeof(*chunk) + size);

	chunk->size = size;
	chunk->next = arena->chunk;
	arena->chunk = chunk;
	return chunk;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
	struct arena_chunk *chunk = arena->chunk;
	size_t start = chunk ? (chunk->used + align - 1) & ~(align - 1) : 0;

	if (!chunk || start > chunk->size || size > chunk->size - start) {
		chunk = add_chunk(arena, size);
		start = 0;
	}
	chunk->used = start + size;
	return chunk->data + start;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return take(arena, MAX(size, (size_t)1), alignof(max_align_t));
}

char *arena_copy(struct arena *arena, const char *s, size_t len)
{
	char *copy = take(arena, len + 1, 1);

	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void arena_done(struct arena *arena)
{
	while (arena->chunk) {
		struct arena_chunk *chunk = arena->chunk;
		arena->chunk = chunk->next;
		explicit_bzero(chunk->data, chunk->used);
		free(chunk);
	}
}
