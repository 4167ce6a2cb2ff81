/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Named statements: prepared once, when first used, bound and read in the order of their
 * parameters and columns.
 *
 * A failure sticks: what follows does nothing, and the call that runs or steps returns
 * it. What is read is input: a value of the wrong type, too long, or unknown makes the
 * row bad (-EUCLEAN, "slot 12: names is missing").
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/sql.h"
#include "util/err.h"
#include "util/usec.h"

struct store;
struct sqlite3_stmt;

#define STORE_STMT_ENUM(name, text) STORE_STMT_##name,

enum store_stmt_id { STORE_STATEMENTS(STORE_STMT_ENUM) _STORE_STMT_MAX };

/* Octets that a text may have; migrate.c has the same limits in characters. */
#define STORE_TEXT_MAX  8192
#define STORE_NAMES_MAX 65536
#define STORE_PEM_MAX   262144

struct store_prepared {
	struct sqlite3_stmt *handle; /* owned */
	bool is_in_use;
};

struct store_stmt {
	struct store *store;         /* borrowed */
	struct store_prepared *home; /* borrowed from store; NULL: handle is owned */
	struct sqlite3_stmt *handle;
	struct err *err; /* borrowed from the caller */
	int r;           /* the first failure */
	int parameter;   /* bound last */
	int column;      /* to be read next */
	const char *record;
	int64_t record_id;
	bool is_row_bad;
	bool is_walking;
	struct err bad; /* owned; of the first bad row */
};

const char *store_stmt_get_sql(enum store_stmt_id id);

/* Always initialises q, so that store_stmt_close may follow. */
void store_stmt_open(struct store_stmt *q, struct store *store, enum store_stmt_id id,
	struct err *err);
void store_stmt_close(struct store_stmt *q);

/* The next parameter. Texts must live until the statement is closed. */
void store_stmt_bind_int(struct store_stmt *q, int64_t value);
/* 0 is stored as NULL. */
void store_stmt_bind_id(struct store_stmt *q, int64_t id);
/* USEC_NEVER is stored as the largest there is. */
void store_stmt_bind_usec(struct store_stmt *q, usec_t usec);
/* NULL is stored as NULL. -E2BIG: longer than max. */
void store_stmt_bind_text(struct store_stmt *q, const char *text, size_t max);

/* Runs a change to its end. */
int store_stmt_run(struct store_stmt *q);
/* The same for a new row; its id. */
int store_stmt_run_add(struct store_stmt *q, int64_t *ret_id);
/* The same for a row that must be there; -ENOENT: it is not. */
int store_stmt_run_on(struct store_stmt *q, const char *record, int64_t id);
/* The same for a change that returns one integer. */
int store_stmt_run_returning(struct store_stmt *q, int64_t *ret);
/* The first row of a query: 0, STORE_E_NOT_FOUND. */
int store_stmt_fetch(struct store_stmt *q);

/* Reads and hands on one row. */
typedef int store_stmt_row_fn(struct store_stmt *q, void *userdata);
/* All rows. fn's non-zero stops and is returned. Bad rows are passed over; if there was
 * one, -EUCLEAN at the end. */
int store_stmt_each(struct store_stmt *q, store_stmt_row_fn *fn, void *userdata);

/* Reading a row: begin names the record and tells its id, which is the first column;
 * then each column in turn; end says whether all were good. */
int64_t store_stmt_read_begin(struct store_stmt *q, const char *record);
int64_t store_stmt_read_int(struct store_stmt *q, int64_t min, int64_t max);
/* NULL reads as 0. */
int64_t store_stmt_read_id(struct store_stmt *q);
usec_t store_stmt_read_usec(struct store_stmt *q);
bool store_stmt_read_bool(struct store_stmt *q);
/* Owned by the caller. NULL only after a failure (text), or if it is NULL (text_or_null);
 * only text_or_empty may be empty. */
char *store_stmt_read_text(struct store_stmt *q, size_t max);
char *store_stmt_read_text_or_empty(struct store_stmt *q, size_t max);
char *store_stmt_read_text_or_null(struct store_stmt *q, size_t max);
/* NULL, or not empty. */
char *store_stmt_read_text_if_any(struct store_stmt *q, size_t max);
/* The value of a name in a table of n. */
int store_stmt_read_enum(struct store_stmt *q, const char *const *names, size_t n);
/* Marks the row as bad for a reason that the caller found. */
void store_stmt_reject(struct store_stmt *q, const char *what, const char *reason);
int store_stmt_read_end(struct store_stmt *q);
