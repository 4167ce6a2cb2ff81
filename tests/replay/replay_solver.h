/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Solver and progress of a replay: both write down what they are asked for. */
#pragma once

#include "acme/order.h"
#include "acme/solver.h"

struct replay_solver;

struct replay_solver *replay_solver_new(struct loop *loop);
struct replay_solver *replay_solver_free(struct replay_solver *solver);

const struct acme_solver *replay_solver_get(const struct replay_solver *solver);
const struct acme_progress *replay_solver_get_progress(
	const struct replay_solver *solver);

/* Each solve is answered at once, on a later turn, with index 0. */
void replay_solver_set_willing(struct replay_solver *solver);
/* The next solve_start fails. */
void replay_solver_refuse_next(struct replay_solver *solver);
/* The oldest solve under way, as text: "NAME [wildcard] TYPE:TOKEN TYPE:TOKEN …"; owned
 * by the caller; NULL: none. */
char *replay_solver_format_offer(const struct replay_solver *solver);
/* Ends the oldest: with the challenge of that type (NULL: the first), or with an error.
 * False: there is none. */
bool replay_solver_succeed(struct replay_solver *solver, const char *type);
bool replay_solver_fail(struct replay_solver *solver, const char *why);

/* Cleanups as "NAME TYPE", saves as "order STATE URL" and "authz NAME STATE …", in their
 * order; NULL-terminated, maybe NULL. */
char *const *replay_solver_get_cleanups(const struct replay_solver *solver);
char *const *replay_solver_get_saves(const struct replay_solver *solver);
/* Answers that may stand: presented and not cleaned up since. */
size_t replay_solver_count_standing(const struct replay_solver *solver);
/* A save that contains this fails; NULL = none does. */
void replay_solver_fail_save(struct replay_solver *solver, const char *text);
