/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The contexts that a worker holds: bounded, the least recently used goes first. An entry
 * is a name with up to two contexts, by kind of key. A session keeps its own reference:
 * to replace or to drop an entry touches no session.
 */
#pragma once

#include "pki/tls_context.h"

struct cache;

struct cache *cache_new(size_t max_contexts);
struct cache *cache_free(struct cache *cache);
DEFINE_CLEANUP(struct cache *, cache_free)

/* The context for a client that can do that (LINK_CLIENT_), borrowed; NULL: not cached.
 * Who takes both kinds gets ECDSA, and RSA only where it is known that there is nothing
 * else. */
struct tls_context *cache_find(struct cache *cache, const char *name, unsigned client);
/* Takes a reference. `asked` is what the client of a look-up could do (what it was not
 * given is then known not to exist), 0 for a pushed context. */
void cache_put(struct cache *cache, const char *name, struct tls_context *context,
	unsigned asked);
void cache_drop(struct cache *cache, const char *name);
size_t cache_count(const struct cache *cache); /* contexts */
