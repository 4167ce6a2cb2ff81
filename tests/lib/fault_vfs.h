/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file system for SQLite that fails at the nth change, once or from there on: what is
 * written, synced, cut, made or removed below it goes to the real one. It is SQLite's
 * default from fault_vfs_new to fault_vfs_free.
 */
#pragma once

#include <stdbool.h>

#include "util/macro.h"

enum fault_vfs_kind {
	FAULT_VFS_FULL,      /* no space left */
	FAULT_VFS_IO,        /* the disk says that it cannot */
	FAULT_VFS_READ_ONLY, /* nothing can be made or written */
	FAULT_VFS_KILL,      /* the process ends without a word */
};

struct fault_vfs;

struct fault_vfs *fault_vfs_new(void);
/* After all databases have been closed. */
struct fault_vfs *fault_vfs_free(struct fault_vfs *vfs);
DEFINE_CLEANUP(struct fault_vfs *, fault_vfs_free)

/* Fails the nth change from now, counted from 1, and, with `for_ever`, all after it. 0:
 * none. What was counted is forgotten. */
void fault_vfs_arm(
	struct fault_vfs *vfs, enum fault_vfs_kind kind, unsigned nth, bool for_ever);
/* Changes since it was armed. */
unsigned fault_vfs_count(const struct fault_vfs *vfs);
/* Has one failed since it was armed? */
bool fault_vfs_has_failed(const struct fault_vfs *vfs);
