/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events: each change that a person would ask about goes to the audit trail in the
 * store, to the log, to the notify plugins and to whoever follows (`events -f`). The one
 * place that logs what a job came to.
 */
#pragma once

#include "core/notice/instances.h"
#include "store/event.h"
#include "util/log.h"

struct events;

struct events_params {
	struct instances *instances; /* whose notify plugins are told; borrowed */
	struct store *store;         /* borrowed; NULL = nothing is stored */
	struct loop *loop;
	const struct log_ctx *log;
	unsigned keep; /* rows in the store */
};

struct events *events_new(const struct events_params *params);
struct events *events_free(struct events *events);
DEFINE_CLEANUP(struct events *, events_free)

/* The notifiers that the configuration in force names: those that were not told
 * everything when we ended are told it now, and of others the store forgets how far they
 * were told. At the start, and after a reload. */
void events_follow_notifiers(struct events *events);

/* kinds: started stopped reload due waiting issued installed served failed held account
 * worker listener plugin record-wanted record-seen record-differs record-vanished
 * record-foreign record-expires record-removable */
_printf_(5, 6) void events_add(struct events *events, enum log_level level,
	const char *kind, const char *subject, const char *fmt, ...);

struct events_follower;
typedef void events_follow_fn(const struct store_event *event, void *userdata);
struct events_follower *events_follow(
	struct events *events, events_follow_fn *fn, void *userdata);
struct events_follower *events_unfollow(struct events_follower *follower);
