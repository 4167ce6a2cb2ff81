/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening, checking and closing the database, and its transactions.
 *
 * Opening: the folder and the files are looked at, the single writer's lock is taken, a
 * new database is made aside and renamed (files.c), then SQLite is bound to what we need
 * of it, the file is identified, checked, and its schema brought up.
 *
 * Transactions are counted. An inner rollback cannot be carried out alone, since the
 * statements of the outer one that follow would be committed one by one; so it marks the
 * whole and the outermost end carries it out. SQLite rolls back by itself on a full disk;
 * that is found out before the next statement and at the commit.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/store_priv.h"
#include "util/mem.h"

/* No value of ours is larger than 256 KiB; a row holds two such. */
#define ROW_BYTES_MAX      (1024 * 1024)
#define CHECK_FINDINGS_MAX "1"

int store_exec(struct store *store, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : store_fail(store, rc, err);
}

int store_exec_text(struct store *store, const char *sql, char **ret, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	int r = 0;
	if (rc == SQLITE_ROW)
		*ret = xstrdup((const char *)sqlite3_column_text(stmt, 0));
	else
		r = store_fail(store, rc, err);
	sqlite3_finalize(stmt);
	return r;
}

int store_exec_int(struct store *store, const char *sql, int *ret, struct err *err)
{
	_cleanup_(freep) char *text = NULL;

	int r = store_exec_text(store, sql, &text, err);
	if (r == 0)
		*ret = text ? (int)strtol(text, NULL, 10) : 0;
	return r;
}

/* Whatever the file says of itself, it cannot make us run anything. */
static int harden(struct store *store, struct err *err)
{
	static const struct {
		int option, value;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		int rc = sqlite3_db_config(
			store->db, options[i].option, options[i].value, NULL);
		if (rc != SQLITE_OK)
			return store_fail(store, rc, err);
	}
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX);
	sqlite3_busy_timeout(store->db, STORE_BUSY_TIMEOUT_MSEC);
	return store_exec(store,
		"PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
		"PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
		"PRAGMA secure_delete = ON; PRAGMA synchronous = FULL;",
		err);
}

int store_open_db(struct store *store, const char *path, int flags, struct err *err)
{
	int rc = sqlite3_open_v2(path, &store->db,
		flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);

	if (rc != SQLITE_OK)
		return store->db ? store_fail(store, rc, err)
				 : err_set(err, -ENOMEM, "out of memory");
	return harden(store, err);
}

int store_check_identity(struct store *store, struct err *err)
{
	int id = 0;

	int r = store_exec_int(store, "PRAGMA application_id", &id, err);
	if (r < 0 || id == STORE_APPLICATION_ID)
		return r;
	return err_set(err, -EUCLEAN,
		"%s is empty or not a database of postseal: restore it from a backup",
		store->path);
}

/* Constraints on values are left out: a row that breaks one is refused when it is read,
 * and costs one certificate instead of all. */
int store_check_integrity(struct store *store, struct err *err)
{
	_cleanup_(freep) char *finding = NULL;

	int r = store_exec(store, "PRAGMA ignore_check_constraints = ON", err);
	if (r == 0)
		r = store_exec_text(store, "PRAGMA quick_check(" CHECK_FINDINGS_MAX ")",
			&finding, err);
	if (r == 0)
		r = store_exec(store, "PRAGMA ignore_check_constraints = OFF", err);
	if (r < 0)
		return r;
	if (!finding || strcmp(finding, "ok") != 0)
		return err_set(err, -EUCLEAN,
			"%s is damaged (%s): restore it from a backup", store->path,
			finding ? finding : "no answer");
	return 0;
}

/* Write-ahead logging: readers and the writer do not wait for each other, and a commit
 * costs one sync. */
static int start_log(struct store *store, struct err *err)
{
	_cleanup_(freep) char *mode = NULL;

	int r = store_exec_text(store, "PRAGMA journal_mode = WAL", &mode, err);
	if (r < 0)
		return r;
	if (!mode || strcmp(mode, "wal") != 0)
		return err_set(err, -EOPNOTSUPP,
			"%s is on a file system that cannot hold a database's log",
			store->path);
	return store_exec(store, "PRAGMA journal_size_limit = 16777216", err);
}

static int migrate(struct store *store, struct err *err)
{
	unsigned n = 0;
	const struct store_migration *list = store_migrate_get_list(&n);

	return store_migrate(store, list, n, err);
}

struct store *store_new(const char *path)
{
	struct store *store = xnew(struct store);

	store->path = xstrdup(path);
	store->lock_fd = -1;
	return store;
}

static int create(const char *path, struct err *err)
{
	_cleanup_(freep) char *aside = xasprintf("%s.new", path);

	int r = store_files_create(aside, err);
	if (r < 0)
		return r;
	_cleanup_(store_closep) struct store *store = store_new(aside);
	r = store_open_db(store, aside, SQLITE_OPEN_READWRITE, err);
	if (r == 0)
		r = migrate(store, err);
	if (r < 0)
		return r;
	store = store_close(store);
	return store_files_publish(aside, path, err);
}

/* All that is done to files before SQLite sees them. */
static int prepare_files(
	struct store *store, const char *path, unsigned flags, struct err *err)
{
	int r = store_files_check(path, flags, err);

	if (r == 0 && !(flags & STORE_READ_ONLY)) {
		r = store_files_lock(path, err);
		if (r < 0)
			return r;
		store->lock_fd = r;
		r = store_restore_finish(path, err);
	}
	if (r >= 0)
		r = store_files_probe(path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (flags & STORE_READ_ONLY)
		return err_set(err, -ENOENT,
			"%s does not exist; postseald makes it when it starts", path);
	return create(path, err);
}

/* A reader may not migrate; what is older than this program it cannot read either. */
static int check_schema(struct store *store, unsigned flags, struct err *err)
{
	unsigned n = 0;

	store_migrate_get_list(&n);
	int version = store_get_schema_version(store);
	if (version == (int)n || (version < (int)n && (flags & STORE_OLDER)))
		return 0;
	if (version > (int)n)
		return migrate(store, err);
	return err_set(err, -EPROTO,
		"%s has schema %d and this program reads %u; start postseald once to "
		"bring it up",
		store->path, version, n);
}

static int upgrade(struct store *store, struct err *err)
{
	unsigned n = 0;
	int version = store_get_schema_version(store);
	int r = 0;

	store_migrate_get_list(&n);
	if (version > 0 && version < (int)n)
		r = store_backup_schema(store, version, err);
	return r < 0 ? r : migrate(store, err);
}

static int check(struct store *store, struct err *err)
{
	/* One that is damaged is left as it is: its log is not brought into it. */
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	int r = store_check_identity(store, err);
	if (r == 0)
		r = store_check_integrity(store, err);
	if (r == 0)
		sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return r;
}

static int open_file(
	struct store *store, const char *path, unsigned flags, struct err *err)
{
	bool is_reader = flags & STORE_READ_ONLY;

	int r = prepare_files(store, path, flags, err);
	if (r == 0)
		r = store_open_db(store, path,
			is_reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, err);
	if (r == 0)
		r = check(store, err);
	if (r < 0)
		return r;
	if (is_reader)
		return check_schema(store, flags, err);
	r = upgrade(store, err);
	return r < 0 ? r : start_log(store, err);
}

static int open_memory(struct store *store, struct err *err)
{
	int r = store_open_db(
		store, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);

	return r < 0 ? r : migrate(store, err);
}

int store_open(struct store **ret, const char *path, unsigned flags, struct err *err)
{
	_cleanup_(store_closep) struct store *store = store_new(path);

	int r = strcmp(path, ":memory:") == 0 ? open_memory(store, err)
					      : open_file(store, path, flags, err);
	if (r < 0)
		return err_wrap(err, r, "state database");
	*ret = TAKE_PTR(store);
	return 0;
}

struct store *store_close(struct store *store)
{
	if (!store)
		return NULL;
	for (size_t i = 0; i < _STORE_STMT_MAX; i++)
		sqlite3_finalize(store->prepared[i].handle);
	/* The last one to close brings the log into the database and removes it. */
	sqlite3_close_v2(store->db);
	closep(&store->lock_fd);
	free(store->path);
	free(store);
	return NULL;
}

void store_set_trouble(struct store *store, store_trouble_fn *fn, void *userdata)
{
	store->trouble = fn;
	store->trouble_userdata = userdata;
}

int store_get_schema_version(const struct store *store)
{
	int version = 0;

	if (store_exec_int(
		    (struct store *)store, "PRAGMA user_version", &version, NULL) < 0)
		return 0;
	return version;
}

static int run(struct store *store, enum store_stmt_id id, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, id, err);
	return store_stmt_run(&q);
}

int store_begin(struct store *store, struct err *err)
{
	if (store->depth == 0) {
		int r = run(store, STORE_STMT_BEGIN, err);
		if (r < 0)
			return r;
		store->is_poisoned = false;
	}
	store->depth++;
	return 0;
}

static void roll_back(struct store *store)
{
	/* SQLite may have done it already; and if it cannot now, the log has no commit
	 * and the next start does not see it. */
	if (!sqlite3_get_autocommit(store->db))
		(void)run(store, STORE_STMT_ROLLBACK, NULL);
}

int store_commit(struct store *store, struct err *err)
{
	assert(store->depth > 0);
	store->depth--;
	if (store->depth > 0)
		return 0;
	if (store->is_poisoned || sqlite3_get_autocommit(store->db)) {
		roll_back(store);
		return err_set(err, -ECANCELED,
			"a part of the change to %s failed, so nothing was changed",
			store->path);
	}
	int r = run(store, STORE_STMT_COMMIT, err);
	if (r < 0)
		roll_back(store);
	return r;
}

void store_rollback(struct store *store)
{
	assert(store->depth > 0);
	store->depth--;
	store->is_poisoned = true;
	if (store->depth == 0)
		roll_back(store);
}

int store_finish(struct store *store, int r, struct err *err)
{
	if (r == 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}
