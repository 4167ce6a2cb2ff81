/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See quota.h. A set of names is known by a hash in the ledger: it may be long. */
#include "core/quota.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/suffixes.h"
#include "store/ledger.h"
#include "util/hash.h"
#include "util/map.h"
#include "util/mem.h"

#define LEDGER_CERTIFICATE "certificate" /* scope: a registered domain */
#define LEDGER_SET         "set"         /* scope: the hash of sorted names */

static char *format_set(const char *names)
{
	static const struct hash_key key = { { 0 } };

	return xasprintf("%016" PRIx64, hash_bytes(&key, names, strlen(names)));
}

static bool has_common_word(const char *a, const char *b)
{
	_cleanup_(strv_freep) char **words = strv_split(a);
	_cleanup_(strv_freep) char **others = strv_split(b);

	for (size_t i = 0; words && words[i]; i++)
		if (strv_contains(others, words[i]))
			return true;
	return false;
}

bool quota_is_renewal(const struct store_certificate *before, const char *directory,
	const char *names)
{
	return before->id > 0 && strcmp(before->authority, directory) == 0 &&
	       has_common_word(before->names, names);
}

/* --- what was issued ------------------------------------------------------------------- */

int quota_save(struct store *store, const struct quota_issued *issued, struct err *err)
{
	_cleanup_(suffixes_freep) struct suffixes *suffixes = suffixes_new();
	_cleanup_(strv_freep) char **domains =
		suffixes_list_registered(suffixes, issued->names);
	_cleanup_(freep) char *set = format_set(issued->names);
	int64_t n_same = store_ledger_get_count(store, issued->directory, LEDGER_SET,
		set, usec_sub(issued->at_usec, STORE_LEDGER_KEEP_USEC), err);
	int r = n_same < 0 ? (int)n_same : 0;

	if (r == 0)
		r = store_ledger_count(store, issued->directory, LEDGER_SET, set,
			issued->at_usec, err);
	if (issued->is_renewal || n_same > 0)
		return r;
	for (size_t i = 0; r >= 0 && domains && domains[i]; i++)
		r = store_ledger_count(store, issued->directory, LEDGER_CERTIFICATE,
			domains[i], issued->at_usec, err);
	return r;
}

/* --- what a plan would take ------------------------------------------------------------- */

struct counting {
	struct quota *quota;
	struct map *domains; /* name → index in quota->domains, plus one */
	struct map *sets;    /* hash → the same in quota->sets */
	struct suffixes *suffixes;
};

static struct quota_row *get_row(
	struct quota_rows *rows, struct map *index, const char *key, const char *name)
{
	uintptr_t i = (uintptr_t)map_find(index, key);

	if (i > 0)
		return &rows->row[i - 1];
	if ((rows->n & (rows->n - 1)) == 0)
		rows->row = xreallocarray(
			rows->row, MAX(rows->n * 2, (size_t)1), sizeof(*rows->row));
	rows->row[rows->n] = (struct quota_row){ .name = xstrdup(name) };
	map_set(index, key, (void *)(uintptr_t)++rows->n);
	return &rows->row[rows->n - 1];
}

static struct quota_row *find_row(
	const struct quota_rows *rows, const struct map *index, const char *key)
{
	uintptr_t i = (uintptr_t)map_find(index, key);

	return i > 0 ? &rows->row[i - 1] : NULL;
}

static void count_row(struct quota_row *row, bool is_renewal)
{
	if (is_renewal)
		row->n_renewals++;
	else
		row->n_new++;
}

static void count_domains(
	struct counting *c, const struct plan_entry *e, const struct quota_row *set)
{
	_cleanup_(strv_freep) char **domains =
		suffixes_list_registered(c->suffixes, e->slot.names);
	bool is_renewal =
		e->is_renewal || set->n_counted > 0 || set->n_new + set->n_renewals > 1;

	for (size_t i = 0; domains && domains[i]; i++)
		count_row(
			get_row(&c->quota->domains, c->domains, domains[i], domains[i]),
			is_renewal);
}

static bool is_ordered(const struct quota_params *p, const struct plan_entry *e)
{
	return e->needs_order && strcmp(e->authority, p->authority) == 0;
}

static void count_sets(struct counting *c, const struct quota_params *p)
{
	for (size_t i = 0; i < p->plan->n; i++) {
		const struct plan_entry *e = &p->plan->entry[i];
		if (!is_ordered(p, e))
			continue;
		_cleanup_(freep) char *key = format_set(e->slot.names);
		count_row(get_row(&c->quota->sets, c->sets, key, e->slot.names),
			e->is_renewal);
	}
}

/* The first of several with the same names is new, if anything is; sets are known. */
static void count_all_domains(struct counting *c, const struct quota_params *p)
{
	_cleanup_(map_freep) struct map *seen = map_new();

	for (size_t i = 0; i < p->plan->n; i++) {
		const struct plan_entry *e = &p->plan->entry[i];
		if (!is_ordered(p, e))
			continue;
		_cleanup_(freep) char *key = format_set(e->slot.names);
		const struct quota_row *set = find_row(&c->quota->sets, c->sets, key);
		struct quota_row first = {
			.n_counted = set->n_counted,
			.n_new = map_set(seen, key, seen) ? 2 : 1,
		};
		count_domains(c, e, &first);
	}
}

static int on_domain(const char *scope, int64_t count, void *userdata)
{
	const struct counting *c = userdata;
	struct quota_row *row = find_row(&c->quota->domains, c->domains, scope);

	if (row)
		row->n_counted = count;
	return 0;
}

static int on_set(const char *scope, int64_t count, void *userdata)
{
	const struct counting *c = userdata;
	struct quota_row *row = find_row(&c->quota->sets, c->sets, scope);

	if (row)
		row->n_counted = count;
	return 0;
}

static int64_t get_total(const struct quota_row *row)
{
	return (int64_t)(row->n_new + row->n_renewals) + row->n_counted;
}

static int compare_rows(const void *a, const void *b)
{
	const struct quota_row *x = a, *y = b;
	int64_t nx = (int64_t)x->n_new + x->n_counted;
	int64_t ny = (int64_t)y->n_new + y->n_counted;

	return nx != ny ? (nx < ny) - (nx > ny) : strcmp(x->name, y->name);
}

static void sort_rows(struct quota_rows *rows)
{
	if (rows->n > 0)
		qsort(rows->row, rows->n, sizeof(*rows->row), compare_rows);
}

static void drop_single_sets(struct quota_rows *sets)
{
	size_t n = 0;

	for (size_t i = 0; i < sets->n; i++) {
		if (get_total(&sets->row[i]) > 1)
			sets->row[n++] = sets->row[i];
		else
			free(sets->row[i].name);
	}
	sets->n = n;
}

int quota_load(struct quota *ret, const struct quota_params *p, struct err *err)
{
	_cleanup_(suffixes_freep) struct suffixes *suffixes = suffixes_new();
	_cleanup_(map_freep) struct map *domains = map_new();
	_cleanup_(map_freep) struct map *sets = map_new();
	struct counting c = { ret, domains, sets, suffixes };

	*ret = (struct quota){ 0 };
	count_sets(&c, p);
	int r = store_ledger_each_scope(p->store,
		&(struct store_ledger_range){ p->directory, LEDGER_SET, p->since_usec },
		on_set, &c, err);
	if (r >= 0) {
		count_all_domains(&c, p);
		r = store_ledger_each_scope(p->store,
			&(struct store_ledger_range){
				p->directory, LEDGER_CERTIFICATE, p->since_usec },
			on_domain, &c, err);
	}
	if (r < 0) {
		quota_done(ret);
		return r;
	}
	drop_single_sets(&ret->sets);
	sort_rows(&ret->domains);
	sort_rows(&ret->sets);
	return 0;
}

static void rows_done(struct quota_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		free(rows->row[i].name);
	free(rows->row);
	*rows = (struct quota_rows){ 0 };
}

void quota_done(struct quota *quota)
{
	rows_done(&quota->domains);
	rows_done(&quota->sets);
}
