/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state database (SQLite; WAL, synchronous=FULL, STRICT tables, foreign keys). SQL
 * is a closed list of named statements, prepared once; nothing is ever built from
 * strings. A record that is read is input: it is checked as if it came from outside
 * (-EUCLEAN, "slot 12: names is missing"). A walk (`_each`) passes over such rows, gives
 * all others to its callback, and returns -EUCLEAN at the end; err tells the first.
 *
 * `_load` and `_find` fill *ret only on 0; its owner calls the record's `_done`. `_save`
 * of a row that is not there: -ENOENT. A value beyond its limit: -E2BIG.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "util/macro.h"
#include "util/usec.h"

struct store;

/* In the state directory. */
#define STORE_FILE "postseal.db"

/* Positive outcomes of this room. */
enum {
	_STORE_E_SUCCESS,
	STORE_E_NOT_FOUND,
	STORE_E_EXISTS,
};

enum {
	STORE_READ_ONLY = 1 << 0, /* for postsealctl without the daemon */
	STORE_OLDER = 1 << 1, /* with it: an older schema will do, none of it is read */
};

/* Opens or creates (0600, in a folder that others cannot write), checks
 * owner and mode ("run: chmod 0600 …"), takes the single-writer lock (-EBUSY: another
 * postseald has it), runs quick_check and the migrations. -EUCLEAN: damaged. -EPROTO: of a
 * newer schema. -EAGAIN: another program has locked it. `path` may be ":memory:". */
int store_open(struct store **ret, const char *path, unsigned flags, struct err *err);
struct store *store_close(struct store *store);
DEFINE_CLEANUP(struct store *, store_close)

/* Copies all that is committed to a new file (0600) that is durable and checked. -EEXIST:
 * there is one of that name. The database may be in use, also by another process. */
int store_backup(struct store *store, const char *to, struct err *err);
/*
 * Puts the database at `from` (a backup; closed to others, ours, whole, of no newer
 * schema) in the place of the one at path, which no postseald may have open (-EBUSY). What
 * was there is kept, as *ret_aside (owned by the caller; NULL: nothing was there).
 * Interrupted at any point, the next store_open finds either the one or the other.
 */
int store_restore(const char *path, const char *from, usec_t wall_now_usec,
	char **ret_aside, struct err *err);

/* Gives a database that cannot be used a second name, "….damaged-<time>", so that nothing
 * that is done to the first one loses it. Once. */
int store_keep_damaged(const char *path, usec_t wall_now_usec, struct err *err);

/* Stores something and removes it again: can state be committed now, and is there room for
 * some more? Not within a transaction. Does not wait for other programs. */
int store_probe(struct store *store, struct err *err);
/* Told, in the midst of what fails, whenever the files cannot be used as they should: disk
 * full, read-only, broken, locked by another program, damaged (-EUCLEAN); not of what is
 * refused by its content. May only take note of it. NULL: nobody. */
typedef void store_trouble_fn(int code, const char *text, void *userdata);
void store_set_trouble(struct store *store, store_trouble_fn *fn, void *userdata);

int store_get_schema_version(const struct store *store);

/* Transactions nest by counting: the outermost commit makes it durable; a rollback
 * anywhere fails the outermost commit with -ECANCELED. */
int store_begin(struct store *store, struct err *err);
int store_commit(struct store *store, struct err *err);
void store_rollback(struct store *store);
