/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates with their keys: one transaction covers both. */
#pragma once

#include "store/store.h"
#include "util/usec.h"

enum store_certificate_state {
	STORE_CERTIFICATE_ISSUED,     /* checked and stored */
	STORE_CERTIFICATE_SERVED,     /* proven at every address of every target */
	STORE_CERTIFICATE_SUPERSEDED, /* a later one is served */
	STORE_CERTIFICATE_REJECTED,   /* failed its proof, rolled back */
	_STORE_CERTIFICATE_STATE_MAX,
};

extern const char *const store_certificate_state_names[_STORE_CERTIFICATE_STATE_MAX];

struct store_certificate {
	int64_t id;
	int64_t slot_id;
	char *authority; /* directory that issued it */
	char *profile;   /* that it was ordered with; NULL */
	char *names;     /* of the leaf, space separated */
	char *chain_pem;
	char *key_pem;     /* secret */
	char *serial;      /* hexadecimal */
	char *fingerprint; /* SHA-256 of the leaf, hexadecimal */
	char *issuer;
	usec_t not_before_usec;
	usec_t not_after_usec;
	usec_t issued_usec;
	enum store_certificate_state state;
	bool is_damaged; /* loaded: chain or key are not what was stored */
};

void store_certificate_done(struct store_certificate *certificate);
/* 0, STORE_E_NOT_FOUND. */
int store_certificate_load(struct store *store, int64_t id,
	struct store_certificate *ret, struct err *err);
/* The id of the newest with that serial: 0 with *ret, STORE_E_NOT_FOUND. */
int store_certificate_find(
	struct store *store, const char *serial, int64_t *ret, struct err *err);
int store_certificate_add(
	struct store *store, struct store_certificate *certificate, struct err *err);
int store_certificate_set_state(struct store *store, int64_t id,
	enum store_certificate_state state, struct err *err);
/* Deletes superseded and rejected ones of a slot but the newest `keep`, and never one
 * that a slot still names. */
int store_certificate_prune(
	struct store *store, int64_t slot_id, unsigned keep, struct err *err);
/* What is served of each slot: its certificate in force, or the pending one once that is
 * installed at `target` (or is the first). The walk calls fn for each name of each
 * certificate in force: (name, certificate id, key type name), removed slots left out.
 * For the set of served names; cheap, no PEM is read. */
typedef int store_served_fn(
	const char *name, int64_t certificate_id, const char *key_type, void *userdata);

/* How far such a walk has come. */
struct store_served_cursor {
	const char *target; /* borrowed; of what is served */
	int n;              /* slots at a time */
	int64_t slot_id;    /* zero at the begin, as due_usec */
	usec_t due_usec;
};

/* The next slots. 1: look again; 0: that was all. -EUCLEAN: those of them that can be read
 * were seen, and if the cursor has moved the walk can go on. */
int store_certificate_page_served(struct store *store,
	struct store_served_cursor *cursor, store_served_fn *fn, void *userdata,
	struct err *err);
/* The same of removed slots, those that were removed last at the end. */
int store_certificate_page_retired(struct store *store,
	struct store_served_cursor *cursor, store_served_fn *fn, void *userdata,
	struct err *err);
