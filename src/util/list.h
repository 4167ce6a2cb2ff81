/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Intrusive doubly linked list; an entry that is not linked points at itself. */
#pragma once

#include <stdbool.h>

#include "util/macro.h"

struct list {
	struct list *next; /* points into the neighbour, or at itself */
	struct list *prev;
};

#define LIST_INIT(name)                          \
	{                                        \
		.next = &(name), .prev = &(name) \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *entry)
{
	entry->prev = head->prev;
	entry->next = head;
	head->prev->next = entry;
	head->prev = entry;
}

/* Unlinks; legal on an entry that is not linked, if it was initialised. */
static inline void list_remove(struct list *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
	list_init(entry);
}

#define list_entry(l, type, member) container_of(l, type, member)

#define list_foreach(it, head, member)                           \
	for (it = list_entry((head)->next, typeof(*it), member); \
		&it->member != (head);                           \
		it = list_entry(it->member.next, typeof(*it), member))

/* Safe against removal of `it` itself. */
#define list_foreach_safe(it, tmp, head, member)                    \
	for (it = list_entry((head)->next, typeof(*it), member),    \
	    tmp = list_entry(it->member.next, typeof(*it), member); \
		&it->member != (head);                              \
		it = tmp, tmp = list_entry(it->member.next, typeof(*it), member))
