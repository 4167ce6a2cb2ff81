/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Can the database be written? While it cannot (disk full, read-only, broken, locked),
 * there is an alarm, nothing is ordered, and what is served stays; it is tried again every
 * few seconds. One that turns out to be damaged stays so until the next start, which
 * serves from the last good copy.
 */
#pragma once

#include "core/notice/events.h"

struct store_watch;

/* It can be written again. */
typedef void store_watch_well_fn(void *userdata);

struct store_watch_params {
	struct loop *loop;   /* borrowed, as all here */
	struct store *store; /* is told to tell us of trouble, until we are freed */
	struct events *events;
	store_watch_well_fn *on_well; /* NULL = nobody wants to know */
	void *userdata;
};

struct store_watch *store_watch_new(const struct store_watch_params *params);
struct store_watch *store_watch_free(struct store_watch *watch);
DEFINE_CLEANUP(struct store_watch *, store_watch_free)

/* Before something is done outside that has to be remembered: looks, if nobody has lately.
 * 0, -EAGAIN. NULL: all is well (tests). */
int store_watch_check(struct store_watch *watch, struct err *err);
/* What is wrong, in one sentence; NULL: nothing that we know of. */
const char *store_watch_get_alarm(const struct store_watch *watch);
