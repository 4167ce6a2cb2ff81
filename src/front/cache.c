/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A map by name and a list by use, newest last. */
#include "front/cache.h"

#include "link/message.h"
#include "util/list.h"
#include "util/map.h"
#include "util/mem.h"

struct entry {
	struct list by_use;
	char *name;                /* owned */
	struct tls_context *ecdsa; /* a reference; or NULL */
	struct tls_context *rsa;   /* a reference; or NULL */
	bool has_no_ecdsa; /* the manager gave RSA to a client that takes both */
};

struct cache {
	struct map *entries; /* owned, with what is in it */
	struct list by_use;
	size_t n_contexts;
	size_t max_contexts;
};

struct cache *cache_new(size_t max_contexts)
{
	struct cache *cache = xnew(struct cache);

	cache->entries = map_new();
	list_init(&cache->by_use);
	cache->max_contexts = MAX(max_contexts, (size_t)1);
	return cache;
}

static void set_context(
	struct cache *cache, struct tls_context **slot, struct tls_context *context)
{
	struct tls_context *old = *slot;

	*slot = context ? tls_context_ref(context) : NULL;
	cache->n_contexts += (context != NULL) - (old != NULL);
	tls_context_unref(old);
}

static void free_entry(struct cache *cache, struct entry *entry)
{
	set_context(cache, &entry->ecdsa, NULL);
	set_context(cache, &entry->rsa, NULL);
	list_remove(&entry->by_use);
	map_remove(cache->entries, entry->name);
	free(entry->name);
	free(entry);
}

struct cache *cache_free(struct cache *cache)
{
	struct entry *entry, *tmp;

	if (!cache)
		return NULL;
	list_foreach_safe(entry, tmp, &cache->by_use, by_use)
		free_entry(cache, entry);
	map_free(cache->entries);
	free(cache);
	return NULL;
}

static struct tls_context *pick(const struct entry *entry, unsigned client)
{
	if (client & LINK_CLIENT_ECDSA && entry->ecdsa)
		return entry->ecdsa;
	if (!(client & LINK_CLIENT_RSA))
		return NULL;
	if (client & LINK_CLIENT_ECDSA && !entry->has_no_ecdsa)
		return NULL;
	return entry->rsa;
}

static void touch(struct cache *cache, struct entry *entry)
{
	list_remove(&entry->by_use);
	list_append(&cache->by_use, &entry->by_use);
}

struct tls_context *cache_find(struct cache *cache, const char *name, unsigned client)
{
	struct entry *entry = map_find(cache->entries, name);

	if (!entry)
		return NULL;
	touch(cache, entry);
	return pick(entry, client);
}

static struct entry *find_or_add(struct cache *cache, const char *name)
{
	struct entry *entry = map_find(cache->entries, name);

	if (entry)
		return entry;
	entry = xnew(struct entry);
	entry->name = xstrdup(name);
	list_init(&entry->by_use);
	map_set(cache->entries, name, entry);
	return entry;
}

void cache_put(struct cache *cache, const char *name, struct tls_context *context,
	unsigned asked)
{
	struct entry *entry = find_or_add(cache, name);

	touch(cache, entry);
	if (!tls_context_is_rsa(context)) {
		set_context(cache, &entry->ecdsa, context);
		entry->has_no_ecdsa = false;
	} else {
		set_context(cache, &entry->rsa, context);
		if (asked & LINK_CLIENT_ECDSA)
			entry->has_no_ecdsa = true;
	}
	while (cache->n_contexts > cache->max_contexts) {
		struct entry *oldest =
			list_entry(cache->by_use.next, struct entry, by_use);
		if (oldest == entry)
			break;
		free_entry(cache, oldest);
	}
}

void cache_drop(struct cache *cache, const char *name)
{
	struct entry *entry = map_find(cache->entries, name);

	if (entry)
		free_entry(cache, entry);
}

size_t cache_count(const struct cache *cache)
{
	return cache->n_contexts;
}
