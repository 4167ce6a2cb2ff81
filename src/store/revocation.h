/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates that somebody wants revoked. A row has all that the request needs, so that
 * it outlives its certificate, slot and domain; its key goes when it is done.
 */
#pragma once

#include "store/store.h"
#include "util/usec.h"

enum store_revocation_state {
	STORE_REVOCATION_WAITING, /* for its replacement, or for the next try */
	STORE_REVOCATION_REVOKED, /* the CA says so */
	STORE_REVOCATION_REFUSED, /* for good */
	_STORE_REVOCATION_STATE_MAX,
};

extern const char *const store_revocation_state_names[_STORE_REVOCATION_STATE_MAX];

struct store_revocation {
	int64_t id;
	int64_t slot_id; /* that must serve another one first; maybe gone */
	char *domain;
	char *authority; /* directory that issued it */
	char *serial;    /* hexadecimal; once in each authority */
	char *chain_pem;
	char *key_pem; /* secret; NULL: it is done */
	unsigned reason;
	usec_t asked_usec;
	usec_t due_usec; /* wall; of the next try */
	unsigned attempts;
	char *error; /* of the last try; NULL */
	enum store_revocation_state state;
};

void store_revocation_done(struct store_revocation *revocation);
/* Asks for the same one again: its reason, and waiting once more. Sets id. */
int store_revocation_add(
	struct store *store, struct store_revocation *revocation, struct err *err);
int store_revocation_save(struct store *store,
	const struct store_revocation *revocation, struct err *err);
typedef int store_revocation_fn(
	const struct store_revocation *revocation, void *userdata);
/* Those that wait, oldest first. fn's non-zero stops and is returned. */
int store_revocation_each_waiting(
	struct store *store, store_revocation_fn *fn, void *userdata, struct err *err);
/* Is that one wanted revoked, or is it? 1, 0. */
int store_revocation_is_asked(struct store *store, const char *authority,
	const char *serial, struct err *err);
