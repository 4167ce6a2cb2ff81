/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The schema, as a list of steps. A step that has been released is never changed; a new
 * one is added below it. Each sets user_version as its last word, so that it and its
 * number are one transaction.
 *
 * The constraints are a second net below the checks of who writes and who reads.
 */
#include <errno.h>

#include "store/store_priv.h"

/* Columns: limits as STORE_TEXT_MAX and its like in statements.h. */
#define TEXT(c)       #c " TEXT NOT NULL CHECK (length(" #c ") BETWEEN 1 AND 8192)"
#define TEXT_EMPTY(c) #c " TEXT NOT NULL CHECK (length(" #c ") <= 8192)"
#define TEXT_NULL(c)  #c " TEXT CHECK (length(" #c ") BETWEEN 0 AND 8192)"
#define NAMES(c)      #c " TEXT NOT NULL CHECK (length(" #c ") BETWEEN 1 AND 65536)"
#define PEM(c)        #c " TEXT NOT NULL CHECK (length(" #c ") BETWEEN 1 AND 262144)"
#define NUMBER(c)     #c " INTEGER NOT NULL CHECK (" #c " >= 0)"
#define BOOL(c)       #c " INTEGER NOT NULL CHECK (" #c " IN (0, 1))"

/* clang-format off */
static const char initial[] =
	"CREATE TABLE account ("
	" id INTEGER PRIMARY KEY,"
	  TEXT(authority) ","
	  TEXT(directory) ","
	  PEM(key_pem) ","
	  TEXT_NULL(url) ","
	  TEXT_NULL(contact) ","
	" status TEXT NOT NULL"
	"  CHECK (status IN ('new', 'valid', 'deactivated', 'stopped')),"
	  TEXT_NULL(reason) ","
	  NUMBER(created_usec)
	") STRICT;"
	/* Never a second account at the same place. */
	"CREATE UNIQUE INDEX account_in_use ON account (authority, directory)"
	" WHERE status <> 'deactivated';"

	"CREATE TABLE domain ("
	" name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 8192)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE slot ("
	" id INTEGER PRIMARY KEY,"
	" domain TEXT NOT NULL REFERENCES domain (name),"
	  TEXT(key_type) ","
	  NAMES(names) ","
	  TEXT(authority) ","
	  TEXT_NULL(profile) ","
	" certificate_id INTEGER REFERENCES certificate (id),"
	" pending_id INTEGER REFERENCES certificate (id),"
	  NUMBER(due_usec) ","
	  NUMBER(attempts) ","
	  NUMBER(attempted_usec) ","
	  TEXT_NULL(error) ","
	  TEXT_NULL(challenges) ","
	  BOOL(removed) ","
	/* A copy of the current certificate's end, 0 without one: the order of urgency
	 * is an index then. */
	  NUMBER(expires_usec)
	") STRICT;"
	"CREATE UNIQUE INDEX slot_in_use ON slot (domain, key_type) WHERE removed = 0;"
	"CREATE INDEX slot_domain ON slot (domain, key_type, id);"
	/* "removed" is in them so that they answer alone. */
	"CREATE INDEX slot_due ON slot (removed, due_usec, expires_usec)"
	" WHERE removed = 0;"
	"CREATE INDEX slot_urgency ON slot (removed, expires_usec, due_usec)"
	" WHERE removed = 0;"
	"CREATE INDEX slot_certificate ON slot (certificate_id);"
	"CREATE INDEX slot_pending ON slot (pending_id);"

	"CREATE TABLE certificate ("
	" id INTEGER PRIMARY KEY,"
	" slot_id INTEGER NOT NULL REFERENCES slot (id),"
	  TEXT(authority) ","
	  NAMES(names) ","
	  TEXT(serial) ","
	  TEXT(fingerprint) ","
	  TEXT(issuer) ","
	  NUMBER(not_before_usec) ","
	  NUMBER(not_after_usec) ","
	  NUMBER(issued_usec) ","
	" state TEXT NOT NULL"
	"  CHECK (state IN ('issued', 'served', 'superseded', 'rejected'))"
	") STRICT;"
	"CREATE INDEX certificate_slot ON certificate (slot_id, state);"
	/* Apart, so that a walk over all certificates does not read them. */
	"CREATE TABLE certificate_pem ("
	" certificate_id INTEGER PRIMARY KEY"
	"  REFERENCES certificate (id) ON DELETE CASCADE,"
	  PEM(chain_pem) ","
	  PEM(key_pem)
	") STRICT;"

	/* "order" is a word of SQL. */
	"CREATE TABLE acme_order ("
	" id INTEGER PRIMARY KEY,"
	" slot_id INTEGER NOT NULL REFERENCES slot (id),"
	" account_id INTEGER NOT NULL REFERENCES account (id),"
	  NAMES(names) ","
	  PEM(key_pem) ","
	  TEXT(state) ","
	  TEXT_NULL(url) ","
	  TEXT_NULL(finalize_url) ","
	  TEXT_NULL(certificate_url) ","
	  NUMBER(sent_usec) ","
	  NUMBER(expires_usec) ","
	  BOOL(finished)
	") STRICT;"
	"CREATE UNIQUE INDEX acme_order_open ON acme_order (slot_id) WHERE finished = 0;"
	"CREATE INDEX acme_order_slot ON acme_order (slot_id);"
	"CREATE INDEX acme_order_account ON acme_order (account_id);"

	"CREATE TABLE authorization ("
	" id INTEGER PRIMARY KEY,"
	" order_id INTEGER NOT NULL REFERENCES acme_order (id) ON DELETE CASCADE,"
	  TEXT(name) ","
	  TEXT(url) ","
	  TEXT_NULL(challenge) ","
	  TEXT_NULL(challenge_url) ","
	  TEXT_NULL(token) ","
	  TEXT(state) ","
	  BOOL(presented)
	") STRICT;"
	"CREATE INDEX authorization_order ON authorization (order_id);"
	"CREATE INDEX authorization_presented ON authorization (id) WHERE presented = 1;"

	"CREATE TABLE install ("
	" id INTEGER PRIMARY KEY,"
	" certificate_id INTEGER NOT NULL"
	"  REFERENCES certificate (id) ON DELETE CASCADE,"
	  TEXT(target) ","
	  TEXT_EMPTY(address) ","
	  NUMBER(done_usec) ","
	  NUMBER(proven_usec) ","
	  NUMBER(next_usec) ","
	  NUMBER(attempts) ","
	  TEXT_NULL(error) ","
	" UNIQUE (certificate_id, target, address)"
	") STRICT;"

	"CREATE TABLE event ("
	" id INTEGER PRIMARY KEY,"
	  NUMBER(at_usec) ","
	  TEXT(kind) ","
	  TEXT_NULL(subject) ","
	  TEXT(text)
	") STRICT;"
	"CREATE INDEX event_subject ON event (subject, id);"

	"CREATE TABLE plugin_state ("
	" id INTEGER PRIMARY KEY,"
	  TEXT(plugin) ","
	  TEXT_EMPTY(name) ","
	" value TEXT NOT NULL CHECK (length(value) <= 65536),"
	" UNIQUE (plugin, name)"
	") STRICT;"

	"CREATE TABLE hold ("
	" id INTEGER PRIMARY KEY,"
	  TEXT(authority) ","
	  TEXT_EMPTY(scope) ","
	  NUMBER(until_usec) ","
	  TEXT_NULL(reason) ","
	" UNIQUE (authority, scope)"
	") STRICT;"

	"CREATE TABLE ledger ("
	" id INTEGER PRIMARY KEY,"
	  TEXT(authority) ","
	  TEXT(kind) ","
	  TEXT_EMPTY(scope) ","
	  NUMBER(at_usec)
	") STRICT;"
	"CREATE INDEX ledger_scope ON ledger (authority, kind, scope, at_usec);"
	"CREATE INDEX ledger_kind ON ledger (authority, kind, at_usec);"
	"CREATE INDEX ledger_at ON ledger (at_usec);"

	"PRAGMA application_id = 0x50536c31;"
	"PRAGMA user_version = 1;";

/* What CAs say about the time of renewal. */
static const char renewal[] =
	"CREATE TABLE renewal ("
	" slot_id INTEGER PRIMARY KEY REFERENCES slot (id) ON DELETE CASCADE,"
	  NUMBER(certificate_id) ","
	  NUMBER(window_start_usec) ","
	  NUMBER(window_end_usec) ","
	  NUMBER(moment_usec) ","
	  NUMBER(ask_again_usec) ","
	  NUMBER(n_early) ","
	  NUMBER(early_id)
	") STRICT;"
	"PRAGMA user_version = 2;";

/* What a certificate was ordered as: another profile is another certificate. */
static const char profile[] =
	"ALTER TABLE certificate ADD COLUMN " TEXT_NULL(profile) ";"
	"UPDATE certificate SET profile ="
	" (SELECT profile FROM slot WHERE slot.id = certificate.slot_id);"
	"PRAGMA user_version = 3;";

/* With which settings a target has it: others are another place. */
static const char install_settings[] =
	"ALTER TABLE install ADD COLUMN " TEXT_NULL(settings) ";"
	"PRAGMA user_version = 4;";

/* How far notifiers have been told. */
static const char told[] =
	"CREATE TABLE told ("
	" id INTEGER PRIMARY KEY,"
	  TEXT(notifier) ","
	  NUMBER(event_id) ","
	  NUMBER(attempts) ","
	" UNIQUE (notifier)"
	") STRICT;"
	"PRAGMA user_version = 5;";

/* Of a key change that the CA has not confirmed: either key may be the one it knows. */
static const char pending_key[] =
	"ALTER TABLE account ADD COLUMN pending_key_pem TEXT"
	" CHECK (length(pending_key_pem) BETWEEN 1 AND 262144);"
	"ALTER TABLE account ADD COLUMN " NUMBER(pending_usec) " DEFAULT 0;"
	"PRAGMA user_version = 6;";

/* Without references: a row outlives its certificate and its slot. */
static const char revocation[] =
	"CREATE TABLE revocation ("
	" id INTEGER PRIMARY KEY,"
	  NUMBER(slot_id) ","
	  TEXT(domain) ","
	  TEXT(authority) ","
	  TEXT(serial) ","
	  PEM(chain_pem) ","
	" key_pem TEXT CHECK (length(key_pem) BETWEEN 1 AND 262144),"
	  NUMBER(reason) ","
	  NUMBER(asked_usec) ","
	  NUMBER(due_usec) ","
	  NUMBER(attempts) ","
	  TEXT_NULL(error) ","
	" state TEXT NOT NULL CHECK (state IN ('waiting', 'revoked', 'refused')),"
	" UNIQUE (authority, serial)"
	") STRICT;"
	"CREATE INDEX revocation_waiting ON revocation (state) WHERE state = 'waiting';"
	"PRAGMA user_version = 7;";

/* The index is for walks in pages. Of the table one row at the most: what a person has said
 * yes to, until all of it is stored. */
static const char accepted[] =
	"CREATE INDEX slot_retired ON slot (due_usec, id) WHERE removed = 1;"
	"CREATE TABLE accepted ("
	" id INTEGER PRIMARY KEY CHECK (id = 1),"
	  TEXT(digest)
	") STRICT;"
	"PRAGMA user_version = 8;";

/* NULL: stored before there was one. */
static const char checksum[] =
	"ALTER TABLE certificate_pem ADD COLUMN"
	" checksum INTEGER CHECK (checksum > 0);"
	"PRAGMA user_version = 9;";

/* Values of ours that stand in the DNS, or may. */
static const char txt_value[] =
	"CREATE TABLE txt_value ("
	" id INTEGER PRIMARY KEY,"
	  TEXT(domain) ","
	  TEXT(name) ","
	  TEXT(value) ","
	  TEXT(provider) ","
	  TEXT(place) ","
	  NUMBER(put_usec) ","
	  NUMBER(seen_usec) ","
	" UNIQUE (name, value)"
	") STRICT;"
	"PRAGMA user_version = 10;";

/* Records that must stand in the DNS. */
static const char wanted_record[] =
	"CREATE TABLE wanted_record ("
	" id INTEGER PRIMARY KEY,"
	  TEXT(domain) ","
	  TEXT(name) ","
	  TEXT(challenge) ","
	  TEXT(owner) ","
	  TEXT(type) ","
	  TEXT(value) ","
	  TEXT(why) ","
	  NUMBER(until_usec) ","
	" state TEXT NOT NULL CHECK (state IN"
	"  ('pending', 'there', 'differs', 'vanished', 'removed')),"
	  TEXT_NULL(detail) ","
	  NUMBER(since_usec) ","
	  NUMBER(checked_usec) ","
	  NUMBER(warned_days) ","
	" UNIQUE (domain, name, challenge, owner, type, value)"
	") STRICT;"
	"PRAGMA user_version = 11;";
/* clang-format on */

static const struct store_migration migrations[] = {
	{ initial },
	{ renewal },
	{ profile },
	{ install_settings },
	{ told },
	{ pending_key },
	{ revocation },
	{ accepted },
	{ checksum },
	{ txt_value },
	{ wanted_record },
};

const struct store_migration *store_migrate_get_list(unsigned *ret_n)
{
	*ret_n = ARRAY_SIZE(migrations);
	return migrations;
}

static int take_step(struct store *store, const struct store_migration *step,
	unsigned version, struct err *err)
{
	int r = store_begin(store, err);
	if (r < 0)
		return r;
	r = store_finish(store, store_exec(store, step->sql, err), err);
	if (r < 0)
		return err_wrap(err, r, "migration to schema %u", version);
	if (store_get_schema_version(store) != (int)version)
		return err_set(err, -EPROTO, "migration to schema %u did not reach it",
			version);
	return 0;
}

int store_migrate(struct store *store, const struct store_migration *list, unsigned n,
	struct err *err)
{
	int version = store_get_schema_version(store);

	if (version < 0 || version > (int)n)
		return err_set(err, -EPROTO,
			"%s has schema %d and this program knows %u at most: install "
			"the newer program again, or restore a backup made before it",
			store->path, version, n);
	int r = 0;
	for (unsigned i = (unsigned)version; r == 0 && i < n; i++)
		r = take_step(store, &list[i], i + 1, err);
	return r;
}
