/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the files that the configuration names. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "util/buf.h"

/* Reads a regular file whole; the cap is the buffer's. 0, or a negative errno and
 * *ret_reason (owned by the caller). */
int conf_file_read(
	const char *path, struct buf *out, struct stat *ret_stat, char **ret_reason);
/* The same for a secret: refused when more people can read it than its owner (and the
 * group, where root owns it), with the command to run. */
int conf_file_read_secret(const char *path, struct buf *out, char **ret_reason);
