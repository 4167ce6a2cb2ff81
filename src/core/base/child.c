/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See child.h. posix_spawn: no code of ours runs between fork and exec. */
#include "core/base/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/mem.h"

#define LINK_FD 3

static void set_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(const char *program, const char *title, int fd, pid_t *ret_pid)
{
	char *argv[] = { (char *)title, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;

	posix_spawnattr_init(&attr);
	set_signals(&attr);
	posix_spawn_file_actions_init(&actions);
	/* dup2 onto itself would keep close-on-exec: spawn clears it in that case, too. */
	posix_spawn_file_actions_adddup2(&actions, fd, LINK_FD);
	posix_spawn_file_actions_addclosefrom_np(&actions, LINK_FD + 1);
	int r = posix_spawn(ret_pid, program, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -r;
}

int child_spawn(const char *program, const char *title, pid_t *ret_pid, int *ret_fd,
	struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) <
		0)
		return err_set(
			err, -errno, "socket pair for a link: %s", strerror(errno));
	_cleanup_(closep) int ours = pair[0];
	_cleanup_(closep) int theirs = pair[1];
	int r = spawn(program, title, theirs, ret_pid);
	if (r < 0)
		return err_set(err, r, "cannot start %s: %s", program, strerror(-r));
	*ret_fd = TAKE_FD(ours);
	return 0;
}
