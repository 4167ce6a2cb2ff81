/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fleet.c, which has the lives of the workers, shares with fleet_tell.c, which has what
 * all of them are told. */
#pragma once

#include "core/workers/fleet.h"
#include "core/workers/nameset.h"
#include "core/workers/standing.h"
#include "core/workers/ticket_rotation.h"
#include "core/workers/worker.h"

struct seat {
	struct fleet *fleet;   /* borrowed */
	struct worker *worker; /* owned; NULL: to be started by the timer */
	struct loop_timer *timer;
	usec_t wait_usec; /* before the next start */
	unsigned index;
};

struct fleet {
	struct fleet_params in; /* borrowed members, but for the program */
	struct log_ctx log;
	struct worker_events events;
	struct seat *seats; /* owned; in.n_workers */
	struct link_configure configure;
	struct nameset names; /* as the workers know them; sorted */
	struct standing *standing;
	struct fleet_ops ops;
	struct ticket_rotation *tickets;
	struct loop_timer *stats_timer;
	struct link_tally *past_ends; /* owned; of workers that have gone */

	/* the start */
	fleet_ready_fn *ready; /* NULL once it was called */
	void *ready_userdata;
	struct loop_defer *ready_defer;

	/* the end */
	bool is_draining;
	struct loop_timer *drain_timer;
	fleet_drained_fn *drained;
	void *drained_userdata;
};

/* What is served now, sorted. */
void fleet_collect_names(struct fleet *fleet, struct nameset *names);
/* All listeners, to one worker. */
void fleet_send_listeners(struct fleet *fleet, struct worker *worker);
