/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See plan.h. */
#include "core/wanted/plan.h"

#include "core/wanted/planning.h"
#include "util/mem.h"

const char *const plan_action_names[_PLAN_ACTION_MAX] = {
	[PLAN_ADD] = "add",
	[PLAN_CHANGE] = "change",
	[PLAN_RETURN] = "return",
	[PLAN_REMOVE] = "remove",
	[PLAN_INSTALL] = "install",
	[PLAN_LEAVE] = "leave",
};

/* --- the object ---------------------------------------------------------------------------- */

struct plan_entry *plan_add(
	struct plan *plan, enum plan_action action, const struct store_slot *slot)
{
	if ((plan->n & (plan->n - 1)) == 0)
		plan->entry = xreallocarray(
			plan->entry, MAX(plan->n * 2, (size_t)1), sizeof(*plan->entry));
	struct plan_entry *e = &plan->entry[plan->n++];
	*e = (struct plan_entry){ .action = action };
	store_slot_copy(&e->slot, slot);
	e->has_certificate = slot->certificate_id > 0;
	plan->count[action]++;
	return e;
}

void plan_count(struct plan *plan, const struct plan_entry *e)
{
	bool is_worse = e->action == PLAN_REMOVE ||
			(e->action == PLAN_CHANGE && e->needs_order);

	plan->n_orders += e->needs_order;
	plan->n_upset += e->has_certificate && is_worse;
}

int plan_new(struct plan **ret, struct store *store, const struct conf *conf,
	usec_t wall_now_usec, struct err *err)
{
	const struct planning_params params = { store, conf, wall_now_usec };
	_cleanup_(planning_freep) struct planning *planning = planning_new(&params);
	int r;

	do
		r = planning_step(planning, err);
	while (r > 0);
	if (r == 0)
		*ret = planning_take(planning);
	return r;
}

struct plan *plan_free(struct plan *plan)
{
	if (!plan)
		return NULL;
	for (size_t i = 0; i < plan->n; i++) {
		store_slot_done(&plan->entry[i].slot);
		free(plan->entry[i].authority);
		free(plan->entry[i].why);
		free(plan->entry[i].install);
		free(plan->entry[i].leave);
	}
	free(plan->entry);
	free(plan);
	return NULL;
}

/* --- the brake ----------------------------------------------------------------------------- */

bool plan_is_braked(const struct plan *plan, int64_t percent)
{
	return plan->n_upset > PLAN_BRAKE_LEAST &&
	       plan->n_upset * 100 > plan->n_slots * (size_t)percent;
}

char *plan_format_brake(const struct plan *plan, int64_t percent)
{
	return xasprintf(
		"%zu of %zu certificates would be re-issued or removed, more than "
		"change_brake = %lld%%; postsealctl plan shows them, postsealctl "
		"reload --yes does it",
		plan->n_upset, plan->n_slots, (long long)percent);
}

bool plan_has_slot(const struct plan *plan, int64_t slot_id)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->entry[i].slot.id == slot_id)
			return true;
	return false;
}
