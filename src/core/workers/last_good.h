/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The last good copy of what is served: for the day when the database
 * cannot be used. A folder "served" beside it (0700) with one file a slot (0600): whose
 * it is, key and chain. One file each, so that an activation among 100,000 costs one
 * small file; its name tells slot and certificate, so that a start compares names and
 * reads nothing.
 */
#pragma once

#include "io/loop.h"
#include "store/store.h"
#include "util/log.h"

struct last_good;

/* In the state directory. */
#define LAST_GOOD_FOLDER "served"

struct last_good_params {
	struct loop *loop; /* borrowed, as all here */
	struct store *store;
	const char *directory; /* the state directory; copied */
	const struct log_ctx *log;
};

struct last_good *last_good_new(const struct last_good_params *params);
struct last_good *last_good_free(struct last_good *last_good);
DEFINE_CLEANUP(struct last_good *, last_good_free)

/* Brings the folder up to the store, a few files a turn of the loop: at the start, and
 * when slots have come or gone. What cannot be written is tried again in a minute. */
void last_good_follow(struct last_good *last_good);
/* The certificate of this slot has just been proven, and replaces that one (0: none). */
void last_good_put(struct last_good *last_good, int64_t slot_id, int64_t replaced_id);

/* Key and chain of that certificate, as they were written: for a row of the database that
 * was damaged meanwhile. 0, and both are owned by the caller; STORE_E_NOT_FOUND. */
int last_good_read(struct last_good *last_good, int64_t certificate_id,
	char **ret_chain_pem, char **ret_key_pem);

/* How many files there are for last_good_load. */
size_t last_good_count(const char *directory);
/* Puts what the folder holds into an empty store: slots with the certificate that was
 * served. What is not whole, or whose key does not fit, is passed over with a warning.
 * How many; 0 also when there is no such folder. */
int last_good_load(const char *directory, struct store *store,
	const struct log_ctx *log, struct err *err);
