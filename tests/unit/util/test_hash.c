/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/lib/test.h"
#include "util/hash.h"
#include "util/macro.h"

/* From the paper's appendix and the reference code's vectors: key 00 01 … 0f, input 00
 * 01 … of this length. */
static const struct {
	size_t len;
	uint64_t hash;
} vectors[] = {
	{ 0, UINT64_C(0x726fdb47dd0e0e31) },
	{ 1, UINT64_C(0x74f839c593dc67fd) },
	{ 7, UINT64_C(0xab0200f58b01d137) },
	{ 8, UINT64_C(0x93f5f5799a932462) },
	{ 15, UINT64_C(0xa129ca6149be45e5) },
	{ 63, UINT64_C(0x958a324ceb064572) },
};

static void test_vectors(void **state)
{
	struct hash_key key;
	uint8_t data[64];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	memcpy(key.k, data, sizeof(key.k));
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
		assert_int_equal(
			hash_bytes(&key, data, vectors[i].len), vectors[i].hash);
}

static void test_random_keys_differ(void **state)
{
	struct hash_key a, b;

	hash_key_random(&a);
	hash_key_random(&b);
	assert_memory_not_equal(a.k, b.k, sizeof(a.k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_random_keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
