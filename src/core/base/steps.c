/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See steps.h. */
#include "core/base/steps.h"

#include "util/mem.h"

#define WAIT_USEC (10 * USEC_PER_MSEC)

struct steps {
	struct steps_params in;
	struct loop_timer *timer; /* owned */
	size_t part;
};

static bool is_busy(const struct steps *steps)
{
	return steps->in.is_busy && steps->in.is_busy(steps->in.userdata);
}

static bool has_more(const struct steps *steps)
{
	return steps->in.parts[steps->part] != NULL;
}

static int take_step(struct steps *steps, struct err *err)
{
	int r = steps->in.parts[steps->part](steps->in.userdata, err);

	if (r == 0)
		steps->part++;
	return r < 0 ? r : 0;
}

static void on_steps_turn(struct loop_timer *timer, void *userdata)
{
	struct steps *steps = userdata;
	struct loop_portion portion = loop_portion_begin();
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = 0;

	while (r >= 0 && has_more(steps) && !is_busy(steps) &&
		!loop_portion_is_over(&portion))
		r = take_step(steps, &err);
	if (r >= 0 && has_more(steps)) {
		loop_timer_set_after(timer, is_busy(steps) ? WAIT_USEC : 0);
		return;
	}
	steps->in.done(r, r < 0 ? &err : NULL, steps->in.userdata);
}

struct steps *steps_start(const struct steps_params *params)
{
	struct steps *steps = xnew(struct steps);

	steps->in = *params;
	steps->timer = loop_timer_new(params->loop, on_steps_turn, steps);
	loop_timer_set_after(steps->timer, 0);
	return steps;
}

struct steps *steps_cancel(struct steps *steps)
{
	if (!steps)
		return NULL;
	loop_timer_free(steps->timer);
	free(steps);
	return NULL;
}
