/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See quota.h. A set of names is known by a hash in the ledger: it may be long. */
#include "core/wanted/quota.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/wanted/suffixes.h"
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

struct quota {
	struct quota_params in;
	struct quota_rows domain_rows, set_rows;
	struct map *domains;       /* owned; name → index in domain_rows, plus one */
	struct map *sets;          /* owned; hash → the same in set_rows */
	struct map *seen;          /* owned; hashes whose first entry was counted */
	struct suffixes *suffixes; /* owned */
	size_t phase;
	size_t i_entry; /* of the plan, the next in this phase */
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
	struct quota *q, const struct plan_entry *e, const struct quota_row *set)
{
	_cleanup_(strv_freep) char **domains =
		suffixes_list_registered(q->suffixes, e->slot.names);
	bool is_renewal =
		e->is_renewal || set->n_counted > 0 || set->n_new + set->n_renewals > 1;

	for (size_t i = 0; domains && domains[i]; i++)
		count_row(get_row(&q->domain_rows, q->domains, domains[i], domains[i]),
			is_renewal);
}

static int on_domain(const char *scope, int64_t count, void *userdata)
{
	const struct quota *q = userdata;
	struct quota_row *row = find_row(&q->domain_rows, q->domains, scope);

	if (row)
		row->n_counted = count;
	return 0;
}

static int on_set(const char *scope, int64_t count, void *userdata)
{
	const struct quota *q = userdata;
	struct quota_row *row = find_row(&q->set_rows, q->sets, scope);

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

/* --- step by step ------------------------------------------------------------------------ */

static int load_counts(
	struct quota *q, const char *kind, store_ledger_fn *fn, struct err *err)
{
	const struct store_ledger_range range = { q->in.directory, kind,
		q->in.since_usec };

	return store_ledger_each_scope(q->in.store, &range, fn, q, err);
}

/* The next entry that orders at this authority; NULL: there is none. */
static const struct plan_entry *next_order(struct quota *q)
{
	while (q->i_entry < q->in.plan->n) {
		const struct plan_entry *e = &q->in.plan->entry[q->i_entry++];

		if (e->needs_order && strcmp(e->authority, q->in.authority) == 0)
			return e;
	}
	q->i_entry = 0;
	return NULL;
}

static int count_set(struct quota *q, struct err *err)
{
	const struct plan_entry *e = next_order(q);

	if (!e)
		return 0;
	_cleanup_(freep) char *key = format_set(e->slot.names);
	count_row(get_row(&q->set_rows, q->sets, key, e->slot.names), e->is_renewal);
	return 1;
}

static int load_sets(struct quota *q, struct err *err)
{
	return load_counts(q, LEDGER_SET, on_set, err);
}

/* The first of several with the same names is new, if anything is; sets are known. */
static int count_domain(struct quota *q, struct err *err)
{
	const struct plan_entry *e = next_order(q);

	if (!e)
		return 0;
	_cleanup_(freep) char *key = format_set(e->slot.names);
	const struct quota_row *set = find_row(&q->set_rows, q->sets, key);
	struct quota_row first = {
		.n_counted = set->n_counted,
		.n_new = map_set(q->seen, key, q) ? 2 : 1,
	};
	count_domains(q, e, &first);
	return 1;
}

static int load_domains(struct quota *q, struct err *err)
{
	return load_counts(q, LEDGER_CERTIFICATE, on_domain, err);
}

static int sort_all(struct quota *q, struct err *err)
{
	drop_single_sets(&q->set_rows);
	sort_rows(&q->domain_rows);
	sort_rows(&q->set_rows);
	return 0;
}

typedef int phase_fn(struct quota *quota, struct err *err);

int quota_step(struct quota *q, struct err *err)
{
	static phase_fn *const phases[] = {
		count_set,
		load_sets,
		count_domain,
		load_domains,
		sort_all,
	};

	if (q->phase == ARRAY_SIZE(phases))
		return 0;
	int r = phases[q->phase](q, err);
	if (r == 0)
		q->phase++;
	return r < 0 ? r : 1;
}

/* --- the object ---------------------------------------------------------------------------- */

const struct quota_rows *quota_get_domains(const struct quota *q)
{
	return &q->domain_rows;
}

const struct quota_rows *quota_get_sets(const struct quota *q)
{
	return &q->set_rows;
}

struct quota *quota_new(const struct quota_params *params)
{
	struct quota *q = xnew(struct quota);

	q->in = *params;
	q->suffixes = suffixes_new();
	q->domains = map_new();
	q->sets = map_new();
	q->seen = map_new();
	return q;
}

static void rows_done(struct quota_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		free(rows->row[i].name);
	free(rows->row);
}

struct quota *quota_free(struct quota *q)
{
	if (!q)
		return NULL;
	rows_done(&q->domain_rows);
	rows_done(&q->set_rows);
	map_free(q->domains);
	map_free(q->sets);
	map_free(q->seen);
	suffixes_free(q->suffixes);
	free(q);
	return NULL;
}
