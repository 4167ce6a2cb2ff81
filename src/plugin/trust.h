/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who could change a folder or a file that is to be loaded as code? */
#pragma once

#include "util/err.h"

/* Opens (O_PATH) an absolute path that only trusted users can change: each part of it is
 * a folder of root's (a developer's build: or our own) that group and others cannot
 * write; one that is sticky, as /tmp, may stand on the way but not at the end. Symbolic
 * links are refused. ERR_CONFIG. */
int trust_open_folder(const char *path, int *ret_fd, struct err *err);
/* Is this a regular file of a trusted owner, writable by nobody else? */
int trust_check_file(int folder_fd, const char *name, struct err *err);
