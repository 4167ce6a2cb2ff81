/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A set of names as the workers know it: their hashes, sorted, each once. */
#pragma once

#include <stddef.h>

#include "util/hash.h"

struct nameset {
	const struct hash_key *key; /* borrowed */
	uint64_t *hash;             /* owned */
	size_t n, size;
};

void nameset_init(struct nameset *set, const struct hash_key *key);
void nameset_done(struct nameset *set);
/* Unsorted until nameset_sort. The form of the callback of fleet_names_fn. */
void nameset_add(const char *name, void *set);
void nameset_sort(struct nameset *set);
/* What is in a and not in b; both are sorted, and so is the result. */
void nameset_subtract(
	const struct nameset *a, const struct nameset *b, struct nameset *ret);
