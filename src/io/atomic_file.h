/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are either the old or the new one: temporary file in the same folder
 * (O_EXCL, O_NOFOLLOW, mode set before any content), write, fsync, rename, fsync of
 * the folder. Synchronous; for small files.
 */
#pragma once

#include <sys/types.h>

#include "util/buf.h"
#include "util/err.h"

struct atomic_file_params {
	const char *path;
	const void *data;
	size_t len;
	mode_t mode;       /* such as 0600 */
	const char *owner; /* user name, NULL = as we are */
	const char *group; /* group name, NULL = as we are */
	bool is_new;       /* -EEXIST: never over another file */
};

int atomic_file_write(const struct atomic_file_params *params, struct err *err);

/* A set of files that belong together: all temporaries are written and synced before
 * the first rename. */
int atomic_file_write_set(
	const struct atomic_file_params *params, size_t n, struct err *err);

/* Reads a regular file of at most max octets. FILE_PRIVATE: refused when group or
 * others may read it and FILE_GROUP does not allow the group; the error says which chmod. */
enum {
	FILE_PRIVATE = 1 << 0,
	FILE_GROUP = 1 << 1, /* the group may read (secrets are 0640 root:postseal) */
};

int file_read(const char *path, unsigned flags, size_t max_bytes, struct buf *ret,
	struct err *err);
