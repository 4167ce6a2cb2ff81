/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers to challenges that still stand though nobody works on their order any more:
 * since we were killed, or the job ended before its plugin had cleaned up, or the domain
 * was removed. They are cleaned up, and that is tried again until it has been done.
 */
#pragma once

#include "core/notice/instances.h"
#include "store/store.h"

struct leftovers;

struct leftovers_params {
	struct loop *loop; /* borrowed, as all here */
	struct store *store;
	const struct instances *instances;
	const struct log_ctx *log;
};

struct leftovers *leftovers_new(const struct leftovers_params *params);
struct leftovers *leftovers_free(struct leftovers *leftovers);
DEFINE_CLEANUP(struct leftovers *, leftovers_free)
/* Looks for them, soon: at the start, and whenever a job has ended. After trouble it is a
 * while until the next look. NULL ok. */
void leftovers_run(struct leftovers *leftovers);
/* Drops the calls under way, before plugins are closed, and forgets trouble. */
void leftovers_stop(struct leftovers *leftovers);
