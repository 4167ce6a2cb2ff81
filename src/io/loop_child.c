/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children as I/O: a pidfd becomes readable when its process ends; no SIGCHLD. */
#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop_priv.h"
#include "util/mem.h"

struct loop_child {
	pid_t pid;
	int fd;             /* owned; the pidfd */
	struct loop_io *io; /* owned; NULL once it was reported */
	loop_child_fn *fn;
	void *userdata; /* borrowed */
};

static void on_child(struct loop_io *io, unsigned events, void *userdata)
{
	struct loop_child *child = userdata;
	int status = 0;
	pid_t r = waitpid(child->pid, &status, WNOHANG);

	if (r == 0 || (r < 0 && errno == EINTR))
		return;
	/* Somebody else reaped it: its end is still reported, as a failure. */
	if (r < 0)
		status = W_EXITCODE(255, 0);
	child->io = loop_io_free(child->io);
	child->fn(child->pid, status, child->userdata);
}

int loop_child_new(struct loop_child **ret, struct loop *loop, pid_t pid,
	loop_child_fn *fn, void *userdata, struct err *err)
{
	_cleanup_(loop_child_freep) struct loop_child *child = xnew(struct loop_child);

	child->pid = pid;
	child->fn = fn;
	child->userdata = userdata;
	child->fd = pidfd_open(pid, 0);
	if (child->fd < 0)
		return err_set(err, -errno, "pidfd of process %d: %s", (int)pid,
			strerror(errno));
	int r = loop_io_new(&child->io, loop, child->fd, LOOP_IN, on_child, child, err);
	if (r < 0)
		return err_wrap(err, r, "process %d", (int)pid);
	*ret = TAKE_PTR(child);
	return 0;
}

struct loop_child *loop_child_free(struct loop_child *child)
{
	if (!child)
		return NULL;
	loop_io_free(child->io);
	if (child->fd >= 0)
		close(child->fd);
	free(child);
	return NULL;
}
