/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files say now, read and planned in small steps while everything goes on: what
 * a reload puts in force, and what `postsealctl plan` shows.
 */
#pragma once

#include "core/wanted/load.h"
#include "core/wanted/plan.h"

struct draft;

struct draft_params {
	struct loop *loop;           /* borrowed, as all here */
	const struct loaded *loaded; /* plugins and schema, what is in force */
	const struct load_params *load;
	struct store *store;
	struct conf_report *report; /* what is found wrong, or odd */
};

struct draft *draft_new(const struct draft_params *params);
struct draft *draft_free(struct draft *draft);
DEFINE_CLEANUP(struct draft *, draft_free)

/* A part of core/base/steps.h. -EINVAL: the report tells. */
int draft_step(struct draft *draft, struct err *err);
/* After the last step; borrowed. */
struct conf *draft_get_conf(const struct draft *draft);
const struct plan *draft_get_plan(const struct draft *draft);
