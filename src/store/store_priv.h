/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sources of this room, and their tests, share and nobody else sees. */
#pragma once

#include <sqlite3.h>

#include "store/statements.h"
#include "store/store.h"

/* "PSl1": tells our database from any other SQLite file. */
#define STORE_APPLICATION_ID 0x50536c31

/* The manager has one thread, and who holds it up holds up its watchdog. */
#define STORE_BUSY_TIMEOUT_MSEC 1000

struct store {
	sqlite3 *db;               /* owned */
	char *path;                /* owned */
	int lock_fd;               /* -1: not the writer */
	unsigned depth;            /* of nested transactions */
	bool is_poisoned;          /* one of them was rolled back */
	store_trouble_fn *trouble; /* NULL: nobody wants to know */
	void *trouble_userdata;
	struct store_prepared prepared[_STORE_STMT_MAX]; /* owned */
};

/* Rows of the list of migrations: version i + 1 is reached by migrations[i], which sets
 * user_version itself. */
struct store_migration {
	const char *sql;
};

/* Our list; its length is the newest schema that we know. */
const struct store_migration *store_migrate_get_list(unsigned *ret_n);
/* Brings the schema to version n, each step in a transaction of its own. -EPROTO: it is
 * newer than that. */
int store_migrate(struct store *store, const struct store_migration *list, unsigned n,
	struct err *err);

/* SQLite bound to what we need of it. store->db is set on failure, too. */
int store_open_db(struct store *store, const char *path, int flags, struct err *err);
/* -EUCLEAN: not ours, or damaged. */
int store_check_identity(struct store *store, struct err *err);
int store_check_integrity(struct store *store, struct err *err);
/* A store without a connection; store_close. */
struct store *store_new(const char *path);

/* backup.c: before a database of an older schema is changed, a copy is put beside it
 * ("….schema-1"). */
int store_backup_schema(struct store *store, int version, struct err *err);
/* A restore that was interrupted after its point of no return is finished. Under the
 * writer's lock. */
int store_restore_finish(const char *path, struct err *err);

/* The code and an operator's words for a result of SQLite; tells who wants to know of
 * trouble. */
int store_fail(struct store *store, int rc, struct err *err);
/* Runs a constant text without results: pragmas, migrations. */
int store_exec(struct store *store, const char *sql, struct err *err);
/* The one integer, or the text (owned by the caller), that a pragma answers. */
int store_exec_int(struct store *store, const char *sql, int *ret, struct err *err);
int store_exec_text(struct store *store, const char *sql, char **ret, struct err *err);
/* Ends what store_begin began: commits if r is 0, else rolls back. Returns r, or how
 * the commit went. */
int store_finish(struct store *store, int r, struct err *err);

/* Files: refuses those that others could read or change (-EPERM, and what to run). */
int store_files_check(const char *path, unsigned flags, struct err *err);
/* 1: the database exists, 0: not. -EUCLEAN: only its log does. */
int store_files_probe(const char *path, struct err *err);
/* The single writer's lock, in a file beside the database. Returns the descriptor. */
int store_files_lock(const char *path, struct err *err);
/* An empty file for a database that is made; what an earlier try left is removed. */
int store_files_create(const char *path, struct err *err);
/* Syncs the finished database and gives it its name, durably. */
int store_files_publish(const char *from, const char *path, struct err *err);
/* Keeps what is there under another name as well: database and log. 0: nothing is. */
int store_files_keep(const char *path, const char *as, struct err *err);
/* Removes the log and its like. */
int store_files_drop_log(const char *path, struct err *err);
