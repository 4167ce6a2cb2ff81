/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The nonces that a CA has handed out (RFC 8555 6.5): each is used once, the newest
 * first, and one that has been seen before is not taken again. */
#pragma once

#include <stdbool.h>

#include "util/macro.h"

#define NONCE_BYTES_MAX 512

struct nonce_pool {
	struct nonce_pool_slot {
		char *value; /* owned; NULL = never filled */
		bool is_used;
	} * slot; /* owned ring */

	unsigned n_slots;
	unsigned next;
};

void nonce_pool_init(struct nonce_pool *pool, unsigned n_slots);
void nonce_pool_done(struct nonce_pool *pool);

/* False: not a nonce (empty, too long, not base64url), or seen before. */
bool nonce_pool_add(struct nonce_pool *pool, const char *nonce);
/* The newest unused one, as a copy owned by the caller; NULL when there is none. */
char *nonce_pool_take(struct nonce_pool *pool);
/* Takes that very one. False: it is not there, or used. */
bool nonce_pool_claim(struct nonce_pool *pool, const char *nonce);
/* Gives one back that was taken and never sent. */
void nonce_pool_give_back(struct nonce_pool *pool, const char *nonce);
