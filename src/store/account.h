/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accounts at authorities (RFC 8555 7.1.2). The key is stored before newAccount is sent. */
#pragma once

#include "store/store.h"
#include "util/usec.h"

enum store_account_status {
	STORE_ACCOUNT_NEW, /* key stored, no URL known yet */
	STORE_ACCOUNT_VALID,
	STORE_ACCOUNT_DEACTIVATED,
	STORE_ACCOUNT_STOPPED, /* the CA does not know it, or wants a person */
	_STORE_ACCOUNT_STATUS_MAX,
};

extern const char *const store_account_status_names[_STORE_ACCOUNT_STATUS_MAX];

struct store_account {
	int64_t id;
	char *authority; /* name of the block */
	char *directory; /* its directory URL when the account was made */
	char *key_pem;   /* secret */
	char *url;       /* account URL, NULL while NEW */
	char *contact;   /* as sent, NULL = none */
	enum store_account_status status;
	char *reason; /* why stopped; NULL */
	/* Of a key change under way: the CA knows this key, or the other one. */
	char *pending_key_pem; /* secret; NULL = none */
	usec_t pending_usec;   /* wall; when the CA was about to be asked; 0 = never */
	usec_t created_usec;
};

void store_account_done(struct store_account *account);
/* The account of an authority at that directory URL: the one that is not deactivated, or
 * the last one that was. 0, STORE_E_NOT_FOUND. */
int store_account_load(struct store *store, const char *authority,
	const char *directory, struct store_account *ret, struct err *err);
/* Sets account->id. -EEXIST: there is one there that is not deactivated. */
int store_account_add(
	struct store *store, struct store_account *account, struct err *err);
/* Writes url, contact, status, reason. */
int store_account_save(
	struct store *store, const struct store_account *account, struct err *err);
/* Writes key_pem, pending_key_pem, pending_usec. */
int store_account_save_keys(
	struct store *store, const struct store_account *account, struct err *err);
typedef int store_account_fn(const struct store_account *account, void *userdata);
/* All, oldest first; fn's non-zero stops and is returned. */
int store_account_each(
	struct store *store, store_account_fn *fn, void *userdata, struct err *err);
