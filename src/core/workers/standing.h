/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answers to challenges that stand now: what a worker that starts late is told, too.
 * (kind, name, token) is what identifies one. */
#pragma once

#include "link/message.h"
#include "util/macro.h"

struct standing;

struct standing *standing_new(void);
struct standing *standing_free(struct standing *standing);
DEFINE_CLEANUP(struct standing *, standing_free)

/* A copy with an id of its own, in the place of an earlier one; valid until it is taken or
 * put anew. */
const struct link_answer *standing_put(
	struct standing *standing, const struct link_answer *answer);
/* Removes it; the caller's. NULL: there is none. */
struct link_answer *standing_take(
	struct standing *standing, bool is_alpn, const char *name, const char *token);
struct link_answer *standing_answer_free(struct link_answer *answer);
DEFINE_CLEANUP(struct link_answer *, standing_answer_free)

typedef void standing_fn(const struct link_answer *answer, void *userdata);
void standing_each(const struct standing *standing, standing_fn *fn, void *userdata);
