/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See slots.h. What stands in the store is read once, then compared: linear in the
 * number of domains. */
#include "core/slots.h"

#include <errno.h>
#include <string.h>

#include "core/policy.h"
#include "store/order.h"
#include "util/log.h"
#include "util/map.h"
#include "util/mem.h"

struct known {
	struct store_slot slot; /* owned strings */
	bool is_wanted;
};

struct follow {
	struct store *store;
	struct map *known; /* "domain key_type" → struct known, owned */
	usec_t now;
	struct slots_change *change;
};

static char *format_key(const char *domain, const char *key_type)
{
	return xasprintf("%s %s", domain, key_type);
}

static int on_slot(const struct store_slot *slot, void *userdata)
{
	struct follow *f = userdata;
	_cleanup_(freep) char *key = format_key(slot->domain, slot->key_type);
	struct known *k = xnew(struct known);

	k->slot = *slot;
	k->slot.domain = xstrdup(slot->domain);
	k->slot.key_type = xstrdup(slot->key_type);
	k->slot.names = xstrdup(slot->names);
	k->slot.authority = xstrdup(slot->authority);
	k->slot.profile = xstrdup(slot->profile);
	k->slot.error = xstrdup(slot->error);
	k->slot.challenges = xstrdup(slot->challenges);
	map_set(f->known, key, k);
	return 0;
}

static void free_known(struct follow *f)
{
	const char *key;
	struct known *k;
	size_t pos;

	map_foreach(f->known, pos, key, k) {
		store_slot_done(&k->slot);
		free(k);
	}
	map_free(f->known);
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What a slot shall be; borrowed strings. */
struct wanted {
	const char *domain, *key_type, *names, *directory, *profile;
};

static int add_slot(struct follow *f, const struct wanted *wanted, struct err *err)
{
	struct store_slot slot = {
		.domain = (char *)wanted->domain,
		.key_type = (char *)wanted->key_type,
		.names = (char *)wanted->names,
		.authority = (char *)wanted->directory,
		.profile = (char *)wanted->profile,
		.due_usec = f->now,
	};

	f->change->added++;
	return store_slot_add(f->store, &slot, err); /* borrows the strings */
}

static int change_slot(struct follow *f, struct store_slot *slot,
	const struct wanted *wanted, struct err *err)
{
	if (!slot->removed && is_same(slot->names, wanted->names) &&
		is_same(slot->authority, wanted->directory) &&
		is_same(slot->profile, wanted->profile))
		return 0;
	slot->removed = false;
	xstrset(&slot->names, wanted->names);
	xstrset(&slot->authority, wanted->directory);
	xstrset(&slot->profile, wanted->profile);
	slot->due_usec = f->now;
	slot->attempts = 0;
	f->change->changed++;
	return store_slot_save(f->store, slot, err);
}

static int follow_slot(struct follow *f, const struct wanted *wanted, struct err *err)
{
	_cleanup_(freep) char *key = format_key(wanted->domain, wanted->key_type);
	struct known *k = map_find(f->known, key);

	if (!k)
		return add_slot(f, wanted, err);
	k->is_wanted = true;
	return change_slot(f, &k->slot, wanted, err);
}

static int follow_domain(struct follow *f, const struct conf *conf,
	const struct conf_block *domain, struct err *err)
{
	char *const *types = conf_get_list(domain, "key_type");
	_cleanup_(freep) char *names = policy_format_names(domain);
	struct wanted wanted = {
		.domain = conf_block_get_name(domain),
		.names = names,
		.directory = conf_get_string(
			policy_get_authority(conf, domain), "directory"),
		.profile = conf_get_string(domain, "profile"),
	};

	for (size_t i = 0; types[i]; i++) {
		wanted.key_type = types[i];
		int r = follow_slot(f, &wanted, err);
		if (r < 0)
			return err_wrap(err, r, "domain %s", wanted.domain);
	}
	return 0;
}

static int remove_unwanted(struct follow *f, struct err *err)
{
	const char *key;
	struct known *k;
	size_t pos;

	map_foreach(f->known, pos, key, k) {
		if (k->is_wanted || k->slot.removed)
			continue;
		k->slot.removed = true;
		f->change->removed++;
		int r = store_slot_save(f->store, &k->slot, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int follow_all(struct follow *f, const struct conf *conf, struct err *err)
{
	const struct conf_block *domain;
	int r = store_slot_each(f->store, NULL, on_slot, f, err);

	if (r == -EUCLEAN) {
		/* The rows that can be read were: one bad row stays one. */
		_cleanup_(freep) char *text = err_format(err);
		log_error(NULL, "%s", text);
		err_done(err);
		r = 0;
	}
	for (size_t i = 0; r >= 0 && (domain = conf_get_block(conf, "domain", i)); i++)
		r = follow_domain(f, conf, domain, err);
	return r < 0 ? r : remove_unwanted(f, err);
}

int slots_follow(struct store *store, const struct conf *conf, usec_t wall_now_usec,
	struct slots_change *ret, struct err *err)
{
	struct follow f = {
		.store = store,
		.known = map_new(),
		.now = wall_now_usec,
		.change = ret,
	};
	int r;

	*ret = (struct slots_change){ 0 };
	r = store_begin(store, err);
	if (r >= 0) {
		r = follow_all(&f, conf, err);
		if (r < 0)
			store_rollback(store);
		else
			r = store_commit(store, err);
	}
	free_known(&f);
	return r;
}

/* --- after a crash ------------------------------------------------------------------------- */

/* So many tries of an interrupted job follow each other at once; then the back-off of the
 * schedule stands. */
#define AT_ONCE_MAX 6

struct recover {
	int64_t *ids; /* owned */
	size_t n;
	usec_t now;
};

/* Charged, or issued, and no reason why it went no further: it was in the middle. */
static bool is_interrupted(const struct store_slot *slot)
{
	return !slot->error && (slot->attempts > 0 || slot->pending_id > 0);
}

static int on_waiting(const struct store_slot *slot, void *userdata)
{
	struct recover *r = userdata;

	if (slot->removed || (slot->attempts == 0 && slot->pending_id == 0))
		return 0;
	/* Whatever ends the process each time must not make a loop. */
	if (slot->attempts > AT_ONCE_MAX)
		return 0;
	if (!is_interrupted(slot) && slot->due_usec <= r->now)
		return 0;
	r->ids = xreallocarray(r->ids, r->n + 1, sizeof(*r->ids));
	r->ids[r->n++] = slot->id;
	return 0;
}

static int recover_slot(struct store *store, int64_t id, usec_t now, struct err *err)
{
	_cleanup_(store_order_done) struct store_order order = { 0 };
	_cleanup_(store_slot_done) struct store_slot slot = { 0 };
	int r = store_slot_load(store, id, &slot, err);

	if (r == 0 && !is_interrupted(&slot))
		r = store_order_find_open(store, id, &order, err);
	if (r != 0)
		return r == STORE_E_NOT_FOUND ? 0 : r;
	slot.due_usec = MIN(slot.due_usec, now);
	r = store_slot_save(store, &slot, err);
	return r < 0 ? r : 1;
}

int slots_recover(struct store *store, usec_t wall_now_usec, struct err *err)
{
	struct recover recover = { .now = wall_now_usec };
	int count = 0;
	int r = store_slot_each(store, NULL, on_waiting, &recover, err);

	for (size_t i = 0; r >= 0 && i < recover.n; i++) {
		r = recover_slot(store, recover.ids[i], wall_now_usec, err);
		count += r > 0;
	}
	free(recover.ids);
	return r < 0 ? r : count;
}
