/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a plan is made: domain by domain, what stands in the store compared with what the
 * configuration wants. The store may change between two steps; a domain is read at once.
 */
#pragma once

#include "core/wanted/plan.h"

struct planning;

struct planning_params {
	struct store *store;     /* borrowed, as the configuration */
	const struct conf *conf; /* checked by policy_check */
	usec_t wall_now_usec;    /* whether a certificate is valid still */
};

struct planning *planning_new(const struct planning_params *params);
struct planning *planning_free(struct planning *planning);
DEFINE_CLEANUP(struct planning *, planning_free)

/* A little of the whole plan. 1: there is more to do; 0: it is whole. */
int planning_step(struct planning *planning, struct err *err);
/* One domain, wanted or not, as the store has it now, is added to the plan. */
int planning_see(struct planning *planning, const char *domain, struct err *err);
/* The plan as it is so far; the next one begins empty. Owned by the caller. */
struct plan *planning_take(struct planning *planning);
