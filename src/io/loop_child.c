/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Children as I/O: a pidfd becomes readable when its process ends; no SIGCHLD. Where
 * there is none (valgrind 3.19 knows no pidfd_open), the child is looked at by a timer.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop_priv.h"
#include "util/mem.h"

#define LOOK_USEC (20 * USEC_PER_MSEC)

/* A killed process is gone at once, unless it hangs in the kernel. */
#define REAP_WAIT_MSEC 100

struct loop_child {
	struct loop_child *next; /* of the buried ones */
	pid_t pid;
	int fd;                   /* owned; the pidfd; -1: there is none */
	struct loop_io *io;       /* owned; NULL once it was reported */
	struct loop_timer *timer; /* owned; NULL with a pidfd */
	loop_child_fn *fn;
	void *userdata; /* borrowed */
};

static void reap(struct loop_child *child)
{
	int status = 0;
	pid_t r = waitpid(child->pid, &status, WNOHANG);

	if (r == 0 || (r < 0 && errno == EINTR))
		return;
	/* Somebody else reaped it: its end is still reported, as a failure. */
	if (r < 0)
		status = W_EXITCODE(255, 0);
	child->io = loop_io_free(child->io);
	if (child->timer)
		loop_timer_disarm(child->timer);
	child->fn(child->pid, status, child->userdata);
}

static void on_child(struct loop_io *io, unsigned events, void *userdata)
{
	reap(userdata);
}

static void on_look(struct loop_timer *timer, void *userdata)
{
	/* Armed before: its callback may free the child, and the timer with it. */
	loop_timer_set_after(timer, LOOK_USEC);
	reap(userdata);
}

static int watch_pidfd(struct loop_child *child, struct loop *loop, struct err *err)
{
	return loop_io_new(&child->io, loop, child->fd, LOOP_IN, on_child, child, err);
}

static void watch_by_timer(struct loop_child *child, struct loop *loop)
{
	child->timer = loop_timer_new(loop, on_look, child);
	loop_timer_set_after(child->timer, LOOK_USEC);
}

int loop_child_add(struct loop_child **ret, struct loop *loop, pid_t pid,
	loop_child_fn *fn, void *userdata, struct err *err)
{
	_cleanup_(loop_child_freep) struct loop_child *child = xnew(struct loop_child);

	child->pid = pid;
	child->fn = fn;
	child->userdata = userdata;
	child->fd = pidfd_open(pid, 0);
	if (child->fd < 0 && errno != ENOSYS)
		return err_set(err, -errno, "pidfd of process %d: %s", (int)pid,
			strerror(errno));
	if (child->fd < 0) {
		watch_by_timer(child, loop);
	} else {
		int r = watch_pidfd(child, loop, err);
		if (r < 0)
			return err_wrap(err, r, "process %d", (int)pid);
	}
	*ret = TAKE_PTR(child);
	return 0;
}

int loop_child_name(struct loop_child **child, const char *name, int r)
{
	if (r >= 0 && (*child)->timer)
		loop_timer_name((*child)->timer, name);
	return r < 0 || !(*child)->io ? r : loop_io_name(&(*child)->io, name, r);
}

struct loop_child *loop_child_free(struct loop_child *child)
{
	if (!child)
		return NULL;
	loop_timer_free(child->timer);
	loop_io_free(child->io);
	if (child->fd >= 0)
		close(child->fd);
	free(child);
	return NULL;
}

/* --- those that nobody waits for ----------------------------------------------------------- */

static bool is_reaped(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) != 0;
}

/* Not for long: one that hangs in the kernel stays a zombie of ours. */
static void wait_shortly(pid_t pid, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (is_reaped(pid))
		return;
	poll(&p, fd >= 0, REAP_WAIT_MSEC);
	is_reaped(pid);
}

static void on_buried(pid_t pid, int status, void *userdata)
{
	struct loop *loop = userdata;

	for (struct loop_child **p = &loop->buried; *p; p = &(*p)->next) {
		struct loop_child *child = *p;

		if (child->pid != pid)
			continue;
		*p = child->next;
		loop_child_free(child);
		return;
	}
}

void loop_child_bury(struct loop *loop, pid_t pid)
{
	struct loop_child *child = NULL;

	if (is_reaped(pid))
		return;
	if (loop_child_new(&child, loop, pid, on_buried, loop, NULL) < 0) {
		wait_shortly(pid, -1);
		return;
	}
	child->next = loop->buried;
	loop->buried = child;
}

void loop_child_reap_buried(struct loop *loop)
{
	while (loop->buried) {
		struct loop_child *child = loop->buried;

		loop->buried = child->next;
		wait_shortly(child->pid, child->fd);
		loop_child_free(child);
	}
}
