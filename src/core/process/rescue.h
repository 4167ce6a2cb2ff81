/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When the database cannot be used at the start: it stays as it is, for somebody to look
 * at, and what was proven last is served from its copy (core/workers/last_good), by a store in
 * memory. Nothing is ordered on such a store. Meanwhile it is looked whether the database
 * has been put right: restored, or given back the room or the disk that it needs.
 */
#pragma once

#include "io/loop.h"
#include "store/store.h"
#include "util/log.h"

struct rescue;

struct rescue_params {
	struct loop *loop;     /* borrowed */
	const char *directory; /* the state directory; copied */
	const struct log_ctx *log;
};

/* Opens the database and sees that it can be written. If it is damaged, newer, gone while
 * there is a copy, or cannot be read, written or locked: *ret is a store in memory with
 * the last good copy, and *ret_rescue is set (else NULL). Without a copy that fails. */
int rescue_open_store(struct store **ret, struct rescue **ret_rescue,
	const struct rescue_params *params, struct err *err);
struct rescue *rescue_free(struct rescue *rescue);
DEFINE_CLEANUP(struct rescue *, rescue_free)

/* What is wrong and what to do, in one sentence; NULL for NULL. */
const char *rescue_get_text(const struct rescue *rescue);

/* Told once, on a turn of its own: it could be opened and written just now, and is closed
 * again. */
typedef void rescue_over_fn(void *userdata);
void rescue_look(struct rescue *rescue, rescue_over_fn *over, void *userdata);
