/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The key or the account that an operator brings along: it takes the place of what is
 * there only where that is wanted, and while nothing is asked with the present key.
 */
#include <errno.h>
#include <string.h>

#include "core/accounts/authority_priv.h"
#include "util/mem.h"

/* What was begun with the other key is over: both rows change, or none. */
static int replace_account(struct authority *a, const struct key *key, struct err *err)
{
	int r = store_begin(a->store, err);

	if (r < 0)
		return r;
	if (a->account.id > 0) {
		a->account.status = STORE_ACCOUNT_DEACTIVATED;
		r = store_account_save(a->store, &a->account, err);
	}
	if (r >= 0)
		r = authority_add_account(a, key, err);
	if (r >= 0)
		r = store_commit(a->store, err);
	else
		store_rollback(a->store);
	if (r < 0)
		authority_forget_account(a);
	return r;
}

/* May the account be another one from now on? */
static int check_import(struct authority *a, unsigned flags, struct err *err)
{
	int r = authority_load_account(a, err);

	if (r < 0)
		return r;
	if (r == 0 && a->account.status == STORE_ACCOUNT_VALID &&
		!(flags & AUTHORITY_REPLACE))
		return err_set_kind(err, ERR_CONFIG, -EEXIST,
			"authority %s has the account %s already; it is not replaced",
			a->name, a->account.url);
	if (a->key_maker || a->registration || a->probe || a->change || a->n_inside > 0)
		return err_set_kind(err, ERR_CONFIG, -EBUSY,
			"authority %s is being asked with the key that it has; try again in a minute",
			a->name);
	return 0;
}

int authority_import_key(
	struct authority *a, const char *pem, size_t len, struct err *err)
{
	_cleanup_(key_freep) struct key *key = NULL;
	int r = check_import(a, 0, err);

	if (r < 0)
		return r;
	r = key_parse_pem(&key, pem, len, err);
	if (r < 0)
		return err_wrap(err, r, "the key to be imported");
	authority_settle_cancel(a);
	authority_retire_client(a);
	return replace_account(a, key, err);
}

/* The URL follows in a change of its own: a crash between the two leaves a key that the CA
 * finds the account by. */
static int save_imported(struct authority *a, const char *url, struct err *err)
{
	xstrset(&a->account.url, url);
	a->account.status = STORE_ACCOUNT_VALID;
	int r = store_account_save(a->store, &a->account, err);

	if (r < 0)
		authority_forget_account(a);
	else
		events_add(a->events, LOG_LEVEL_NOTICE, "account", a->name,
			"imported account %s", url);
	return r;
}

int authority_import_account(struct authority *a, const char *pem, const char *url,
	unsigned flags, struct err *err)
{
	_cleanup_(key_freep) struct key *key = NULL;
	int r = check_import(a, flags, err);

	if (r < 0)
		return r;
	r = key_parse_pem(&key, pem, strlen(pem), err);
	if (r < 0)
		return err_wrap(err, r, "the key to be imported");
	if (a->account.id > 0 && a->account.status == STORE_ACCOUNT_VALID)
		xstrset(&a->account.reason,
			"another account was imported in its place");
	authority_settle_cancel(a);
	authority_retire_client(a);
	r = replace_account(a, key, err);
	return r < 0 ? r : save_imported(a, url, err);
}
