/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See plan.h. What stands in the store is read once, then compared. Certificates are
 * looked at only where something changes. */
#include "core/plan.h"

#include <errno.h>
#include <string.h>

#include "core/deployed.h"
#include "core/policy.h"
#include "core/quota.h"
#include "store/certificate.h"
#include "store/order.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/map.h"
#include "util/mem.h"

#define WHY_BYTES_MAX (128 * 1024)

const char *const plan_action_names[_PLAN_ACTION_MAX] = {
	[PLAN_ADD] = "add",
	[PLAN_CHANGE] = "change",
	[PLAN_RETURN] = "return",
	[PLAN_REMOVE] = "remove",
	[PLAN_INSTALL] = "install",
	[PLAN_LEAVE] = "leave",
};

struct known {
	struct store_slot slot; /* owned strings */
	struct deployed deployed;
	bool is_wanted;
};

/* What a slot shall be; borrowed strings. */
struct wanted {
	const char *domain, *key_type, *names, *authority, *directory, *profile;
	const struct conf_block *block;
};

struct making {
	struct store *store;
	struct plan *plan;
	struct known **known; /* owned; in the store's order */
	size_t n_known;
	struct map *by_key; /* "domain key_type" → struct known */
	struct deployed_conf targets;
	size_t cursor; /* in known, while their installs are walked over */
	usec_t now;
};

/* --- what there is ------------------------------------------------------------------------- */

static char *format_key(const char *domain, const char *key_type)
{
	return xasprintf("%s %s", domain, key_type);
}

static struct store_slot copy_slot(const struct store_slot *slot)
{
	struct store_slot copy = *slot;

	copy.domain = xstrdup(slot->domain);
	copy.key_type = xstrdup(slot->key_type);
	copy.names = xstrdup(slot->names);
	copy.authority = xstrdup(slot->authority);
	copy.profile = xstrdup(slot->profile);
	copy.error = xstrdup(slot->error);
	copy.challenges = xstrdup(slot->challenges);
	return copy;
}

static int on_slot(const struct store_slot *slot, void *userdata)
{
	struct making *m = userdata;
	_cleanup_(freep) char *key = format_key(slot->domain, slot->key_type);
	struct known *k = xnew(struct known);

	k->slot = copy_slot(slot);
	if ((m->n_known & (m->n_known - 1)) == 0)
		m->known = xreallocarray(m->known, MAX(m->n_known * 2, (size_t)1),
			sizeof(struct known *));
	m->known[m->n_known++] = k;
	map_set(m->by_key, key, k);
	m->plan->n_slots += !slot->removed;
	return 0;
}

/* Both walks have the same order; a slot whose row is bad is in neither's way. */
static int on_install(int64_t slot_id, const struct store_install *row, void *userdata)
{
	struct making *m = userdata;

	for (size_t i = m->cursor; i < m->n_known; i++) {
		if (m->known[i]->slot.id != slot_id)
			continue;
		deployed_add(&m->known[i]->deployed, row);
		m->cursor = i;
		break;
	}
	return 0;
}

static int load_known(struct making *m, struct err *err)
{
	int r = store_slot_each(m->store, NULL, on_slot, m, err);

	if (r >= 0)
		r = store_install_each_latest(m->store, on_install, m, err);
	if (r != -EUCLEAN)
		return r;
	/* The rows that can be read were: one bad row stays one. */
	_cleanup_(freep) char *text = err_format(err);
	log_error(NULL, "%s", text);
	err_done(err);
	return 0;
}

static void making_done(struct making *m)
{
	for (size_t i = 0; i < m->n_known; i++) {
		deployed_done(&m->known[i]->deployed);
		store_slot_done(&m->known[i]->slot);
		free(m->known[i]);
	}
	free(m->known);
	map_free(m->by_key);
	deployed_conf_done(&m->targets);
}

/* --- why ----------------------------------------------------------------------------------- */

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The words of `text` that `others` has not. */
static void tell_words(
	struct buf *why, const char *what, const char *text, const char *others)
{
	_cleanup_(strv_freep) char **words = strv_split(text);
	_cleanup_(strv_freep) char **rest = strv_split(others);
	bool is_first = true;

	for (size_t i = 0; words && words[i]; i++) {
		if (strv_contains(rest, words[i]))
			continue;
		if (is_first)
			(void)buf_printf(why, "%s%s", why->len ? "; " : "", what);
		(void)buf_printf(why, " %s", words[i]);
		is_first = false;
	}
}

static void tell_value(
	struct buf *why, const char *what, const char *before, const char *after)
{
	if (!is_same(before, after))
		(void)buf_printf(why, "%s%s %s instead of %s", why->len ? "; " : "",
			what, after ? after : "none", before ? before : "none");
}

/* Owned by the caller; "" = nothing differs. What is too long for it is cut: only people
 * read it. */
static char *format_why(const struct store_slot *slot, const struct wanted *wanted)
{
	struct buf why = BUF_INIT(WHY_BYTES_MAX);

	tell_words(&why, "names added:", wanted->names, slot->names);
	tell_words(&why, "names removed:", slot->names, wanted->names);
	tell_value(&why, "directory", slot->authority, wanted->directory);
	tell_value(&why, "profile", slot->profile, wanted->profile);
	return buf_steal(&why);
}

/* --- entries ------------------------------------------------------------------------------- */

static struct plan_entry *add_entry(
	struct making *m, enum plan_action action, const struct store_slot *slot)
{
	struct plan *plan = m->plan;

	if ((plan->n & (plan->n - 1)) == 0)
		plan->entry = xreallocarray(
			plan->entry, MAX(plan->n * 2, (size_t)1), sizeof(*plan->entry));
	struct plan_entry *e = &plan->entry[plan->n++];
	*e = (struct plan_entry){ .action = action };
	e->slot = copy_slot(slot);
	e->has_certificate = slot->certificate_id > 0;
	plan->count[action]++;
	return e;
}

static void count_entry(struct plan *plan, const struct plan_entry *e)
{
	bool is_worse = e->action == PLAN_REMOVE ||
			(e->action == PLAN_CHANGE && e->needs_order);

	plan->n_orders += e->needs_order;
	plan->n_upset += e->has_certificate && is_worse;
}

static void plan_add(struct making *m, const struct wanted *wanted)
{
	const struct store_slot slot = {
		.domain = (char *)wanted->domain,
		.key_type = (char *)wanted->key_type,
		.names = (char *)wanted->names,
		.authority = (char *)wanted->directory,
		.profile = (char *)wanted->profile,
	};
	struct plan_entry *e = add_entry(m, PLAN_ADD, &slot); /* copies the strings */

	e->authority = xstrdup(wanted->authority);
	e->why = xasprintf("new: %s", wanted->names);
	e->needs_order = true;
	count_entry(m->plan, e);
}

/* Would what the slot has do for what is wanted? And if not, would that be a renewal? */
static int has_fitting(struct making *m, const struct store_slot *slot,
	const struct wanted *wanted, bool *ret_is_renewal, struct err *err)
{
	struct store_certificate c = { 0 };

	if (slot->certificate_id == 0)
		return 0;
	int r = store_certificate_load(m->store, slot->certificate_id, &c, err);
	if (r != 0)
		return r < 0 ? r : 0;
	bool fits = is_same(c.names, wanted->names) &&
		    is_same(c.authority, wanted->directory) &&
		    is_same(c.profile, wanted->profile) && c.not_after_usec > m->now;
	*ret_is_renewal = quota_is_renewal(&c, wanted->directory, wanted->names);
	store_certificate_done(&c);
	return fits;
}

static int64_t get_latest(const struct store_slot *slot)
{
	return slot->pending_id > 0 ? slot->pending_id : slot->certificate_id;
}

/* Where the certificate that there is goes to, and from where it is dropped. What is
 * under way goes everywhere anyway, and what is known of no target at all is taken to be
 * in order. */
static void set_targets(struct making *m, const struct known *k,
	const struct wanted *wanted, struct plan_entry *e)
{
	if (k->deployed.n == 0 || (k->slot.pending_id > 0 && !k->slot.error))
		return;
	_cleanup_(freep) char *install =
		deployed_format_new(&k->deployed, &m->targets, wanted->block);
	_cleanup_(freep) char *leave =
		deployed_format_unwanted(&k->deployed, wanted->block);
	xstrset(&e->install, *install ? install : NULL);
	xstrset(&e->leave, *leave ? leave : NULL);
}

/* An order under way goes on: what it brings is installed everywhere. */
static bool is_ordering(struct making *m, const struct store_slot *slot)
{
	_cleanup_(store_order_done) struct store_order order = { 0 };

	return slot->attempts > 0 &&
	       store_order_find_open(m->store, slot->id, &order, NULL) == 0;
}

/* To be installed, as if it had been issued just now. */
static void set_pending(struct making *m, struct plan_entry *e)
{
	e->slot.pending_id = get_latest(&e->slot);
	if (is_ordering(m, &e->slot))
		return;
	e->slot.attempts = 0;
	xstrset(&e->slot.error, NULL);
}

static char *format_targets(const struct plan_entry *e)
{
	return xasprintf("%s%s%s%s%s%s", e->install ? "install at " : "",
		e->install ? e->install : "", e->install ? ", no order" : "",
		e->install && e->leave ? "; " : "",
		e->leave ? "no longer installed, and left as it is, at " : "",
		e->leave ? e->leave : "");
}

/* The same certificate, elsewhere. */
static void plan_targets(
	struct making *m, const struct known *k, const struct wanted *wanted)
{
	struct plan_entry probe = { 0 };

	set_targets(m, k, wanted, &probe);
	if (!probe.install && !probe.leave)
		return;
	struct plan_entry *e =
		add_entry(m, probe.install ? PLAN_INSTALL : PLAN_LEAVE, &k->slot);
	e->install = probe.install;
	e->leave = probe.leave;
	e->authority = xstrdup(wanted->authority);
	e->why = format_targets(e);
	if (e->install || e->slot.pending_id > 0)
		set_pending(m, e);
}

static void tell_targets(struct plan_entry *e)
{
	_cleanup_(freep) char *targets = format_targets(e);
	_cleanup_(freep) char *why = TAKE_PTR(e->why);

	e->why = xasprintf("%s%s%s", why, *targets ? "; " : "", targets);
}

static int plan_change(struct making *m, const struct known *k,
	const struct wanted *wanted, struct err *err)
{
	const struct store_slot *slot = &k->slot;
	_cleanup_(freep) char *why = format_why(slot, wanted);

	if (!slot->removed && !*why) {
		plan_targets(m, k, wanted);
		return 0;
	}
	bool is_renewal = false;
	int fits = has_fitting(m, slot, wanted, &is_renewal, err);
	if (fits < 0)
		return fits;
	struct plan_entry *e =
		add_entry(m, slot->removed ? PLAN_RETURN : PLAN_CHANGE, slot);
	e->slot.removed = false;
	e->slot.attempts = 0;
	xstrset(&e->slot.error, NULL);
	xstrset(&e->slot.names, wanted->names);
	xstrset(&e->slot.authority, wanted->directory);
	xstrset(&e->slot.profile, wanted->profile);
	e->authority = xstrdup(wanted->authority);
	e->why = slot->removed ? xasprintf("wanted again%s%s", *why ? "; " : "", why)
			       : xstrdup(why);
	e->needs_order = !fits;
	e->is_renewal = is_renewal;
	e->is_reorder = *why;
	if (fits && slot->pending_id == 0)
		set_targets(m, k, wanted, e);
	if (e->install)
		e->slot.pending_id = slot->certificate_id;
	tell_targets(e);
	count_entry(m->plan, e);
	return 0;
}

static int plan_slot(struct making *m, const struct wanted *wanted, struct err *err)
{
	_cleanup_(freep) char *key = format_key(wanted->domain, wanted->key_type);
	struct known *k = map_find(m->by_key, key);

	if (k) {
		k->is_wanted = true;
		return plan_change(m, k, wanted, err);
	}
	plan_add(m, wanted);
	return 0;
}

static int plan_domain(struct making *m, const struct conf *conf,
	const struct conf_block *domain, struct err *err)
{
	char *const *types = conf_get_list(domain, "key_type");
	_cleanup_(freep) char *names = policy_format_names(domain);
	const struct conf_block *authority = policy_get_authority(conf, domain);
	struct wanted wanted = {
		.domain = conf_block_get_name(domain),
		.names = names,
		.authority = conf_block_get_name(authority),
		.directory = conf_get_string(authority, "directory"),
		.profile = conf_get_string(domain, "profile"),
		.block = domain,
	};

	for (size_t i = 0; types[i]; i++) {
		wanted.key_type = types[i];
		int r = plan_slot(m, &wanted, err);
		if (r < 0)
			return err_wrap(err, r, "domain %s", wanted.domain);
	}
	return 0;
}

static void plan_removals(struct making *m, const struct conf *conf)
{
	for (size_t i = 0; i < m->n_known; i++) {
		const struct known *k = m->known[i];

		if (k->is_wanted || k->slot.removed)
			continue;
		struct plan_entry *e = add_entry(m, PLAN_REMOVE, &k->slot);
		e->slot.removed = true;
		e->why = conf_find_block(conf, "domain", k->slot.domain)
				 ? xasprintf("key type %s is no longer wanted",
					   k->slot.key_type)
				 : xstrdup("the domain is gone");
		count_entry(m->plan, e);
	}
}

int plan_new(struct plan **ret, struct store *store, const struct conf *conf,
	usec_t wall_now_usec, struct err *err)
{
	_cleanup_(plan_freep) struct plan *plan = xnew(struct plan);
	struct making m = {
		.store = store,
		.plan = plan,
		.by_key = map_new(),
		.targets = { .conf = conf },
		.now = wall_now_usec,
	};
	const struct conf_block *domain;
	int r = load_known(&m, err);

	for (size_t i = 0; r >= 0 && (domain = conf_get_block(conf, "domain", i)); i++)
		r = plan_domain(&m, conf, domain, err);
	if (r >= 0)
		plan_removals(&m, conf);
	making_done(&m);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(plan);
	return 0;
}

struct plan *plan_free(struct plan *plan)
{
	if (!plan)
		return NULL;
	for (size_t i = 0; i < plan->n; i++) {
		store_slot_done(&plan->entry[i].slot);
		free(plan->entry[i].authority);
		free(plan->entry[i].why);
		free(plan->entry[i].install);
		free(plan->entry[i].leave);
	}
	free(plan->entry);
	free(plan);
	return NULL;
}

/* --- the brake ----------------------------------------------------------------------------- */

bool plan_is_braked(const struct plan *plan, int64_t percent)
{
	return plan->n_upset > PLAN_BRAKE_LEAST &&
	       plan->n_upset * 100 > plan->n_slots * (size_t)percent;
}

char *plan_format_brake(const struct plan *plan, int64_t percent)
{
	return xasprintf(
		"%zu of %zu certificates would be re-issued or removed, more than "
		"change_brake = %lld%%; postsealctl plan shows them, postsealctl "
		"reload --yes does it",
		plan->n_upset, plan->n_slots, (long long)percent);
}

bool plan_has_slot(const struct plan *plan, int64_t slot_id)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->entry[i].slot.id == slot_id)
			return true;
	return false;
}

/* --- carrying it out ----------------------------------------------------------------------- */

/* An order that was begun for what is no longer wanted is not taken up again. Its row
 * stays as long as anything of it is presented. */
static int drop_order(struct store *store, int64_t slot_id, struct err *err)
{
	struct store_order order = { 0 };
	int r = store_order_find_open(store, slot_id, &order, err);

	if (r == 0) {
		order.finished = true;
		r = store_order_save(store, &order, err);
	}
	store_order_done(&order);
	return r < 0 ? r : 0;
}

/* Nobody looks any more at what was installed where it is not wanted. */
static int drop_targets(
	struct store *store, const struct plan_entry *e, struct err *err)
{
	_cleanup_(strv_freep) char **targets = strv_split(e->leave ? e->leave : "");
	int64_t id = get_latest(&e->slot);
	char *const none[] = { NULL };
	int r = 0;

	for (size_t i = 0; r >= 0 && targets && targets[i]; i++)
		r = store_install_keep(store, id, targets[i], none, err);
	return r;
}

static int save_entry(const struct plan_entry *e, struct store *store,
	usec_t wall_now_usec, struct err *err)
{
	struct store_slot slot = e->slot; /* borrows the strings */
	int r = drop_targets(store, e, err);

	/* Only one that waits for its targets has less to wait for. */
	if (r < 0 || (e->action == PLAN_LEAVE && slot.pending_id == 0))
		return r;
	slot.due_usec = e->action == PLAN_REMOVE
				? usec_add(wall_now_usec, PLAN_KEEP_USEC)
				: wall_now_usec;
	if (e->action == PLAN_ADD)
		return store_slot_add(store, &slot, err);
	if (e->action == PLAN_REMOVE || e->is_reorder)
		r = drop_order(store, slot.id, err);
	return r < 0 ? r : store_slot_save(store, &slot, err);
}

int plan_save(const struct plan *plan, struct store *store, usec_t wall_now_usec,
	struct err *err)
{
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < plan->n; i++)
		r = save_entry(&plan->entry[i], store, wall_now_usec, err);
	if (r >= 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}
