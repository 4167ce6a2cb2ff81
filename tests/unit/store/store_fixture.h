/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stores on a temporary folder, and sample records, for the tests of the room. */
#pragma once

#include "store/account.h"
#include "store/certificate.h"
#include "store/order.h"
#include "store/slot.h"
#include "store/statements.h"
#include "store/store.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"

/* cmocka's setup and teardown; *state is a struct store_fixture. */
int store_fixture_setup(void **state);
int store_fixture_teardown(void **state);
#define test_with_store(fn)              \
	cmocka_unit_test_setup_teardown( \
		(fn), store_fixture_setup, store_fixture_teardown)

struct store_fixture {
	char *dir;           /* owned */
	char *path;          /* owned */
	struct store *store; /* owned; open */
};

/* Closes and opens again. */
void store_fixture_reopen(struct store_fixture *f);
/* Runs SQL behind the room's back, without checks of values. */
void store_fixture_sql(struct store *store, const char *sql);
/* Fails unless the error says that. Empties it. */
void store_fixture_expect_error(struct err *err, const char *substring);
/* All lines of EXPLAIN QUERY PLAN; owned by the caller. */
char *store_fixture_explain(struct store *store, enum store_stmt_id statement);

/* Samples that are in the store; ids, or the record (owned by the caller). */
int64_t store_fixture_account(struct store *store);
int64_t store_fixture_slot(struct store *store, const char *domain);
int64_t store_fixture_certificate(
	struct store *store, int64_t slot_id, const char *names, usec_t not_after_usec);
