/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See store_fixture.h. What fails here aborts the test. */
#include "tests/unit/store/store_fixture.h"

#include <string.h>

#include "store/store_priv.h"
#include "util/buf.h"
#include "util/mem.h"

int store_fixture_setup(void **state)
{
	struct store_fixture *f = xnew(struct store_fixture);
	struct err err = ERR_INIT;

	f->dir = test_tmpdir_new();
	f->path = xasprintf("%s/postseal.db", f->dir);
	*state = f;
	int r = store_open(&f->store, f->path, 0, &err);
	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		print_error("%s\n", text);
	}
	err_done(&err);
	return r;
}

int store_fixture_teardown(void **state)
{
	struct store_fixture *f = *state;

	store_close(f->store);
	test_tmpdir_free(f->dir);
	free(f->path);
	free(f);
	return 0;
}

void store_fixture_reopen(struct store_fixture *f)
{
	f->store = store_close(f->store);
	assert_int_equal(store_open(&f->store, f->path, 0, NULL), 0);
}

void store_fixture_sql(struct store *store, const char *sql)
{
	char *message = NULL;

	assert_int_equal(
		store_exec(store, "PRAGMA ignore_check_constraints = ON", NULL), 0);
	int rc = sqlite3_exec(store->db, sql, NULL, NULL, &message);
	if (message)
		print_error("%s\n", message);
	sqlite3_free(message);
	assert_int_equal(rc, SQLITE_OK);
	assert_int_equal(
		store_exec(store, "PRAGMA ignore_check_constraints = OFF", NULL), 0);
}

void store_fixture_expect_error(struct err *err, const char *substring)
{
	_cleanup_(freep) char *text = err_format(err);

	err_done(err);
	if (!strstr(text, substring))
		fail_msg("\"%s\" does not say \"%s\"", text, substring);
}

char *store_fixture_explain(struct store *store, enum store_stmt_id statement)
{
	struct buf buf = BUF_INIT(65536);
	sqlite3_stmt *stmt = NULL;
	_cleanup_(freep) char *sql =
		xasprintf("EXPLAIN QUERY PLAN %s", store_stmt_get_sql(statement));

	assert_int_equal(
		sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		assert_int_equal(
			buf_printf(&buf, "%s\n", sqlite3_column_text(stmt, 3)), 0);
	sqlite3_finalize(stmt);
	return buf_steal(&buf);
}

int64_t store_fixture_account(struct store *store)
{
	struct store_account account = {
		.authority = (char *)"letsencrypt",
		.directory = (char *)"https://ca.test/directory",
		.key_pem = (char *)"account key",
	};

	assert_int_equal(store_account_add(store, &account, NULL), 0);
	return account.id;
}

int64_t store_fixture_slot(struct store *store, const char *domain)
{
	struct store_slot slot = {
		.domain = (char *)domain,
		.key_type = (char *)"ecdsa-p256",
		.names = (char *)"mail.example.org",
		.authority = (char *)"letsencrypt",
		.due_usec = USEC_NEVER,
	};

	assert_int_equal(store_slot_add(store, &slot, NULL), 0);
	return slot.id;
}

int64_t store_fixture_certificate(
	struct store *store, int64_t slot_id, const char *names, usec_t not_after_usec)
{
	struct store_certificate certificate = {
		.slot_id = slot_id,
		.authority = (char *)"letsencrypt",
		.names = (char *)names,
		.chain_pem = (char *)"chain",
		.key_pem = (char *)"key",
		.serial = (char *)"0a",
		.fingerprint = (char *)"ff",
		.issuer = (char *)"CN=CA",
		.not_after_usec = not_after_usec,
	};

	assert_int_equal(store_certificate_add(store, &certificate, NULL), 0);
	return certificate.id;
}
