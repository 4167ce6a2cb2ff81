/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A job: one slot's way from due to served. Whoever reads job.c from top to bottom reads
 * the life of a certificate.
 */
#pragma once

#include "core/accounts/authority.h"
#include "core/leftovers.h"
#include "core/notice/clock_watch.h"
#include "core/notice/events.h"
#include "core/notice/faults.h"
#include "core/notice/instances.h"
#include "core/notice/store_watch.h"
#include "core/records/records.h"
#include "core/revocations.h"
#include "core/wanted/plan.h"
#include "core/workers/fleet.h"
#include "core/workers/served.h"

/* What jobs work with; one for the whole manager, everything borrowed. */
struct job_env {
	struct loop *loop;
	struct store *store;
	struct conf *conf; /* in force; a job references it */
	struct events *events;
	struct clock_watch *clock;       /* NULL: the clock is right (tests) */
	struct store_watch *store_watch; /* NULL: the disk is well (tests) */
	struct instances *instances;
	struct served *served;
	struct leftovers *leftovers;       /* NULL in tests */
	struct revocations *revocations;   /* NULL in tests */
	struct records *records;           /* NULL: none are wanted (tests) */
	struct last_good *last_good;       /* NULL in tests */
	struct fleet *fleet;               /* NULL: no front (tests) */
	const struct listeners *listeners; /* NULL with fleet NULL */
	const struct faults *faults;       /* of plugins; NULL: none (tests) */
	/* The authority of a block; NULL with err when it cannot be opened. */
	struct authority *(*get_authority)(
		const struct conf_block *block, void *userdata, struct err *err);
	void *userdata;
	const struct plan *held; /* slots that nothing is done for; NULL: none */
	const struct log_ctx *log;
};

enum {
	JOB_FORCED = 1 << 0, /* the operator's word: order even if not due */
};

struct job;

/* ok: the slot is served (or nothing was to be done). The slot's row has been written,
 * with the time of its next job. */
typedef void job_done_fn(bool ok, void *userdata);

struct job_params {
	const struct job_env *env; /* borrowed */
	int64_t slot_id;
	unsigned flags;
};

/* 0, STORE_E_NOT_FOUND (no such slot, or its domain is gone), < 0. */
int job_start(struct job **ret, const struct job_params *params, job_done_fn *done,
	void *userdata, struct err *err);
/* Drops operations, never facts: what is stored is taken up by the next job. */
struct job *job_cancel(struct job *job);
DEFINE_CLEANUP(struct job *, job_cancel)

/* Another configuration whose domain says the same. A job that waits for its place takes
 * it, since it may wait for long; others end with the one that they began with. */
void job_follow(struct job *job, struct conf *conf, const struct conf_block *domain);

int64_t job_get_slot_id(const struct job *job);
const struct conf_block *job_get_domain(const struct job *job);
const struct conf *job_get_conf(const struct job *job);
/* "waiting for a place at the CA", … for status. */
const char *job_get_state_text(const struct job *job);
