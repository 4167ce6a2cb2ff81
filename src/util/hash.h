/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SipHash-2-4, 64 bits: the hash of util/map.h and of the front's set of names. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_KEY_BYTES 16

struct hash_key {
	uint8_t k[HASH_KEY_BYTES];
};

/* From the kernel's random source; aborts when there is none. */
void hash_key_random(struct hash_key *key);
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);
