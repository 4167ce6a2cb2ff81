/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/timer_heap.h"

#include "util/mem.h"

static void place(struct timer_heap *heap, struct timer_heap_entry *entry, size_t i)
{
	heap->entry[i] = entry;
	entry->index = i + 1;
}

static void sift_up(struct timer_heap *heap, struct timer_heap_entry *entry, size_t i)
{
	while (i > 0) {
		struct timer_heap_entry *parent = heap->entry[(i - 1) / 2];
		if (parent->key_usec <= entry->key_usec)
			break;
		place(heap, parent, i);
		i = (i - 1) / 2;
	}
	place(heap, entry, i);
}

static void sift_down(struct timer_heap *heap, struct timer_heap_entry *entry, size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= heap->n)
			break;
		if (child + 1 < heap->n &&
			heap->entry[child + 1]->key_usec < heap->entry[child]->key_usec)
			child++;
		if (heap->entry[child]->key_usec >= entry->key_usec)
			break;
		place(heap, heap->entry[child], i);
		i = child;
	}
	place(heap, entry, i);
}

void timer_heap_entry_init(struct timer_heap_entry *entry)
{
	*entry = (struct timer_heap_entry){ .index = 0 };
}

bool timer_heap_has(const struct timer_heap_entry *entry)
{
	return entry->index > 0;
}

static void insert(struct timer_heap *heap, struct timer_heap_entry *entry)
{
	if (heap->n == heap->size) {
		heap->size = MAX(heap->size * 2, (size_t)16);
		heap->entry = xreallocarray(
			heap->entry, heap->size, sizeof(struct timer_heap_entry *));
	}
	entry->key_usec = entry->at_usec;
	heap->n++;
	sift_up(heap, entry, heap->n - 1);
}

void timer_heap_set(
	struct timer_heap *heap, struct timer_heap_entry *entry, usec_t at_usec)
{
	entry->at_usec = at_usec;
	if (!timer_heap_has(entry)) {
		insert(heap, entry);
		return;
	}
	if (at_usec >= entry->key_usec)
		return;
	entry->key_usec = at_usec;
	sift_up(heap, entry, entry->index - 1);
}

void timer_heap_remove(struct timer_heap *heap, struct timer_heap_entry *entry)
{
	if (!timer_heap_has(entry))
		return;
	size_t i = entry->index - 1;
	struct timer_heap_entry *last = heap->entry[--heap->n];
	entry->index = 0;
	if (last == entry)
		return;
	/* The last one fills the gap, and may belong above or below it. */
	if (i > 0 && last->key_usec < heap->entry[(i - 1) / 2]->key_usec)
		sift_up(heap, last, i);
	else
		sift_down(heap, last, i);
}

struct timer_heap_entry *timer_heap_pop_due(struct timer_heap *heap, usec_t now_usec)
{
	while (heap->n > 0 && heap->entry[0]->key_usec <= now_usec) {
		struct timer_heap_entry *first = heap->entry[0];
		if (first->key_usec == first->at_usec) {
			timer_heap_remove(heap, first);
			return first;
		}
		first->key_usec = first->at_usec;
		sift_down(heap, first, 0);
	}
	return NULL;
}

usec_t timer_heap_next(const struct timer_heap *heap)
{
	return heap->n > 0 ? heap->entry[0]->key_usec : USEC_NEVER;
}

void timer_heap_done(struct timer_heap *heap)
{
	free(heap->entry);
	*heap = (struct timer_heap){ .n = 0 };
}
