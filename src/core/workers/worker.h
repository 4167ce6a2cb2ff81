/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One front worker, as the manager sees it: a process, its link, what it last said of
 * itself. It does not restart itself: that is the fleet's.
 */
#pragma once

#include "io/frame.h"
#include "io/loop.h"
#include "link/ends.h"
#include "link/message.h"
#include "util/list.h"
#include "util/log.h"

enum worker_state {
	WORKER_STARTING, /* told everything, not yet READY; killed if it takes too long */
	WORKER_RUNNING,
	WORKER_DRAINING, /* accepts no more */
	_WORKER_STATE_MAX,
};

struct worker;

/* The owner's side. None is called from within worker_start. */
struct worker_events {
	/* A message that is not the worker's own business (LOOKUP and the acks). */
	void (*on_message)(
		struct worker *worker, const struct frame_view *view, void *userdata);
	void (*on_ready)(struct worker *worker, void *userdata);
	/* The process has ended: by itself, or killed since its link was broken or it was
	 * not READY in time. Frees the worker. */
	void (*on_gone)(struct worker *worker, const char *how, void *userdata);
	/* The link of one that drains is gone; may free it. NULL: not interested. */
	void (*on_unlinked)(struct worker *worker, void *userdata);
};

struct worker_params {
	struct loop *loop;
	const char *program;
	unsigned index;
	usec_t start_deadline_usec;         /* until READY; 0 = 30 s */
	const struct worker_events *events; /* borrowed */
	void *userdata;
	const struct log_ctx *log;
};

int worker_start(
	struct worker **ret, const struct worker_params *params, struct err *err);
/* One that an earlier manager started (our child, if that one became us by exec), with the
 * link that it has opened; -1: none yet. index and program are not used. It drains. Takes
 * the descriptor over on success. */
int worker_adopt(struct worker **ret, const struct worker_params *params, pid_t pid,
	int fd, struct err *err);
/* It has come again. */
int worker_relink(struct worker *worker, int fd, struct err *err);
/* Forgets it: it goes on, for a later manager. */
struct worker *worker_leave(struct worker *worker);
DEFINE_CLEANUP(struct worker *, worker_leave)
/* SIGTERM, then SIGKILL to one that has not gone in a second; reaped. Blocks that long
 * at most: only for the manager's end. */
struct worker *worker_free(struct worker *worker);
DEFINE_CLEANUP(struct worker *, worker_free)

/* A failure is logged and ends the worker. */
void worker_send(struct worker *worker, struct frame *frame);
/* SIGTERM: it drops its sessions. Its end comes as on_gone, or by worker_free. */
void worker_terminate(struct worker *worker);
void worker_kill(struct worker *worker);
/* Its end is now the owner's: it may take its time. */
void worker_set_draining(struct worker *worker);
enum worker_state worker_get_state(const struct worker *worker);
pid_t worker_get_pid(const struct worker *worker); /* 0: it has gone */
unsigned worker_get_index(const struct worker *worker);
usec_t worker_get_started(const struct worker *worker); /* monotonic */
const struct link_stats *worker_get_stats(const struct worker *worker);
const struct link_tally *worker_get_ends(const struct worker *worker);
