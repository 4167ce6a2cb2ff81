/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The solver of one job: answers acme/solver.h with the challenge plugins that the
 * domain's policy names, in its order, and remembers why each that was passed over was.
 */
#pragma once

#include "acme/solver.h"
#include "conf/conf.h"
#include "core/instances.h"

struct solver;

struct solver_params {
	struct loop *loop;
	const struct conf_block *domain;   /* borrowed */
	const struct instances *instances; /* borrowed */
	const struct log_ctx *log;
};

struct solver *solver_new(const struct solver_params *params);
/* Cancels everything, clean-ups too: free it only after they had their time (they are
 * started at once and need no more than the loop's next turn for answers in memory). */
struct solver *solver_free(struct solver *solver);
DEFINE_CLEANUP(struct solver *, solver_free)
/* Borrowed. */
const struct acme_solver *solver_get(const struct solver *solver);
/* "http-01 (tls-alpn-01: not offered by the CA)": what was used and why not another;
 * "" when nothing was tried. Borrowed. */
const char *solver_get_note(const struct solver *solver);
/* Is no clean-up under way? */
bool solver_is_idle(const struct solver *solver);
