/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which certificate each name is served with: the index behind the workers' look-ups and
 * their set of names. Names that the configuration wants are in it from the start, with
 * or without a certificate; PEMs are read from the store when a worker asks.
 */
#pragma once

#include "conf/conf.h"
#include "core/workers/fleet.h"
#include "store/store.h"

/* What installs call it. */
#define SERVED_TARGET "front"

struct served;

struct served *served_new(struct store *store);
struct served *served_free(struct served *served);
DEFINE_CLEANUP(struct served *, served_free)

/* Where to look for what the store has damaged; NULL: nowhere. Borrowed. */
struct last_good;
void served_set_copy(struct served *served, struct last_good *copy);

/* The certificates in force, as the store has them. May be called again. A name whose slot
 * was replaced by another (key type, domain) goes on with the old certificate until it
 * has one of its own. A row that is damaged is said and left out. */
int served_load(struct served *served, struct err *err);
/* The same in steps, beside the index that is in use until the last one, which takes its
 * place. 1: there is more to read; 0: it is done. What is set or settled meanwhile stays. */
int served_load_step(struct served *served, struct err *err);
/* What has been read by steps so far is dropped. */
void served_load_cancel(struct served *served);
/* The names that the configuration wants; others are no longer served. */
void served_follow(struct served *served, const struct conf *conf);
/* And what is served today, wanted or not: its end is not decided yet. */
void served_keep(struct served *served);
/* From now on these names are served with that certificate. */
void served_set(
	struct served *served, char *const *names, bool is_rsa, int64_t certificate_id);
/* Is one of them served with a certificate of a slot that was removed, or was it until
 * its own came? Once that is proven, the old ones are settled: forgotten. */
bool served_has_old(const struct served *served, char *const *names);
void served_settle(struct served *served, char *const *names);
int64_t served_find(const struct served *served, const char *name, bool is_rsa);
/* The certificate for a client that asks for that name (a wildcard's too) and can do
 * LINK_CLIENT_…; 0 = none. */
int64_t served_choose(const struct served *served, const char *name, unsigned client);
size_t served_count(const struct served *served); /* wanted names */

/* Names of which a certificate that was served before the last served_load is no longer. */
void served_each_changed(const struct served *served,
	void (*fn)(const char *name, void *fn_userdata), void *fn_userdata);

/* fleet_lookup_fn and fleet_names_fn; userdata is the struct served. */
int served_lookup(const char *name, unsigned client, struct fleet_found *ret,
	void *userdata, struct err *err);
void served_each_name(void (*add)(const char *name, void *add_userdata),
	void *add_userdata, void *userdata);
