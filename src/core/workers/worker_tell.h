/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker is told: one message each, packed and sent. */
#pragma once

#include "core/workers/nameset.h"
#include "core/workers/worker.h"

void worker_tell_configure(struct worker *worker, const struct link_configure *m);
/* A duplicate of fd goes with it. Negative: no descriptor is left. */
int worker_tell_listener(struct worker *worker, const struct link_listener *m, int fd);
void worker_tell_listener_drop(struct worker *worker, const char *name);
/* LINK_NAMES_ADD or LINK_NAMES_DROP, in as many frames as it takes. */
void worker_tell_names(
	struct worker *worker, enum link_type type, const struct nameset *set);
void worker_tell_context(struct worker *worker, const struct link_context *m);
void worker_tell_context_drop(struct worker *worker, const char *name);
void worker_tell_answer(struct worker *worker, const struct link_answer *m);
void worker_tell_answer_drop(struct worker *worker, const struct link_answer *m);
/* A message without content: START, STATS_REQUEST. */
void worker_tell_empty(struct worker *worker, enum link_type type);
void worker_tell_ticket_key(struct worker *worker, const struct link_ticket_key *m);
/* Takes the descriptor over. */
void worker_tell_probe(struct worker *worker, const char *listener, int fd);
void worker_tell_drain(struct worker *worker, usec_t timeout_usec);
