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
	bool is_trouble;    /* with the files, whatever is asked of them */
	const char *before; /* words before and after the path */
	const char *after;
};

/* clang-format off */
static const struct meaning meanings[] = {
	{ SQLITE_FULL,     -ENOSPC,  true,  "disk full at ", "" },
	{ SQLITE_READONLY, -EROFS,   true,  "cannot write ", ": opened read-only, or on a read-only file system" },
	{ SQLITE_CORRUPT,  -EUCLEAN, true,  "", " is damaged: restore it from a backup" },
	{ SQLITE_NOTADB,   -EUCLEAN, true,  "", " is damaged or not a database: restore it from a backup" },
	{ SQLITE_FORMAT,   -EUCLEAN, true,  "", " is damaged: restore it from a backup" },
	{ SQLITE_BUSY,     -EAGAIN,  true,  "", " is locked by another program" },
	{ SQLITE_LOCKED,   -EAGAIN,  true,  "", " is locked by another program" },
	{ SQLITE_PERM,     -EACCES,  true,  "not permitted to use ", "" },
	{ SQLITE_AUTH,     -EACCES,  false, "not permitted to use ", "" },
	{ SQLITE_NOMEM,    -ENOMEM,  false, "out of memory while using ", "" },
	{ SQLITE_TOOBIG,   -E2BIG,   false, "a value is too large for ", "" },
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

static const struct meaning *find_meaning(int primary)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (meanings[i].rc == primary)
			return &meanings[i];
	return NULL;
}

static bool is_trouble(int primary)
{
	const struct meaning *m = find_meaning(primary);

	return primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ||
	       (m && m->is_trouble);
}

static int explain(struct store *store, int rc, struct err *err)
{
	int primary = rc & 0xff;
	const struct meaning *m = find_meaning(primary);

	if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)
		return fail_system(store, primary, err);
	if (primary == SQLITE_CONSTRAINT)
		return fail_constraint(store, rc, err);
	if (m)
		return err_set(
			err, m->code, "%s%s%s", m->before, store->path, m->after);
	return err_set(err, -EIO, "%s: %s (SQLite %d)", store->path,
		sqlite3_errmsg(store->db), rc);
}

int store_fail(struct store *store, int rc, struct err *err)
{
	_cleanup_(err_done) struct err own = ERR_INIT;
	int r = explain(store, rc, &own);

	if (store->trouble && is_trouble(rc & 0xff))
		store->trouble(r, own.detail, store->trouble_userdata);
	if (err && !err_is_set(err))
		err_move(err, &own);
	return r;
}
