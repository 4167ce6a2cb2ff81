/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One notify plugin that is told of events: one at a time and in order, from a queue of
 * its own, so that one that hangs holds up nobody else. What it cannot take is dropped,
 * counted, and said in the log once a minute. The store knows what it was told: what was
 * to be told or under way when we died is told by the next of us, but not for ever.
 */
#pragma once

#include "core/notice/instances.h"
#include "store/event.h"
#include "util/log.h"

#define NOTIFIER_QUEUE_MAX 1000
/* So often the same event is begun to be told. */
#define NOTIFIER_TRIES_MAX 3

struct notifier;

struct notifier_params {
	const char *name;            /* as the setting `notify` calls it; copied */
	struct instances *instances; /* borrowed, as all below */
	struct store *store;         /* NULL: nothing outlives us */
	struct loop *loop;
	const struct log_ctx *log;
	int64_t since_id; /* if nothing is known of it, it is told what comes after */
};

struct notifier *notifier_new(const struct notifier_params *params);
struct notifier *notifier_free(struct notifier *notifier);
DEFINE_CLEANUP(struct notifier *, notifier_free)

/* Copies the event; one that it has already is left alone. The plugin is called on a later
 * turn. */
void notifier_add(struct notifier *notifier, const struct store_event *event);
/* This instance is about to be closed: a call to it is dropped, and its event told to
 * whatever has the name later. */
void notifier_leave(struct notifier *notifier, const struct plugin_instance *instance);
