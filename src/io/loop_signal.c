/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals as I/O: blocked in the process, read from a signalfd of their own. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "io/loop_priv.h"
#include "util/mem.h"

struct loop_signal {
	int fd;             /* owned */
	struct loop_io *io; /* owned */
	loop_signal_fn *fn;
	void *userdata; /* borrowed */
};

static void on_signal(struct loop_io *io, unsigned events, void *userdata)
{
	struct loop_signal *sig = userdata;
	struct signalfd_siginfo info;

	if (read(sig->fd, &info, sizeof(info)) == sizeof(info))
		sig->fn((int)info.ssi_signo, sig->userdata);
}

int loop_signal_add(struct loop_signal **ret, struct loop *loop, int signo,
	loop_signal_fn *fn, void *userdata, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	/* Before the descriptor exists, or a signal could still kill us in between. */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_set(
			err, -errno, "block signal %d: %s", signo, strerror(errno));

	_cleanup_(loop_signal_freep) struct loop_signal *sig = xnew(struct loop_signal);
	sig->fn = fn;
	sig->userdata = userdata;
	sig->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sig->fd < 0)
		return err_set(err, -errno, "signalfd: %s", strerror(errno));
	int r = loop_io_new(&sig->io, loop, sig->fd, LOOP_IN, on_signal, sig, err);
	if (r < 0)
		return err_wrap(err, r, "signal %d", signo);
	*ret = TAKE_PTR(sig);
	return 0;
}

int loop_signal_name(struct loop_signal **sig, const char *name, int r)
{
	return r < 0 ? r : loop_io_name(&(*sig)->io, name, r);
}

struct loop_signal *loop_signal_free(struct loop_signal *sig)
{
	if (!sig)
		return NULL;
	loop_io_free(sig->io);
	if (sig->fd >= 0)
		close(sig->fd);
	free(sig);
	return NULL;
}
