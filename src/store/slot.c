/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See slot.h. With 100,000 slots, what is asked at each tick of the schedule must be an
 * index look-up. Two questions have different best indexes: few due are sorted by
 * urgency after they were found; of many due, the first few are found by walking in the
 * order of urgency, since what ends soonest is mostly what is due.
 */
#include "store/slot.h"

#include <limits.h>

#include "store/store_priv.h"
#include "util/mem.h"

#define DUE_MANY 1000
/* Nobody puts off a slot without a certificate for longer. */
#define WAIT_MAX_USEC (3 * USEC_PER_DAY)

void store_slot_done(struct store_slot *slot)
{
	free(slot->challenges);
	free(slot->error);
	free(slot->profile);
	free(slot->authority);
	free(slot->names);
	free(slot->key_type);
	free(slot->domain);
	*slot = (struct store_slot){ 0 };
}

void store_slot_copy(struct store_slot *ret, const struct store_slot *slot)
{
	*ret = *slot;
	ret->domain = xstrdup(slot->domain);
	ret->key_type = xstrdup(slot->key_type);
	ret->names = xstrdup(slot->names);
	ret->authority = xstrdup(slot->authority);
	ret->profile = xstrdup(slot->profile);
	ret->error = xstrdup(slot->error);
	ret->challenges = xstrdup(slot->challenges);
}

static int read_slot(struct store_stmt *q, struct store_slot *ret)
{
	_cleanup_(store_slot_done) struct store_slot s = { 0 };

	s.id = store_stmt_read_begin(q, "slot");
	s.domain = store_stmt_read_text(q, STORE_TEXT_MAX);
	s.key_type = store_stmt_read_text(q, STORE_TEXT_MAX);
	s.names = store_stmt_read_text(q, STORE_NAMES_MAX);
	s.authority = store_stmt_read_text(q, STORE_TEXT_MAX);
	s.profile = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	s.certificate_id = store_stmt_read_id(q);
	s.pending_id = store_stmt_read_id(q);
	s.due_usec = store_stmt_read_usec(q);
	s.attempts = (unsigned)store_stmt_read_int(q, 0, UINT_MAX);
	s.attempted_usec = store_stmt_read_usec(q);
	s.error = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	s.challenges = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	s.removed = store_stmt_read_bool(q);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct store_slot){ 0 };
	return 0;
}

int store_slot_load(
	struct store *store, int64_t id, struct store_slot *ret, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_LOAD, err);
	store_stmt_bind_int(&q, id);
	int r = store_stmt_fetch(&q);
	return r == 0 ? read_slot(&q, ret) : r;
}

int store_slot_find(struct store *store, const char *domain, const char *key_type,
	struct store_slot *ret, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_FIND, err);
	store_stmt_bind_text(&q, domain, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, key_type, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	return r == 0 ? read_slot(&q, ret) : r;
}

static int add_domain(struct store *store, const char *domain, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_DOMAIN_ADD, err);
	store_stmt_bind_text(&q, domain, STORE_TEXT_MAX);
	return store_stmt_run(&q);
}

static void bind_slot(struct store_stmt *q, const struct store_slot *slot)
{
	store_stmt_bind_text(q, slot->domain, STORE_TEXT_MAX);
	store_stmt_bind_text(q, slot->key_type, STORE_TEXT_MAX);
	store_stmt_bind_text(q, slot->names, STORE_NAMES_MAX);
	store_stmt_bind_text(q, slot->authority, STORE_TEXT_MAX);
	store_stmt_bind_text(q, slot->profile, STORE_TEXT_MAX);
	store_stmt_bind_id(q, slot->certificate_id);
	store_stmt_bind_id(q, slot->pending_id);
	store_stmt_bind_usec(q, slot->due_usec);
	store_stmt_bind_int(q, slot->attempts);
	store_stmt_bind_usec(q, slot->attempted_usec);
	store_stmt_bind_text(q, slot->error, STORE_TEXT_MAX);
	store_stmt_bind_text(q, slot->challenges, STORE_TEXT_MAX);
	store_stmt_bind_int(q, slot->removed);
}

static int add_row(struct store *store, struct store_slot *slot, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_ADD, err);
	bind_slot(&q, slot);
	return store_stmt_run_add(&q, &slot->id);
}

int store_slot_add(struct store *store, struct store_slot *slot, struct err *err)
{
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	r = add_domain(store, slot->domain, err);
	if (r == 0)
		r = add_row(store, slot, err);
	return store_finish(store, r, err);
}

int store_slot_save(struct store *store, const struct store_slot *slot, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_SAVE, err);
	bind_slot(&q, slot);
	store_stmt_bind_int(&q, slot->id);
	return store_stmt_run_on(&q, "slot", slot->id);
}

int store_slot_set_due(
	struct store *store, int64_t id, usec_t due_usec, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_SET_DUE, err);
	store_stmt_bind_usec(&q, due_usec);
	store_stmt_bind_int(&q, id);
	return store_stmt_run_on(&q, "slot", id);
}

int store_slot_rewind(struct store *store, usec_t wall_usec, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_REWIND, err);
	store_stmt_bind_usec(&q, wall_usec);
	store_stmt_bind_usec(&q, usec_add(wall_usec, WAIT_MAX_USEC));
	int r = store_stmt_run(&q);
	return r < 0 ? r : (int)sqlite3_changes64(store->db);
}

int store_slot_hasten(
	struct store *store, const char *directory, usec_t wall_usec, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_HASTEN, err);
	store_stmt_bind_usec(&q, wall_usec);
	store_stmt_bind_text(&q, directory, STORE_TEXT_MAX);
	int r = store_stmt_run(&q);
	return r < 0 ? r : (int)sqlite3_changes64(store->db);
}

int store_slot_find_due(
	struct store *store, int64_t *ret_id, usec_t *ret_due_usec, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_FIND_DUE, err);
	int r = store_stmt_fetch(&q);
	if (r != 0)
		return r;
	int64_t id = store_stmt_read_begin(&q, "slot");
	usec_t due_usec = store_stmt_read_usec(&q);
	r = store_stmt_read_end(&q);
	if (r < 0)
		return r;
	*ret_id = id;
	*ret_due_usec = due_usec;
	return 0;
}

/* How many are due, at most max. */
static int count_due(struct store *store, usec_t wall_usec, int max, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_COUNT_DUE, err);
	store_stmt_bind_usec(&q, wall_usec);
	store_stmt_bind_int(&q, max);
	int r = store_stmt_fetch(&q);
	return r == 0 ? (int)store_stmt_read_int(&q, 0, max) : r;
}

struct due_list {
	int64_t *ids; /* borrowed from the caller */
	int n;
};

static int on_due(struct store_stmt *q, void *userdata)
{
	struct due_list *list = userdata;
	int64_t id = store_stmt_read_begin(q, "slot");

	int r = store_stmt_read_end(q);
	if (r == 0)
		list->ids[list->n++] = id;
	return r;
}

int store_slot_list_due(
	struct store *store, usec_t wall_usec, int64_t *ids, int n, struct err *err)
{
	struct due_list list = { .ids = ids };

	int count = count_due(store, wall_usec, DUE_MANY, err);
	if (count <= 0 || n <= 0)
		return MIN(count, 0);
	_cleanup_(store_stmt_close) struct store_stmt q;
	store_stmt_open(&q, store,
		count < DUE_MANY ? STORE_STMT_SLOT_LIST_DUE_FEW
				 : STORE_STMT_SLOT_LIST_DUE_MANY,
		err);
	store_stmt_bind_usec(&q, wall_usec);
	store_stmt_bind_int(&q, n);
	int r = store_stmt_each(&q, on_due, &list);
	return r < 0 ? r : list.n;
}

struct walk {
	store_slot_fn *fn;
	void *userdata;
};

static int on_row(struct store_stmt *q, void *userdata)
{
	const struct walk *walk = userdata;
	_cleanup_(store_slot_done) struct store_slot slot = { 0 };

	int r = read_slot(q, &slot);
	return r == 0 ? walk->fn(&slot, walk->userdata) : r;
}

int store_slot_each(struct store *store, const char *domain, store_slot_fn *fn,
	void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store,
		domain ? STORE_STMT_SLOT_EACH_OF : STORE_STMT_SLOT_EACH, err);
	if (domain)
		store_stmt_bind_text(&q, domain, STORE_TEXT_MAX);
	return store_stmt_each(&q, on_row, &walk);
}

struct page {
	struct walk walk;
	int n;
};

static int on_page_row(struct store_stmt *q, void *userdata)
{
	struct page *page = userdata;

	page->n++;
	return on_row(q, &page->walk);
}

int store_slot_each_after(struct store *store, const struct store_slot *last, int n,
	store_slot_fn *fn, void *userdata, struct err *err)
{
	struct page page = { .walk = { .fn = fn, .userdata = userdata } };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_EACH_AFTER, err);
	store_stmt_bind_text(&q, last ? last->domain : "", STORE_TEXT_MAX);
	store_stmt_bind_text(&q, last ? last->key_type : "", STORE_TEXT_MAX);
	store_stmt_bind_int(&q, last ? last->id : 0);
	store_stmt_bind_int(&q, n);
	int r = store_stmt_each(&q, on_page_row, &page);
	return r < 0 ? r : page.n;
}

int store_slot_count(struct store *store, struct store_slot_count *ret, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_SLOT_COUNT, err);
	int r = store_stmt_fetch(&q);
	if (r != 0)
		return r;
	*ret = (struct store_slot_count){
		.n = (unsigned)store_stmt_read_int(&q, 0, UINT_MAX),
		.n_served = (unsigned)store_stmt_read_int(&q, 0, UINT_MAX),
		.n_failed = (unsigned)store_stmt_read_int(&q, 0, UINT_MAX),
	};
	return store_stmt_read_end(&q);
}

static int run_forget(
	struct store *store, enum store_stmt_id id, usec_t wall_usec, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, id, err);
	store_stmt_bind_usec(&q, wall_usec);
	return store_stmt_run(&q);
}

static int forget_domains(struct store *store, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_DOMAIN_FORGET, err);
	return store_stmt_run(&q);
}

int store_slot_forget(struct store *store, usec_t wall_usec, struct err *err)
{
	static const enum store_stmt_id steps[] = {
		STORE_STMT_SLOT_FORGET_ORDERS,
		STORE_STMT_SLOT_FORGET_LINKS,
		STORE_STMT_SLOT_FORGET_CERTIFICATES,
		STORE_STMT_SLOT_FORGET,
	};

	int r = store_begin(store, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
		r = run_forget(store, steps[i], wall_usec, err);
	/* A look at each domain: only when a slot has gone just now. */
	if (r == 0 && sqlite3_changes64(store->db) > 0)
		r = forget_domains(store, err);
	return store_finish(store, r, err);
}
