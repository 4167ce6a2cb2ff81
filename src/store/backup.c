/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies of the database, made by SQLite's own means while it may be in use, and the way
 * back from one.
 *
 * A restore makes the new database aside ("….restoring"), keeps the present one under
 * another name, and then renames the new one to "….restored": from there on it is only
 * ever finished, by whoever opens the database next. The log of the old one goes before
 * the new one takes its place, since SQLite would play any log into any database.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"
#include "util/mem.h"

/* --- a copy ---------------------------------------------------------------------------------- */

static int copy_pages(struct store *to, struct store *from, struct err *err)
{
	sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");

	if (!backup)
		return store_fail(to, sqlite3_errcode(to->db), err);
	int rc = sqlite3_backup_step(backup, -1);
	int finish_rc = sqlite3_backup_finish(backup);
	if (rc == SQLITE_DONE && finish_rc == SQLITE_OK)
		return 0;
	return store_fail(to, rc == SQLITE_DONE ? finish_rc : rc, err);
}

/* The file is there and empty; it is one file alone afterwards, without a log. */
static int fill(struct store *from, const char *path, struct err *err)
{
	_cleanup_(store_closep) struct store *to = store_new(path);
	_cleanup_(freep) char *mode = NULL;
	int r = store_open_db(to, path, SQLITE_OPEN_READWRITE, err);

	if (r == 0)
		r = copy_pages(to, from, err);
	if (r == 0)
		r = store_exec_text(to, "PRAGMA journal_mode = DELETE", &mode, err);
	if (r == 0)
		r = store_check_integrity(to, err);
	return r;
}

/* Under another name first: what has the right one is whole. */
static int copy(struct store *from, const char *path, struct err *err)
{
	_cleanup_(freep) char *aside = xasprintf("%s.new", path);
	int r = store_files_create(aside, err);

	if (r == 0)
		r = fill(from, aside, err);
	if (r == 0)
		r = store_files_publish(aside, path, err);
	else
		unlink(aside);
	return r;
}

static int refuse_existing(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return err_set(err, -EEXIST, "%s exists already", path);
	return errno == ENOENT
		       ? 0
		       : err_set(err, -errno, "%s: %s", path, strerrordesc_np(errno));
}

int store_backup(struct store *store, const char *to, struct err *err)
{
	int r = refuse_existing(to, err);

	if (r == 0)
		r = copy(store, to, err);
	return r < 0 ? err_wrap(err, r, "backup") : 0;
}

int store_backup_schema(struct store *store, int version, struct err *err)
{
	_cleanup_(freep) char *path = xasprintf("%s.schema-%d", store->path, version);
	int r = copy(store, path, err);

	return r < 0 ? err_wrap(err, r, "backup before the migration") : 0;
}

/* --- the way back ------------------------------------------------------------------------------ */

static char *format_aside(const char *path, const char *what, usec_t wall_now_usec)
{
	char date[USEC_RFC3339_MAX];
	size_t n = 0;

	usec_format_rfc3339(wall_now_usec, date, sizeof(date));
	for (size_t i = 0; date[i]; i++)
		if (date[i] != '-' && date[i] != ':')
			date[n++] = date[i];
	date[n] = '\0';
	return xasprintf("%s.%s-%s", path, what, date);
}

static int check_schema(struct store *store, struct err *err)
{
	unsigned n = 0;
	int version = store_get_schema_version(store);

	store_migrate_get_list(&n);
	if (version >= 1 && version <= (int)n)
		return 0;
	return err_set(err, -EPROTO, "%s has schema %d and this program knows 1 to %u",
		store->path, version, n);
}

static int open_backup(struct store *store, struct err *err)
{
	struct stat st;

	if (lstat(store->path, &st) < 0)
		return err_set(
			err, -errno, "%s: %s", store->path, strerrordesc_np(errno));
	int r = store_files_check(store->path, STORE_READ_ONLY, err);
	if (r == 0)
		r = store_open_db(store, store->path, SQLITE_OPEN_READONLY, err);
	if (r == 0)
		r = store_check_identity(store, err);
	if (r == 0)
		r = store_check_integrity(store, err);
	return r < 0 ? r : check_schema(store, err);
}

/* What can still be read is brought into the one file; the rest stays as it is. */
static void settle(const char *path)
{
	_cleanup_(store_closep) struct store *store = store_new(path);

	if (store_open_db(store, path, SQLITE_OPEN_READWRITE, NULL) == 0)
		store_exec(store, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
}

int store_restore_finish(const char *path, struct err *err)
{
	_cleanup_(freep) char *restored = xasprintf("%s.restored", path);
	struct stat st;

	if (lstat(restored, &st) < 0)
		return errno == ENOENT ? 0
				       : err_set(err, -errno, "%s: %s", restored,
						 strerrordesc_np(errno));
	int r = store_files_drop_log(path, err);
	return r < 0 ? r : store_files_publish(restored, path, err);
}

/* How many files were kept as `aside`. */
static int put_in_place(
	const char *path, struct store *from, const char *aside, struct err *err)
{
	_cleanup_(freep) char *restoring = xasprintf("%s.restoring", path);
	_cleanup_(freep) char *restored = xasprintf("%s.restored", path);
	int r = copy(from, restoring, err);

	if (r < 0)
		return r;
	if (store_files_probe(path, NULL) > 0)
		settle(path);
	int n_kept = store_files_keep(path, aside, err);
	if (n_kept < 0)
		return n_kept;
	r = store_files_publish(restoring, restored, err);
	if (r >= 0)
		r = store_restore_finish(path, err);
	return r < 0 ? r : n_kept;
}

int store_restore(const char *path, const char *from, usec_t wall_now_usec,
	char **ret_aside, struct err *err)
{
	_cleanup_(store_closep) struct store *backup = store_new(from);
	_cleanup_(freep) char *aside =
		format_aside(path, "before-restore", wall_now_usec);

	*ret_aside = NULL;
	_cleanup_(closep) int lock_fd = store_files_lock(path, err);
	if (lock_fd < 0)
		return lock_fd;
	int r = open_backup(backup, err);
	if (r < 0)
		return err_wrap(err, r, "backup");
	/* One that was interrupted earlier is none of what is kept now. */
	r = store_restore_finish(path, err);
	if (r == 0)
		r = put_in_place(path, backup, aside, err);
	if (r > 0)
		*ret_aside = TAKE_PTR(aside);
	return MIN(r, 0);
}

int store_keep_damaged(const char *path, usec_t wall_now_usec, struct err *err)
{
	_cleanup_(freep) char *aside = format_aside(path, "damaged", wall_now_usec);
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_nlink > 1)
		return 0;
	return MIN(store_files_keep(path, aside, err), 0);
}
