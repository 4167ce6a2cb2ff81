/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between authority.c, its details (authority_gate.c, authority_import.c,
 * authority_settle.c) and
 * account_change.c. */
#pragma once

#include "acme/account.h"
#include "core/accounts/account_probe.h"
#include "core/accounts/authority.h"
#include "core/accounts/signer.h"
#include "core/base/key_maker.h"
#include "util/list.h"

struct account_change;

struct authority {
	/* inputs */
	struct loop *loop;              /* borrowed */
	struct store *store;            /* borrowed */
	struct events *events;          /* borrowed */
	struct clock_watch *clock;      /* borrowed; NULL */
	struct conf *conf;              /* referenced */
	const struct conf_block *block; /* points into conf */
	struct log_ctx log;
	char *name; /* owned */

	/* the account */
	struct http_client *own_http; /* owned; NULL if given */
	struct http_client *http;     /* borrowed, maybe own_http */
	struct store_account account; /* id 0: none yet */
	struct signer *signer;        /* owned */
	struct acme_client *client;   /* owned */
	struct list retired;          /* retired.entry */
	bool is_ensured;

	/* a key that the CA may know instead */
	struct signer *pending_signer;      /* owned; NULL */
	struct acme_client *pending_client; /* owned; NULL */
	bool is_doubted; /* the CA behaves as if it did not know the account */

	/* operations */
	struct key_maker *key_maker;       /* owned; of a new account's key */
	struct acme_account *registration; /* owned */
	struct account_probe *probe;       /* owned */
	struct loop_timer *settle_timer;   /* owned */
	struct account_change *change;     /* borrowed; NULL */
	struct list ensures;               /* authority_ensure.entry */

	/* the gate */
	struct list waiting; /* authority_ticket.entry */
	unsigned n_inside;
	bool is_closed;
	void (*on_empty)(struct account_change *change); /* NULL; of a closed gate */
};

/* Of a key that was replaced: somebody may still have a question under way. */
struct retired {
	struct list entry;
	struct signer *signer;      /* owned */
	struct acme_client *client; /* owned */
};

/* --- authority.c ---------------------------------------------------------------------- */

/* Forgets what depends on the key, but not before authority_free. */
void authority_retire_client(struct authority *authority);
/* 0, STORE_E_NOT_FOUND. */
int authority_load_account(struct authority *authority, struct err *err);
/* A row with that key, committed before anything is sent. */
int authority_add_account(
	struct authority *authority, const struct key *key, struct err *err);
/* What the store has is loaded anew when it is needed. */
void authority_forget_account(struct authority *authority);
/* All who wait hear it; NULL: the account is there. */
void authority_complete_ensures(struct authority *authority, const struct err *err);
/* The account is good for nothing more: stopped, or deactivated for good. */
void authority_end_account(struct authority *authority,
	enum store_account_status status, const char *reason);

/* --- authority_gate.c ------------------------------------------------------------------ */

/* Nobody new is let in; on_empty is called when the last one has left, at once if nobody
 * is inside. */
void authority_close_gate(
	struct authority *authority, void (*on_empty)(struct account_change *change));
void authority_open_gate(struct authority *authority);

/* --- authority_settle.c: which key is the account's? ------------------------------------ */

/* Asks the CA; authority_complete_ensures at the end. Needs the client. */
int authority_settle_start(struct authority *authority, struct err *err);
void authority_settle_cancel(struct authority *authority);
/* The next authority_ensure_start asks the CA before it says yes. */
void authority_doubt_account(struct authority *authority);
/* Makes signer and client of the pending key. */
int authority_open_pending(struct authority *authority, struct err *err);
/* The pending key is the account's from now on: stored, and the client changed. */
int authority_promote_pending(struct authority *authority, struct err *err);

/* --- account_change.c -------------------------------------------------------------------- */

/* The authority goes. */
void account_change_orphan(struct account_change *change);
