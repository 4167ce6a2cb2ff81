/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A binary heap of points in time, for the epoll loop. Setting an entry later than it
 * was is the common case (an idle deadline pushed on by each octet) and costs O(1): the
 * entry keeps its place and is moved when its old time comes.
 */
#pragma once

#include "util/usec.h"

struct timer_heap_entry {
	size_t index;    /* place in the heap plus one; 0 = not in it */
	usec_t key_usec; /* what it is sorted by; never after at_usec */
	usec_t at_usec;
};

struct timer_heap {
	struct timer_heap_entry **entry; /* owned; what it points at is borrowed */
	size_t n;
	size_t size;
};

void timer_heap_entry_init(struct timer_heap_entry *entry);
bool timer_heap_has(const struct timer_heap_entry *entry);
void timer_heap_set(
	struct timer_heap *heap, struct timer_heap_entry *entry, usec_t at_usec);
/* Legal on an entry that is not in it. */
void timer_heap_remove(struct timer_heap *heap, struct timer_heap_entry *entry);
/* Removes and returns an entry whose time has come, earliest first, or NULL. */
struct timer_heap_entry *timer_heap_pop_due(struct timer_heap *heap, usec_t now_usec);
/* Not after the earliest entry; USEC_NEVER when empty. */
usec_t timer_heap_next(const struct timer_heap *heap);
void timer_heap_done(struct timer_heap *heap);
