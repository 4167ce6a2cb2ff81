/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See account.h. An index sees to it that there is one account at an authority. */
#include "store/account.h"

#include "store/store_priv.h"
#include "util/mem.h"
#include "util/strtab.h"

const char *const store_account_status_names[_STORE_ACCOUNT_STATUS_MAX] = {
	[STORE_ACCOUNT_NEW] = "new",
	[STORE_ACCOUNT_VALID] = "valid",
	[STORE_ACCOUNT_DEACTIVATED] = "deactivated",
	[STORE_ACCOUNT_STOPPED] = "stopped",
};

void store_account_done(struct store_account *account)
{
	secret_free(account->pending_key_pem);
	free(account->reason);
	free(account->contact);
	free(account->url);
	secret_free(account->key_pem);
	free(account->directory);
	free(account->authority);
	*account = (struct store_account){ 0 };
}

static int read_account(struct store_stmt *q, struct store_account *ret)
{
	_cleanup_(store_account_done) struct store_account a = { 0 };

	a.id = store_stmt_read_begin(q, "account");
	a.authority = store_stmt_read_text(q, STORE_TEXT_MAX);
	a.directory = store_stmt_read_text(q, STORE_TEXT_MAX);
	a.key_pem = store_stmt_read_text(q, STORE_PEM_MAX);
	a.url = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	a.contact = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	a.status = (enum store_account_status)store_stmt_read_enum(
		q, store_account_status_names, _STORE_ACCOUNT_STATUS_MAX);
	a.reason = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	a.created_usec = store_stmt_read_usec(q);
	a.pending_key_pem = store_stmt_read_text_if_any(q, STORE_PEM_MAX);
	a.pending_usec = store_stmt_read_usec(q);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	*ret = a;
	a = (struct store_account){ 0 };
	return 0;
}

int store_account_load(struct store *store, const char *authority,
	const char *directory, struct store_account *ret, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_ACCOUNT_LOAD, err);
	store_stmt_bind_text(&q, authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, directory, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	return r == 0 ? read_account(&q, ret) : r;
}

int store_account_add(
	struct store *store, struct store_account *account, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_ACCOUNT_ADD, err);
	store_stmt_bind_text(&q, account->authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, account->directory, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, account->key_pem, STORE_PEM_MAX);
	store_stmt_bind_text(&q, account->url, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, account->contact, STORE_TEXT_MAX);
	store_stmt_bind_text(&q,
		STRTAB_NAME(store_account_status_names, account->status),
		STORE_TEXT_MAX);
	store_stmt_bind_text(&q, account->reason, STORE_TEXT_MAX);
	store_stmt_bind_usec(&q, account->created_usec);
	return store_stmt_run_add(&q, &account->id);
}

int store_account_save(
	struct store *store, const struct store_account *account, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_ACCOUNT_SAVE, err);
	store_stmt_bind_text(&q, account->url, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, account->contact, STORE_TEXT_MAX);
	store_stmt_bind_text(&q,
		STRTAB_NAME(store_account_status_names, account->status),
		STORE_TEXT_MAX);
	store_stmt_bind_text(&q, account->reason, STORE_TEXT_MAX);
	store_stmt_bind_int(&q, account->id);
	return store_stmt_run_on(&q, "account", account->id);
}

int store_account_save_keys(
	struct store *store, const struct store_account *account, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_ACCOUNT_SAVE_KEYS, err);
	store_stmt_bind_text(&q, account->key_pem, STORE_PEM_MAX);
	store_stmt_bind_text(&q, account->pending_key_pem, STORE_PEM_MAX);
	store_stmt_bind_usec(&q, account->pending_usec);
	store_stmt_bind_int(&q, account->id);
	return store_stmt_run_on(&q, "account", account->id);
}

struct walk {
	store_account_fn *fn;
	void *userdata;
};

static int on_row(struct store_stmt *q, void *userdata)
{
	const struct walk *walk = userdata;
	_cleanup_(store_account_done) struct store_account account = { 0 };

	int r = read_account(q, &account);
	return r == 0 ? walk->fn(&account, walk->userdata) : r;
}

int store_account_each(
	struct store *store, store_account_fn *fn, void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_ACCOUNT_EACH, err);
	return store_stmt_each(&q, on_row, &walk);
}
