/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Landlock (Linux 5.13 and later, landlock(7)): a process gives up rights for good, with
 * all that it will ever start.
 */
#pragma once

#include "util/err.h"

/* No file or folder can be opened, made, changed or executed any more, no TCP port bound
 * (Linux 6.7), and no abstract socket or signal reaches another process (6.12). What is
 * open stays open; sockets with a path can still be connected to.
 *
 * The version of the kernel's interface that was used; 0: the kernel has no Landlock, and
 * nothing has changed. Needs no_new_privs. */
int landlock_close_all(struct err *err);
