/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See slots.h. */
#include "core/wanted/slots.h"

#include <string.h>

#include "core/wanted/planning.h"
#include "io/loop.h"
#include "store/accepted.h"
#include "store/install.h"
#include "store/order.h"
#include "util/mem.h"

struct slots_following {
	struct slots_params in;
	struct planning *planning; /* owned */
	size_t i_entry;            /* of the plan; the next */
	bool is_noted;
	struct slots_change change;
};

/* An order that was begun for what is no longer wanted is not taken up again. Its row
 * stays as long as anything of it is presented. */
static int drop_order(struct store *store, int64_t slot_id, struct err *err)
{
	struct store_order order = { 0 };
	int r = store_order_find_open(store, slot_id, &order, err);

	if (r == 0) {
		order.finished = true;
		r = store_order_save(store, &order, err);
	}
	store_order_done(&order);
	return r < 0 ? r : 0;
}

/* Nobody looks any more at what was installed where it is not wanted. */
static int drop_targets(
	struct store *store, const struct plan_entry *e, struct err *err)
{
	_cleanup_(strv_freep) char **targets = strv_split(e->leave ? e->leave : "");
	int64_t id =
		e->slot.pending_id > 0 ? e->slot.pending_id : e->slot.certificate_id;
	char *const none[] = { NULL };
	int r = 0;

	for (size_t i = 0; r >= 0 && targets && targets[i]; i++)
		r = store_install_keep(store, id, targets[i], none, err);
	return r;
}

static int save_entry(const struct plan_entry *e, struct store *store,
	usec_t wall_now_usec, struct err *err)
{
	struct store_slot slot = e->slot; /* borrows the strings */
	int r = drop_targets(store, e, err);

	/* Only one that waits for its targets has less to wait for. */
	if (r < 0 || (e->action == PLAN_LEAVE && slot.pending_id == 0))
		return r;
	slot.due_usec = e->action == PLAN_REMOVE
				? usec_add(wall_now_usec, PLAN_KEEP_USEC)
				: wall_now_usec;
	if (e->action == PLAN_ADD)
		return store_slot_add(store, &slot, err);
	if (e->action == PLAN_REMOVE || e->is_reorder)
		r = drop_order(store, slot.id, err);
	return r < 0 ? r : store_slot_save(store, &slot, err);
}

static void count_change(struct slots_change *change, enum plan_action action)
{
	if (action == PLAN_ADD)
		change->added++;
	else if (action == PLAN_REMOVE)
		change->removed++;
	else
		change->changed++;
}

/* --- in portions ------------------------------------------------------------------------- */

static int save_domain(struct slots_following *f, const char *domain, struct err *err)
{
	int r = planning_see(f->planning, domain, err);
	_cleanup_(plan_freep) struct plan *plan = planning_take(f->planning);

	for (size_t i = 0; r >= 0 && i < plan->n; i++) {
		r = save_entry(&plan->entry[i], f->in.store, f->in.wall_now_usec, err);
		if (r >= 0)
			count_change(&f->change, plan->entry[i].action);
	}
	return r;
}

/* The entries of one domain stand together. */
static const char *next_domain(struct slots_following *f)
{
	const struct plan *plan = f->in.plan;

	if (f->i_entry == plan->n)
		return NULL;
	const char *domain = plan->entry[f->i_entry++].slot.domain;
	while (f->i_entry < plan->n &&
		strcmp(plan->entry[f->i_entry].slot.domain, domain) == 0)
		f->i_entry++;
	return domain;
}

static int note_accepted(struct slots_following *f, struct err *err)
{
	if (!f->in.is_accepted || f->is_noted)
		return 0;
	f->is_noted = true;
	return store_accepted_save(f->in.store, f->in.plan->digest, err);
}

static int save_portion(struct slots_following *f, struct err *err)
{
	struct loop_portion portion = loop_portion_begin();
	const char *domain = "";
	int r = note_accepted(f, err);

	while (r >= 0 && !loop_portion_is_over(&portion) && (domain = next_domain(f)))
		r = save_domain(f, domain, err);
	if (r >= 0 && !domain)
		r = store_accepted_remove(f->in.store, err);
	return r < 0 ? r : domain != NULL;
}

int slots_following_step(struct slots_following *f, struct err *err)
{
	int r = store_begin(f->in.store, err);

	if (r < 0)
		return r;
	int more = save_portion(f, err);
	if (more < 0) {
		store_rollback(f->in.store);
		return more;
	}
	r = store_commit(f->in.store, err);
	if (r < 0 || more)
		return r < 0 ? r : 1;
	return store_slot_forget(f->in.store, f->in.wall_now_usec, err);
}

const struct slots_change *slots_following_get_change(const struct slots_following *f)
{
	return &f->change;
}

struct slots_following *slots_following_new(const struct slots_params *params)
{
	struct slots_following *f = xnew(struct slots_following);
	const struct planning_params planning = { params->store, params->conf,
		params->wall_now_usec };

	f->in = *params;
	f->planning = planning_new(&planning);
	return f;
}

struct slots_following *slots_following_free(struct slots_following *f)
{
	if (!f)
		return NULL;
	planning_free(f->planning);
	free(f);
	return NULL;
}

/* --- at once ------------------------------------------------------------------------------- */

int slots_follow_plan(
	const struct slots_params *params, struct slots_change *ret, struct err *err)
{
	_cleanup_(slots_following_freep) struct slots_following *f =
		slots_following_new(params);
	int r;

	do
		r = slots_following_step(f, err);
	while (r > 0);
	*ret = *slots_following_get_change(f);
	return r;
}

int slots_follow(struct store *store, const struct conf *conf, usec_t wall_now_usec,
	struct slots_change *ret, struct err *err)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	int r = plan_new(&plan, store, conf, wall_now_usec, err);
	const struct slots_params params = {
		.store = store,
		.conf = conf,
		.plan = plan,
		.wall_now_usec = wall_now_usec,
	};

	return r < 0 ? r : slots_follow_plan(&params, ret, err);
}

/* --- after a crash ------------------------------------------------------------------------- */

/* So many tries of an interrupted job follow each other at once; then the back-off of the
 * schedule stands. */
#define AT_ONCE_MAX 6

struct recover {
	int64_t *ids; /* owned */
	size_t n;
	usec_t now;
};

/* Charged, or issued, and no reason why it went no further: it was in the middle. */
static bool is_interrupted(const struct store_slot *slot)
{
	return !slot->error && (slot->attempts > 0 || slot->pending_id > 0);
}

static int on_waiting(const struct store_slot *slot, void *userdata)
{
	struct recover *r = userdata;

	if (slot->removed || (slot->attempts == 0 && slot->pending_id == 0))
		return 0;
	/* Whatever ends the process each time must not make a loop. */
	if (slot->attempts > AT_ONCE_MAX)
		return 0;
	if (!is_interrupted(slot) && slot->due_usec <= r->now)
		return 0;
	r->ids = xreallocarray(r->ids, r->n + 1, sizeof(*r->ids));
	r->ids[r->n++] = slot->id;
	return 0;
}

static int recover_slot(struct store *store, int64_t id, usec_t now, struct err *err)
{
	_cleanup_(store_order_done) struct store_order order = { 0 };
	_cleanup_(store_slot_done) struct store_slot slot = { 0 };
	int r = store_slot_load(store, id, &slot, err);

	if (r == 0 && !is_interrupted(&slot))
		r = store_order_find_open(store, id, &order, err);
	if (r != 0)
		return r == STORE_E_NOT_FOUND ? 0 : r;
	slot.due_usec = MIN(slot.due_usec, now);
	r = store_slot_save(store, &slot, err);
	return r < 0 ? r : 1;
}

int slots_recover(struct store *store, usec_t wall_now_usec, struct err *err)
{
	struct recover recover = { .now = wall_now_usec };
	int count = 0;
	int r = store_slot_each(store, NULL, on_waiting, &recover, err);

	for (size_t i = 0; r >= 0 && i < recover.n; i++) {
		r = recover_slot(store, recover.ids[i], wall_now_usec, err);
		count += r > 0;
	}
	free(recover.ids);
	return r < 0 ? r : count;
}
