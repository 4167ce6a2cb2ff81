/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manager: wires all rooms together, starts, reloads, stops. Everything that has a
 * life is owned here; commands and jobs borrow.
 */
#pragma once

#include "core/accounts/authorities.h"
#include "core/commands/control.h"
#include "core/dns/values.h"
#include "core/notice/faults.h"
#include "core/notice/happenings.h"
#include "core/process/rescue.h"
#include "core/process/upgrade.h"
#include "core/records/records.h"
#include "core/schedule.h"
#include "core/wanted/load.h"
#include "core/workers/orphans.h"
#include "core/workers/publication.h"
#include "util/list.h"

struct manager {
	/* inputs */
	struct load_params load;
	struct log_ctx log;
	struct loop *loop; /* borrowed */

	/* owned, in the order of their start */
	struct http_client *http; /* plugins' requests, our own looks */
	struct publication *publication;
	struct values *values; /* in the DNS */
	struct faults *faults; /* of plugins */
	struct loaded loaded;  /* schema, plugins, configuration in force */
	struct dns_resolver *resolver;
	struct store *store;
	struct instances *instances;
	struct events *events;
	struct happenings *happenings;
	struct clock_watch *clock;
	struct store_watch *store_watch;
	struct served *served;
	struct orphans *orphans;
	struct service *service;
	struct listeners *listeners;
	struct fleet *fleet;
	struct authorities *authorities;
	struct leftovers *leftovers;
	struct revocations *revocations;
	struct last_good *last_good; /* NULL while that is what we serve from */
	struct job_env env;
	struct records *records; /* wanted in the DNS */
	struct schedule *schedule;
	struct control *control;
	struct loop_signal *signals[3];
	struct loop_timer *status_timer;

	usec_t started_usec; /* monotonic */
	bool is_upgraded;    /* an earlier image has become us */
	unsigned n_taken_up; /* certificates that were under way when we last ended */
	usec_t forget_usec;  /* monotonic; the next look for what can be forgotten */
	struct plan *held; /* owned; what the start would have changed; NULL: nothing */
	char *held_text;   /* owned; why a change is held, for people; NULL: none is */
	struct rescue *rescue; /* we serve from the last good copy; NULL: we do not */
	bool is_ready;         /* the workers listen */
	bool is_stopping;
	const struct upgrade_self *self; /* borrowed from main; NULL: no upgrades */
	struct upgrade_check *upgrade;   /* under way */
	struct list reloads; /* owned; the first is under way, the others wait */
	bool is_upgrading;   /* the loop has ended for exec */
	upgrade_done_fn *upgrade_done;
	void *upgrade_userdata;
	unsigned n_ending; /* of fleet and orphans: how many are not done yet */
};

int manager_new(struct manager **ret, struct loop *loop, const struct load_params *load,
	struct err *err);
struct manager *manager_free(struct manager *manager);
DEFINE_CLEANUP(struct manager *, manager_free)

/* Starts workers, control socket and schedule; READY when the workers listen. A failure of
 * the workers' first start ends the loop with code 1. */
int manager_start(struct manager *manager, struct err *err);

enum {
	MANAGER_YES = 1 << 0, /* the operator's word: without the brake */
};

enum {
	_MANAGER_E_SUCCESS,
	MANAGER_E_HELD, /* the brake: nothing has changed; held_text tells why */
};

/* Reads the configuration and follows it, a portion a turn, one reload after the other.
 * done is told once, not from within: 0; MANAGER_E_HELD; -EINVAL: the report tells, nothing
 * changed; else err tells. The handle is dropped by manager_forget_reload, then or before:
 * the reload itself goes on. done NULL: nobody waits, the log has the report, and the
 * handle is NULL, too. */
struct reload;
typedef void manager_reload_fn(
	int r, const struct conf_report *report, const struct err *err, void *userdata);
struct reload *manager_reload(struct manager *manager, unsigned flags,
	manager_reload_fn *done, void *userdata);
struct reload *manager_forget_reload(struct reload *reload);
/* Asks the program that is installed where ours was whether it can take over. Then leaves
 * the workers to it and ends the loop with code 0 and is_upgrading: main executes it. done
 * is called once before that, with error NULL, or with the words of the refusal; not from
 * within. -EBUSY: one is under way. */
int manager_upgrade(struct manager *manager, upgrade_done_fn *done, void *userdata,
	struct err *err);
/* Who asked has gone. */
void manager_cancel_upgrade(struct manager *manager);
/* Drains and ends the loop with code 0. A second call ends it at once. */
void manager_stop(struct manager *manager);
