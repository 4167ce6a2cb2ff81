/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What SQLite says, in an operator's words: what is wrong with which file, and what
 * helps. SQLite's own message follows only where it adds something.
 */
#include <errno.h>
#include <string.h>

#include "store/store_priv.h"

struct meaning {
	int rc;             /* SQLite's primary result */
	int code;           /* negative errno */
	const char *before; /* words before and after the path */
	const char *after;
};

/* clang-format off */
static const struct meaning meanings[] = {
	{ SQLITE_FULL,     -ENOSPC,  "disk full at ", "" },
	{ SQLITE_READONLY, -EROFS,   "cannot write ", ": opened read-only, or on a read-only file system" },
	{ SQLITE_CORRUPT,  -EUCLEAN, "", " is damaged: restore it from a backup" },
	{ SQLITE_NOTADB,   -EUCLEAN, "", " is damaged or not a database: restore it from a backup" },
	{ SQLITE_FORMAT,   -EUCLEAN, "", " is damaged: restore it from a backup" },
	{ SQLITE_BUSY,     -EBUSY,   "", " is locked by another program" },
	{ SQLITE_LOCKED,   -EBUSY,   "", " is locked by another program" },
	{ SQLITE_PERM,     -EACCES,  "not permitted to use ", "" },
	{ SQLITE_AUTH,     -EACCES,  "not permitted to use ", "" },
	{ SQLITE_NOMEM,    -ENOMEM,  "out of memory while using ", "" },
	{ SQLITE_TOOBIG,   -E2BIG,   "a value is too large for ", "" },
};

/* clang-format on */

static int fail_system(struct store *store, int rc, struct err *err)
{
	int number = sqlite3_system_errno(store->db);

	if (number == ENOSPC || number == EDQUOT)
		return err_set(err, -ENOSPC, "disk full at %s", store->path);
	return err_set(err, number > 0 ? -number : -EIO, "cannot %s %s: %s",
		rc == SQLITE_CANTOPEN ? "open" : "read or write", store->path,
		number > 0 ? strerrordesc_np(number) : "input or output error");
}

static int fail_constraint(struct store *store, int extended, struct err *err)
{
	bool is_double = extended == SQLITE_CONSTRAINT_UNIQUE ||
			 extended == SQLITE_CONSTRAINT_PRIMARYKEY;

	/* SQLite names the constraint and its columns, never a value. */
	return err_set(err, is_double ? -EEXIST : -EINVAL, "refused by %s: %s",
		store->path, sqlite3_errmsg(store->db));
}

int store_fail(struct store *store, int rc, struct err *err)
{
	int primary = rc & 0xff;

	if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)
		return fail_system(store, primary, err);
	if (primary == SQLITE_CONSTRAINT)
		return fail_constraint(store, rc, err);
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		const struct meaning *m = &meanings[i];
		if (m->rc == primary)
			return err_set(err, m->code, "%s%s%s", m->before, store->path,
				m->after);
	}
	return err_set(err, -EIO, "%s: %s (SQLite %d)", store->path,
		sqlite3_errmsg(store->db), rc);
}
