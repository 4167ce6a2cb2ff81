/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The set of all names that are served, as 64-bit keyed hashes: an unknown name is
 * settled here and costs the manager nothing. Hundreds of thousands of names are a few
 * megabytes. A false "known" (2^-64 by chance) costs one look-up.
 */
#pragma once

#include <stdbool.h>

#include "util/dname.h"
#include "util/hash.h"
#include "util/macro.h"

struct names {
	struct hash_key key;
	uint64_t *slots; /* owned; open addressing; 0 = free */
	size_t size;     /* 0 or a power of two */
	size_t count;
};

/* Empties it and sets the key. */
void names_init(struct names *names, const struct hash_key *key);
void names_done(struct names *names);
void names_reset(struct names *names);
void names_add(struct names *names, uint64_t hash);
void names_drop(struct names *names, uint64_t hash);

/* Under which name is `name` (normalised) served: itself, or the wildcard that covers
 * it? Writes it to key (DNAME_MAX + 1 octets). False: unknown. */
bool names_resolve(const struct names *names, const char *name, char *key);
