/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See worker.h. */
#include "core/workers/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "util/mem.h"

/* From the start to READY: a listening socket of ours needs no network. */
#define START_DEADLINE_USEC (30 * USEC_PER_SEC)
/* From SIGTERM to SIGKILL. */
#define TERM_DEADLINE_USEC (1 * USEC_PER_SEC)
#define TERM_DEADLINE_MSEC 1000

struct worker {
	/* inputs */
	struct worker_params in;
	char *label; /* owned; "worker 1" */
	struct log_ctx log;

	/* owned */
	pid_t pid; /* 0 once it was reaped */
	struct loop_child *child;
	struct frame_stream *stream; /* NULL once the link is broken */
	struct loop_timer *deadline; /* for READY, or for its end */

	/* what it says of itself */
	enum worker_state state;
	usec_t started_usec;
	struct link_stats stats;
	struct link_tally *ends; /* owned */
};

static void on_link_closed(const struct err *err, void *userdata)
{
	struct worker *w = userdata;

	w->stream = frame_stream_free(w->stream);
	if (err && err_is_set(err)) {
		_cleanup_(freep) char *text = err_format(err);
		log_error(&w->log, "link: %s", text);
	}
	/* A worker without its link is of no use; its end comes by on_ended. */
	if (w->state == WORKER_DRAINING) {
		if (w->in.events->on_unlinked)
			w->in.events->on_unlinked(w, w->in.userdata);
		return;
	}
	worker_terminate(w);
	loop_timer_set_after(w->deadline, TERM_DEADLINE_USEC);
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct worker *w = userdata;

	log_error(&w->log, "%s in time, killing it",
		w->stream ? "is not ready" : "does not end");
	worker_kill(w);
}

static void take_ends(struct worker *w, const struct frame_view *view)
{
	struct link_ends ends;

	if (link_ends_unpack(view, &ends, NULL) < 0) {
		log_warning(&w->log, "counters of a listener not understood");
		return;
	}
	link_tally_set(w->ends, &ends);
	link_ends_done(&ends);
}

static void on_frame(const struct frame_view *view, void *userdata)
{
	struct worker *w = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	switch (view->type) {
	case LINK_READY:
		if (w->state != WORKER_STARTING)
			break;
		w->state = WORKER_RUNNING;
		loop_timer_disarm(w->deadline);
		w->in.events->on_ready(w, w->in.userdata);
		break;
	case LINK_STATS:
		if (link_stats_unpack(view, &w->stats, &err) < 0)
			log_warning(&w->log, "counters not understood");
		break;
	case LINK_ENDS:
		take_ends(w, view);
		break;
	case LINK_DRAINED:
		break;
	default:
		w->in.events->on_message(w, view, w->in.userdata);
		break;
	}
}

/* An owned text. */
static char *describe_end(int status)
{
	if (!WIFSIGNALED(status))
		return xasprintf("exit code %d", WEXITSTATUS(status));
	if (WTERMSIG(status) == SIGSYS)
		return xstrdup(
			"it tried what its sandbox forbids (SIGSYS); the kernel's "
			"log names the system call");
	return xasprintf(
		"signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
}

static void on_ended(pid_t pid, int status, void *userdata)
{
	struct worker *w = userdata;
	_cleanup_(freep) char *how = describe_end(status);

	w->pid = 0;
	w->in.events->on_gone(w, how, w->in.userdata);
}

static int open_link(struct worker *w, int fd, struct err *err)
{
	struct frame_stream_params params = {
		.on_frame = on_frame,
		.on_closed = on_link_closed,
		.userdata = w,
	};

	return frame_stream_new(&w->stream, w->in.loop, fd, &params, err);
}

static struct worker *new_worker(const struct worker_params *params, char *label)
{
	struct worker *w = xnew(struct worker);

	w->in = *params;
	w->label = label;
	w->log = (struct log_ctx){ params->log, "WORKER", label };
	w->started_usec = loop_now(params->loop);
	w->deadline = loop_timer_new(params->loop, on_deadline, w);
	w->ends = link_tally_new();
	return w;
}

int worker_start(
	struct worker **ret, const struct worker_params *params, struct err *err)
{
	_cleanup_(worker_freep) struct worker *w =
		new_worker(params, xasprintf("worker %u", params->index));
	_cleanup_(closep) int fd = -1;

	_cleanup_(freep) char *title = xasprintf("postseal-front: %s", w->label);
	int r = child_spawn(params->program, title, &w->pid, &fd, err);
	if (r >= 0)
		r = loop_child_new(&w->child, params->loop, w->pid, on_ended, w, err);
	if (r >= 0)
		r = open_link(w, fd, err);
	if (r < 0)
		return r;
	fd = -1;
	loop_timer_set_after(w->deadline, params->start_deadline_usec
						  ? params->start_deadline_usec
						  : START_DEADLINE_USEC);
	*ret = TAKE_PTR(w);
	return 0;
}

int worker_adopt(struct worker **ret, const struct worker_params *params, pid_t pid,
	int fd, struct err *err)
{
	_cleanup_(worker_leavep) struct worker *w = new_worker(
		params, xasprintf("worker %d of an earlier manager", (int)pid));
	int r;

	w->pid = pid;
	w->state = WORKER_DRAINING;
	r = loop_child_new(&w->child, params->loop, pid, on_ended, w, err);
	if (r >= 0 && fd >= 0)
		r = open_link(w, fd, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

int worker_relink(struct worker *w, int fd, struct err *err)
{
	w->stream = frame_stream_free(w->stream);
	return open_link(w, fd, err);
}

struct worker *worker_leave(struct worker *w)
{
	if (w)
		w->pid = 0;
	return worker_free(w);
}

/* False: it still runs after that time. One that is no child of ours is nobody's to be
 * waited for, but its pidfd tells, too. */
static bool wait_for_end(pid_t pid, int timeout_msec)
{
	_cleanup_(closep) int fd = pidfd_open(pid, 0);
	struct pollfd end = { .fd = fd, .events = POLLIN };

	if (fd < 0 && errno == ESRCH)
		return true;
	poll(&end, 1, timeout_msec);
	pid_t r = waitpid(pid, NULL, WNOHANG);
	return r == pid || (r < 0 && (end.revents & POLLIN));
}

/* The manager is at its end: there is nothing else to be served meanwhile. */
static void end_process(pid_t pid)
{
	kill(pid, SIGTERM);
	if (wait_for_end(pid, TERM_DEADLINE_MSEC))
		return;
	kill(pid, SIGKILL);
	wait_for_end(pid, TERM_DEADLINE_MSEC);
}

struct worker *worker_free(struct worker *w)
{
	if (!w)
		return NULL;
	loop_timer_free(w->deadline);
	loop_child_free(w->child);
	frame_stream_free(w->stream);
	if (w->pid > 0)
		end_process(w->pid);
	link_tally_free(w->ends);
	free(w->label);
	free(w);
	return NULL;
}

void worker_send(struct worker *w, struct frame *frame)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!w->stream) {
		frame_done(frame);
		return;
	}
	if (frame_stream_send(w->stream, frame, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(&w->log, "link: %s", text);
	frame_done(frame);
	worker_kill(w);
}

void worker_terminate(struct worker *w)
{
	if (w->pid > 0)
		kill(w->pid, SIGTERM);
}

void worker_kill(struct worker *w)
{
	if (w->pid > 0)
		kill(w->pid, SIGKILL);
}

void worker_set_draining(struct worker *w)
{
	w->state = WORKER_DRAINING;
	loop_timer_disarm(w->deadline);
}

enum worker_state worker_get_state(const struct worker *w)
{
	return w->state;
}

pid_t worker_get_pid(const struct worker *w)
{
	return w->pid;
}

unsigned worker_get_index(const struct worker *w)
{
	return w->in.index;
}

usec_t worker_get_started(const struct worker *w)
{
	return w->started_usec;
}

const struct link_stats *worker_get_stats(const struct worker *w)
{
	return &w->stats;
}

const struct link_tally *worker_get_ends(const struct worker *w)
{
	return w->ends;
}
