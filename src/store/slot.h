/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slots: (domain, key type, set of names). What is wanted, which certificate stands in
 * it, when it is due, and how its last tries went. Domains are rows, too.
 */
#pragma once

#include "store/store.h"
#include "util/usec.h"

struct store_slot {
	int64_t id;
	char *domain;           /* block name */
	char *key_type;         /* name, as in pki/key.h */
	char *names;            /* space separated, sorted, normalised */
	char *authority;        /* directory of the one that is wanted */
	char *profile;          /* wanted; NULL */
	int64_t certificate_id; /* current one; 0 = none */
	int64_t pending_id;     /* issued and not yet proven; 0 = none */
	usec_t due_usec;   /* wall; when the next job should start; back-off included */
	unsigned attempts; /* failures in a row */
	usec_t attempted_usec; /* wall; last start; 0 = never */
	char *error;           /* of the last try; NULL = none */
	char *challenges; /* which challenge was used or why not, one sentence; NULL */
	bool removed;     /* no longer in the configuration; due: to be forgotten */
};

void store_slot_done(struct store_slot *slot);
void store_slot_copy(struct store_slot *ret, const struct store_slot *slot);
/* 0, STORE_E_NOT_FOUND. */
int store_slot_load(
	struct store *store, int64_t id, struct store_slot *ret, struct err *err);
/* By (domain, key_type); of one that is not removed. 0, STORE_E_NOT_FOUND. */
int store_slot_find(struct store *store, const char *domain, const char *key_type,
	struct store_slot *ret, struct err *err);
/* Sets slot->id; adds the domain's row when it is new. -EEXIST: there is one of this
 * (domain, key_type) that is not removed. */
int store_slot_add(struct store *store, struct store_slot *slot, struct err *err);
int store_slot_save(
	struct store *store, const struct store_slot *slot, struct err *err);
/* The time alone: also of a slot whose row cannot be read (-EUCLEAN). */
int store_slot_set_due(
	struct store *store, int64_t id, usec_t due_usec, struct err *err);
/* Makes due what a clock that was ahead has put off beyond its reason: tried after
 * `wall`, or due both later than any wait from now and than its certificate ends.
 * Returns how many or < 0. */
int store_slot_rewind(struct store *store, usec_t wall_usec, struct err *err);
/* What has failed or is held at that directory is due at `wall`. Returns how many or < 0. */
int store_slot_hasten(
	struct store *store, const char *directory, usec_t wall_usec, struct err *err);
/* The not removed slot that is due first: its id and time. 0, STORE_E_NOT_FOUND. */
int store_slot_find_due(
	struct store *store, int64_t *ret_id, usec_t *ret_due_usec, struct err *err);
/* Ids of not removed slots due at or before `wall`, most urgent (earliest expiry of
 * the current certificate, none first) first; at most n. Returns the count or < 0. */
int store_slot_list_due(
	struct store *store, usec_t wall_usec, int64_t *ids, int n, struct err *err);
typedef int store_slot_fn(const struct store_slot *slot, void *userdata);
/* domain NULL = all; ordered by domain, key type. fn's non-zero stops and is returned. */
int store_slot_each(struct store *store, const char *domain, store_slot_fn *fn,
	void *userdata, struct err *err);
/* The next `n` behind `last` (NULL: the first), in the same order. Returns how many. */
int store_slot_each_after(struct store *store, const struct store_slot *last, int n,
	store_slot_fn *fn, void *userdata, struct err *err);

/* How many are not removed, and of those: have a certificate, have failed. */
struct store_slot_count {
	unsigned n, n_served, n_failed;
};

int store_slot_count(
	struct store *store, struct store_slot_count *ret, struct err *err);
/* Deletes removed slots whose due time has come, with their certificates and orders, but
 * not while something of them is presented; and domains that have no slot any more. */
int store_slot_forget(struct store *store, usec_t wall_usec, struct err *err);
