/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One child process with a link: started with descriptor 3 as its end, nothing else open. */
#pragma once

#include <sys/types.h>

#include "util/err.h"

/* *ret_fd: our end. It is given no arguments; `title` is what ps(1) shows of it. */
int child_spawn(const char *program, const char *title, pid_t *ret_pid, int *ret_fd,
	struct err *err);
