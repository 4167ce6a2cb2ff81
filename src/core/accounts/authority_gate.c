/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gate of an authority: max_orders are let in at once, the most urgent of those that
 * wait goes first, and while it is closed (an account is changed) nobody goes in.
 */
#include "core/accounts/authority_priv.h"
#include "util/mem.h"

struct authority_ticket {
	struct list entry; /* linked while waiting */
	usec_t urgency;
	struct authority *authority;
	struct loop_defer *defer;
	authority_granted_fn *granted;
	void *userdata;
	bool is_inside;
};

static void on_granted(void *userdata)
{
	struct authority_ticket *ticket = userdata;

	ticket->defer = loop_defer_free(ticket->defer);
	ticket->granted(ticket->userdata);
}

static void admit(struct authority *a)
{
	unsigned max = (unsigned)conf_get_int(a->block, "max_orders");

	while (!a->is_closed && !list_is_empty(&a->waiting) && a->n_inside < max) {
		struct authority_ticket *ticket =
			list_entry(a->waiting.next, struct authority_ticket, entry);

		list_remove(&ticket->entry);
		ticket->is_inside = true;
		a->n_inside++;
		ticket->defer = loop_defer_new(a->loop, on_granted, ticket);
	}
}

static void tell_if_empty(struct authority *a)
{
	void (*on_empty)(struct account_change * change) = a->on_empty;

	if (!on_empty || a->n_inside > 0)
		return;
	a->on_empty = NULL;
	on_empty(a->change);
}

/* Behind those that are as urgent. */
static void queue_up(struct authority *a, struct authority_ticket *ticket)
{
	struct list *place = a->waiting.prev;

	while (place != &a->waiting &&
		list_entry(place, struct authority_ticket, entry)->urgency >
			ticket->urgency)
		place = place->prev;
	list_append(place->next, &ticket->entry);
}

struct authority_ticket *authority_enter(struct authority *a, usec_t urgency,
	authority_granted_fn *granted, void *userdata)
{
	struct authority_ticket *ticket = xnew(struct authority_ticket);

	ticket->authority = a;
	ticket->granted = granted;
	ticket->userdata = userdata;
	ticket->urgency = urgency;
	queue_up(a, ticket);
	admit(a);
	return ticket;
}

struct authority_ticket *authority_leave(struct authority_ticket *ticket)
{
	if (!ticket)
		return NULL;
	struct authority *a = ticket->authority;

	list_remove(&ticket->entry);
	loop_defer_free(ticket->defer);
	if (ticket->is_inside)
		a->n_inside--;
	free(ticket);
	tell_if_empty(a);
	admit(a);
	return NULL;
}

void authority_close_gate(
	struct authority *a, void (*on_empty)(struct account_change *change))
{
	a->is_closed = true;
	a->on_empty = on_empty;
	tell_if_empty(a);
}

void authority_open_gate(struct authority *a)
{
	a->is_closed = false;
	a->on_empty = NULL;
	admit(a);
}
