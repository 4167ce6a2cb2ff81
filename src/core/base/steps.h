/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Long work that gives way: parts that are done one after the other, each in small
 * steps, and as many steps a turn of the loop as fit into a portion. Contract of
 * doc/architecture.md, Operations; steps may not cancel.
 */
#pragma once

#include "io/loop.h"

struct steps;

/* A little of a part. 1: there is more of it; 0: it is done; <0: so is all of it. */
typedef int steps_part_fn(void *userdata, struct err *err);
/* r: 0 or what a part has failed with; err is NULL with 0. */
typedef void steps_done_fn(int r, const struct err *err, void *userdata);
/* Not now: asked again soon. */
typedef bool steps_is_busy_fn(void *userdata);

struct steps_params {
	struct loop *loop;           /* borrowed */
	steps_part_fn *const *parts; /* static; ends with NULL */
	steps_is_busy_fn *is_busy;   /* NULL: never */
	steps_done_fn *done;
	void *userdata;
};

struct steps *steps_start(const struct steps_params *params);
struct steps *steps_cancel(struct steps *steps);
DEFINE_CLEANUP(struct steps *, steps_cancel)
