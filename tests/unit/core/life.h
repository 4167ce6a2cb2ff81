/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of one certificate on a virtual clock: a manager without a front, whose one
 * CA is tests/lib/fake_ca.h, with a challenge and a deployer that do as they are told.
 * Nothing but these is a mock: store, order machine, account, checks and index are the
 * real ones. One life at a time.
 */
#pragma once

#include "core/accounts/authority.h"
#include "core/job.h"
#include "core/revocations.h"
#include "core/schedule.h"
#include "core/wanted/settings.h"
#include "store/slot.h"
#include "tests/lib/fake_ca.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"

struct life_told {
	bool deploy_fails, other_fails;
	unsigned n_installed, n_presented, n_cleaned;
	unsigned n_other; /* of n_installed: by the deployer "other" */
};

struct life {
	struct loop *loop;
	struct fake_ca *ca;
	char *path; /* of the database: it outlives a crash */
	char *directory;
	const char *text; /* borrowed; the configuration; NULL = the usual one */

	struct http_client *http;
	struct store *store;
	struct plugin_host *host;
	struct conf_schema *schema;
	struct conf *conf;
	struct instances *instances;
	struct events *events;
	struct clock_watch *clock;
	struct store_watch *store_watch;
	struct served *served;
	struct authority *authority;
	struct leftovers *leftovers;
	struct revocations *revocations;
	struct job_env env;
	struct schedule *schedule;

	struct life_told told;
};

void life_init(struct life *f);
void life_done(struct life *f);
void life_start(struct life *f);
/* What kill -9 leaves is what the store has; life_start may follow. */
void life_kill(struct life *f);
/* One call of a callback; when none is ready, time jumps to the next timer. */
void life_run_turn(struct life *f);

/* The slot of mail.test; store_slot_done() it. */
struct store_slot life_load_slot(struct life *f);
/* Is a certificate proven, and none waiting? Fails the test if not as wanted. */
void life_expect_served(struct life *f, bool wanted);
/* Is that in the error of the last try? Prints it if not. */
bool life_has_error(struct life *f, const char *text);
/* Answers that stand by what the store says. */
unsigned life_count_presented(struct life *f);
usec_t life_due_in(struct life *f);
