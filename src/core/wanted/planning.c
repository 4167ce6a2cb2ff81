/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See planning.h. Certificates are looked at only where something changes. */
#include "core/wanted/planning.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/wanted/deployed.h"
#include "core/wanted/policy.h"
#include "core/wanted/quota.h"
#include "store/certificate.h"
#include "store/order.h"
#include "util/buf.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/mem.h"

#define WHY_BYTES_MAX (128 * 1024)
#define PAGE          16 /* slots in a look for domains that are gone */

struct planning {
	struct planning_params in;
	struct plan *plan; /* owned */
	struct deployed_conf targets;
	size_t i_domain; /* of the configuration; the next */
	struct store_slot behind,
		last; /* owned: domain, key type and id; of the walk */
	char **gone;  /* owned; domains of a page that the configuration has not */
	char *seen; /* owned; the last of them, whose slots may go on in the next page */
};

/* A slot that there is. */
struct known {
	struct store_slot slot; /* owned strings */
	struct deployed deployed;
	bool is_wanted;
};

/* Those of one domain. */
struct known_list {
	struct known *known; /* owned */
	size_t n;
};

/* What a slot shall be; borrowed strings. */
struct wanted {
	const char *domain, *key_type, *names, *authority, *directory, *profile;
	const struct conf_block *block;
};

/* --- what there is ------------------------------------------------------------------------- */

static void known_list_done(struct known_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		deployed_done(&list->known[i].deployed);
		store_slot_done(&list->known[i].slot);
	}
	free(list->known);
}

static int64_t get_latest(const struct store_slot *slot)
{
	return slot->pending_id > 0 ? slot->pending_id : slot->certificate_id;
}

static int on_slot(const struct store_slot *slot, void *userdata)
{
	struct known_list *list = userdata;

	list->known = xreallocarray(list->known, list->n + 1, sizeof(*list->known));
	list->known[list->n] = (struct known){ 0 };
	store_slot_copy(&list->known[list->n++].slot, slot);
	return 0;
}

/* One bad row stays one: those that can be read were. */
static int forgive(int r, struct err *err)
{
	if (r != -EUCLEAN)
		return r;
	_cleanup_(freep) char *text = err_format(err);
	log_error(NULL, "%s", text);
	if (err)
		err_done(err);
	return 0;
}

static int load_known(
	struct planning *p, const char *domain, struct known_list *ret, struct err *err)
{
	int r = forgive(store_slot_each(p->in.store, domain, on_slot, ret, err), err);

	for (size_t i = 0; r >= 0 && i < ret->n; i++) {
		struct known *k = &ret->known[i];

		p->plan->n_slots += !k->slot.removed;
		if (get_latest(&k->slot) > 0)
			r = forgive(deployed_load(&k->deployed, p->in.store,
					    get_latest(&k->slot), err),
				err);
	}
	return r;
}

/* --- why ----------------------------------------------------------------------------------- */

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
	if (!str_is_same(before, after))
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

static void see_new(struct planning *p, const struct wanted *wanted)
{
	const struct store_slot slot = {
		.domain = (char *)wanted->domain,
		.key_type = (char *)wanted->key_type,
		.names = (char *)wanted->names,
		.authority = (char *)wanted->directory,
		.profile = (char *)wanted->profile,
	};
	struct plan_entry *e =
		plan_add(p->plan, PLAN_ADD, &slot); /* copies the strings */

	e->authority = xstrdup(wanted->authority);
	e->why = xasprintf("new: %s", wanted->names);
	e->needs_order = true;
	plan_count(p->plan, e);
}

/* Would what the slot has do for what is wanted? And if not, would that be a renewal? */
static int has_fitting(struct planning *p, const struct store_slot *slot,
	const struct wanted *wanted, bool *ret_is_renewal, struct err *err)
{
	struct store_certificate c = { 0 };

	if (slot->certificate_id == 0)
		return 0;
	int r = store_certificate_load(p->in.store, slot->certificate_id, &c, err);
	if (r != 0)
		return r < 0 ? r : 0;
	bool fits = str_is_same(c.names, wanted->names) &&
		    str_is_same(c.authority, wanted->directory) &&
		    str_is_same(c.profile, wanted->profile) &&
		    c.not_after_usec > p->in.wall_now_usec;
	*ret_is_renewal = quota_is_renewal(&c, wanted->directory, wanted->names);
	store_certificate_done(&c);
	return fits;
}

/* Where the certificate that there is goes to, and from where it is dropped. What is
 * under way goes everywhere anyway, and what is known of no target at all is taken to be
 * in order. */
static void set_targets(struct planning *p, const struct known *k,
	const struct wanted *wanted, struct plan_entry *e)
{
	if (k->deployed.n == 0 || (k->slot.pending_id > 0 && !k->slot.error))
		return;
	_cleanup_(freep) char *install =
		deployed_format_new(&k->deployed, &p->targets, wanted->block);
	_cleanup_(freep) char *leave =
		deployed_format_unwanted(&k->deployed, wanted->block);
	xstrset(&e->install, *install ? install : NULL);
	xstrset(&e->leave, *leave ? leave : NULL);
}

/* An order under way goes on: what it brings is installed everywhere. */
static bool is_ordering(struct planning *p, const struct store_slot *slot)
{
	_cleanup_(store_order_done) struct store_order order = { 0 };

	return slot->attempts > 0 &&
	       store_order_find_open(p->in.store, slot->id, &order, NULL) == 0;
}

/* To be installed, as if it had been issued just now. */
static void set_pending(struct planning *p, struct plan_entry *e)
{
	e->slot.pending_id = get_latest(&e->slot);
	if (is_ordering(p, &e->slot))
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
static void see_targets(
	struct planning *p, const struct known *k, const struct wanted *wanted)
{
	struct plan_entry probe = { 0 };

	set_targets(p, k, wanted, &probe);
	if (!probe.install && !probe.leave)
		return;
	struct plan_entry *e =
		plan_add(p->plan, probe.install ? PLAN_INSTALL : PLAN_LEAVE, &k->slot);
	e->install = probe.install;
	e->leave = probe.leave;
	e->authority = xstrdup(wanted->authority);
	e->why = format_targets(e);
	if (e->install || e->slot.pending_id > 0)
		set_pending(p, e);
}

static void tell_targets(struct plan_entry *e)
{
	_cleanup_(freep) char *targets = format_targets(e);
	_cleanup_(freep) char *why = TAKE_PTR(e->why);

	e->why = xasprintf("%s%s%s", why, *targets ? "; " : "", targets);
}

static int see_change(struct planning *p, const struct known *k,
	const struct wanted *wanted, struct err *err)
{
	const struct store_slot *slot = &k->slot;
	_cleanup_(freep) char *why = format_why(slot, wanted);

	if (!slot->removed && !*why) {
		see_targets(p, k, wanted);
		return 0;
	}
	bool is_renewal = false;
	int fits = has_fitting(p, slot, wanted, &is_renewal, err);
	if (fits < 0)
		return fits;
	struct plan_entry *e =
		plan_add(p->plan, slot->removed ? PLAN_RETURN : PLAN_CHANGE, slot);
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
		set_targets(p, k, wanted, e);
	if (e->install)
		e->slot.pending_id = slot->certificate_id;
	tell_targets(e);
	plan_count(p->plan, e);
	return 0;
}

/* --- domains ------------------------------------------------------------------------------- */

static void add_to_digest(struct plan *plan, const struct wanted *wanted)
{
	static const struct hash_key key = { { 0 } };
	_cleanup_(freep) char *text = xasprintf("%016" PRIx64 "|%s|%s|%s|%s|%s",
		plan->digest, wanted->domain, wanted->key_type, wanted->names,
		wanted->directory, wanted->profile ? wanted->profile : "");

	plan->digest = hash_bytes(&key, text, strlen(text));
}

static int see_slot(struct planning *p, struct known_list *list,
	const struct wanted *wanted, struct err *err)
{
	struct known *found = NULL;

	add_to_digest(p->plan, wanted);
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->known[i].slot.key_type, wanted->key_type) == 0)
			found = &list->known[i];
	if (!found) {
		see_new(p, wanted);
		return 0;
	}
	found->is_wanted = true;
	return see_change(p, found, wanted, err);
}

static int see_wanted(struct planning *p, struct known_list *list,
	const struct conf_block *domain, struct err *err)
{
	char *const *types = conf_get_list(domain, "key_type");
	_cleanup_(freep) char *names = policy_format_names(domain);
	const struct conf_block *authority = policy_get_authority(p->in.conf, domain);
	struct wanted wanted = {
		.domain = conf_block_get_name(domain),
		.names = names,
		.authority = conf_block_get_name(authority),
		.directory = conf_get_string(authority, "directory"),
		.profile = conf_get_string(domain, "profile"),
		.block = domain,
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && types[i]; i++) {
		wanted.key_type = types[i];
		r = see_slot(p, list, &wanted, err);
	}
	return r;
}

static void see_removals(
	struct planning *p, const struct known_list *list, bool is_domain_gone)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct known *k = &list->known[i];

		if (k->is_wanted || k->slot.removed)
			continue;
		struct plan_entry *e = plan_add(p->plan, PLAN_REMOVE, &k->slot);
		e->slot.removed = true;
		e->why = is_domain_gone ? xstrdup("the domain is gone")
					: xasprintf("key type %s is no longer wanted",
						  k->slot.key_type);
		plan_count(p->plan, e);
	}
}

int planning_see(struct planning *p, const char *name, struct err *err)
{
	const struct conf_block *domain = conf_find_block(p->in.conf, "domain", name);
	_cleanup_(known_list_done) struct known_list list = { 0 };
	int r = load_known(p, name, &list, err);

	if (r >= 0 && domain)
		r = see_wanted(p, &list, domain, err);
	if (r < 0)
		return err_wrap(err, r, "domain %s", name);
	see_removals(p, &list, !domain);
	return 0;
}

/* --- all of them --------------------------------------------------------------------------- */

static int on_walked(const struct store_slot *slot, void *userdata)
{
	struct planning *p = userdata;

	p->last.id = slot->id;
	xstrset(&p->last.domain, slot->domain);
	xstrset(&p->last.key_type, slot->key_type);
	if (slot->removed || conf_find_block(p->in.conf, "domain", slot->domain) ||
		(p->seen && strcmp(p->seen, slot->domain) == 0))
		return 0;
	strv_append(&p->gone, slot->domain);
	xstrset(&p->seen, slot->domain);
	return 0;
}

/* A page of the store's slots; the walk reads `behind` while `last` is written. */
static int see_gone(struct planning *p, struct err *err)
{
	store_slot_done(&p->behind);
	p->behind = p->last;
	p->last = (struct store_slot){ 0 };
	int n = forgive(
		store_slot_each_after(p->in.store, p->behind.domain ? &p->behind : NULL,
			PAGE, on_walked, p, err),
		err);
	int r = n;

	for (size_t i = 0; r >= 0 && p->gone && p->gone[i]; i++)
		r = planning_see(p, p->gone[i], err);
	p->gone = strv_free(p->gone);
	if (r < 0)
		return r;
	return n > 0 || p->last.domain ? 1 : 0;
}

int planning_step(struct planning *p, struct err *err)
{
	const struct conf_block *domain =
		conf_get_block(p->in.conf, "domain", p->i_domain);

	if (!domain)
		return see_gone(p, err);
	p->i_domain++;
	int r = planning_see(p, conf_block_get_name(domain), err);
	return r < 0 ? r : 1;
}

/* --- the object ---------------------------------------------------------------------------- */

struct plan *planning_take(struct planning *p)
{
	struct plan *plan = p->plan;

	p->plan = xnew(struct plan);
	return plan;
}

struct planning *planning_new(const struct planning_params *params)
{
	struct planning *p = xnew(struct planning);

	p->in = *params;
	p->plan = xnew(struct plan);
	p->targets.conf = params->conf;
	return p;
}

struct planning *planning_free(struct planning *p)
{
	if (!p)
		return NULL;
	plan_free(p->plan);
	deployed_conf_done(&p->targets);
	store_slot_done(&p->behind);
	store_slot_done(&p->last);
	strv_free(p->gone);
	free(p->seen);
	free(p);
	return NULL;
}
