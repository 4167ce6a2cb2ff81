/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A ring that remembers used nonces beside the unused ones: a CA, or a cache between
 * us, that repeats an answer must not make us send a nonce twice. An old nonce is the
 * likelier to have been forgotten by the CA, so the newest goes out first.
 */
#include "acme/nonce_pool.h"

#include <string.h>

#include "acme/syntax.h"
#include "util/mem.h"

void nonce_pool_init(struct nonce_pool *pool, unsigned n_slots)
{
	*pool = (struct nonce_pool){
		.slot = xnew_array(struct nonce_pool_slot, n_slots),
		.n_slots = n_slots,
	};
}

void nonce_pool_done(struct nonce_pool *pool)
{
	for (unsigned i = 0; i < pool->n_slots; i++)
		free(pool->slot[i].value);
	free(pool->slot);
	*pool = (struct nonce_pool){};
}

static struct nonce_pool_slot *find_slot(struct nonce_pool *pool, const char *nonce)
{
	for (unsigned i = 0; i < pool->n_slots; i++) {
		struct nonce_pool_slot *slot = &pool->slot[i];

		if (slot->value && strcmp(slot->value, nonce) == 0)
			return slot;
	}
	return NULL;
}

bool nonce_pool_add(struct nonce_pool *pool, const char *nonce)
{
	if (!syntax_is_base64url(nonce, NONCE_BYTES_MAX) || find_slot(pool, nonce))
		return false;
	struct nonce_pool_slot *slot = &pool->slot[pool->next];

	xstrset(&slot->value, nonce);
	slot->is_used = false;
	pool->next = (pool->next + 1) % pool->n_slots;
	return true;
}

char *nonce_pool_take(struct nonce_pool *pool)
{
	for (unsigned back = 1; back <= pool->n_slots; back++) {
		struct nonce_pool_slot *slot =
			&pool->slot[(pool->next + pool->n_slots - back) %
				    pool->n_slots];

		if (!slot->value || slot->is_used)
			continue;
		slot->is_used = true;
		return xstrdup(slot->value);
	}
	return NULL;
}

bool nonce_pool_claim(struct nonce_pool *pool, const char *nonce)
{
	struct nonce_pool_slot *slot = find_slot(pool, nonce);

	if (!slot || slot->is_used)
		return false;
	slot->is_used = true;
	return true;
}

void nonce_pool_give_back(struct nonce_pool *pool, const char *nonce)
{
	struct nonce_pool_slot *slot = find_slot(pool, nonce);

	if (slot)
		slot->is_used = false;
}
