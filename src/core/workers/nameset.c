/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See nameset.h. */
#include "core/workers/nameset.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define FIRST_SIZE 256

void nameset_init(struct nameset *set, const struct hash_key *key)
{
	*set = (struct nameset){ .key = key };
}

void nameset_done(struct nameset *set)
{
	free(set->hash);
	*set = (struct nameset){ 0 };
}

void nameset_add(const char *name, void *userdata)
{
	struct nameset *set = userdata;

	if (set->n == set->size) {
		set->size = set->size ? set->size * 2 : FIRST_SIZE;
		set->hash = xreallocarray(set->hash, set->size, sizeof(*set->hash));
	}
	set->hash[set->n++] = hash_bytes(set->key, name, strlen(name));
}

static int compare_hashes(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void nameset_sort(struct nameset *set)
{
	size_t n = 0;

	if (set->n > 0)
		qsort(set->hash, set->n, sizeof(*set->hash), compare_hashes);
	for (size_t i = 0; i < set->n; i++)
		if (i == 0 || set->hash[i] != set->hash[i - 1])
			set->hash[n++] = set->hash[i];
	set->n = n;
}

void nameset_subtract(
	const struct nameset *a, const struct nameset *b, struct nameset *ret)
{
	size_t k = 0;

	*ret = (struct nameset){ .hash = xnew_array(uint64_t, a->n + 1) };
	for (size_t i = 0; i < a->n; i++) {
		while (k < b->n && b->hash[k] < a->hash[i])
			k++;
		if (k == b->n || b->hash[k] != a->hash[i])
			ret->hash[ret->n++] = a->hash[i];
	}
}
