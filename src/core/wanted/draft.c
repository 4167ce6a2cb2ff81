/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See draft.h. */
#include "core/wanted/draft.h"

#include "core/wanted/planning.h"
#include "util/mem.h"

struct draft {
	struct draft_params in;
	struct load_reading *reading; /* owned; NULL: it is over */
	struct conf *conf;            /* a reference; NULL: not read yet */
	struct planning *planning;    /* owned; NULL: not begun, or over */
	struct plan *plan;            /* owned; NULL: not planned yet */
};

static int read_some(struct draft *draft)
{
	if (load_reading_step(draft->reading))
		return 1;
	int r = load_reading_finish(&draft->reading, &draft->conf);
	return r < 0 ? r : 1;
}

static int plan_some(struct draft *draft, struct err *err)
{
	if (!draft->planning) {
		const struct planning_params params = { draft->in.store, draft->conf,
			loop_wall_now(draft->in.loop) };
		draft->planning = planning_new(&params);
	}
	int r = planning_step(draft->planning, err);
	if (r == 0)
		draft->plan = planning_take(draft->planning);
	return r;
}

int draft_step(struct draft *draft, struct err *err)
{
	return draft->reading ? read_some(draft) : plan_some(draft, err);
}

struct conf *draft_get_conf(const struct draft *draft)
{
	return draft->conf;
}

const struct plan *draft_get_plan(const struct draft *draft)
{
	return draft->plan;
}

struct draft *draft_new(const struct draft_params *params)
{
	struct draft *draft = xnew(struct draft);

	draft->in = *params;
	draft->reading = load_reading_new(params->loaded, params->load, params->report);
	return draft;
}

struct draft *draft_free(struct draft *draft)
{
	if (!draft)
		return NULL;
	load_reading_free(draft->reading);
	planning_free(draft->planning);
	plan_free(draft->plan);
	conf_unref(draft->conf);
	free(draft);
	return NULL;
}
