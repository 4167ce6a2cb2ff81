/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One child process with a link: started with descriptor 3 as its end, nothing else open. */
#pragma once

#include <sys/types.h>

#include "util/err.h"

/* *ret_fd: our end. argv[0] is `program`; `argument` may be NULL. */
int child_spawn(const char *program, const char *argument, pid_t *ret_pid, int *ret_fd,
	struct err *err);
