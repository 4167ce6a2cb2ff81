/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a person asks first: what has happened here? The latest event of each kind that is
 * about the whole (a reload, a death and who has taken over, an upgrade, the database, the
 * clock, a plugin, a roll-back), for one line each in the status.
 */
#pragma once

#include "core/notice/events.h"
#include "util/json_view.h"

struct happenings;

/* Those of earlier lives come from the store. Both are borrowed. */
struct happenings *happenings_new(struct events *events, struct store *store);
struct happenings *happenings_free(struct happenings *happenings);
DEFINE_CLEANUP(struct happenings *, happenings_free)

/* [{kind, at, subject, text}], the newest first; the caller's. */
json_t *happenings_format(const struct happenings *happenings);
