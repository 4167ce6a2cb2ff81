/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of names as hashes: what two of them differ by. */
#include <stdlib.h>
#include <string.h>

#include "core/workers/nameset.h"
#include "tests/lib/test.h"
#include "util/mem.h"

#define MANY 10000

static const struct hash_key key = { 0 };

/* Names are the letters of the text. */
static void fill(struct nameset *set, const char *text)
{
	nameset_init(set, &key);
	for (; *text; text++) {
		const char name[] = { *text, '\0' };

		nameset_add(name, set);
	}
	nameset_sort(set);
}

static bool has(const struct nameset *set, char letter)
{
	uint64_t hash = hash_bytes(&key, &letter, 1);

	for (size_t i = 0; i < set->n; i++)
		if (set->hash[i] == hash)
			return true;
	return false;
}

/* clang-format off */
static const struct row {
	const char *a, *b, *difference;
} rows[] = {
	{ "", "", "" },        { "abc", "", "abc" },  { "", "abc", "" },
	{ "abc", "abc", "" },  { "abc", "b", "ac" },  { "abc", "xyz", "abc" },
	{ "cba", "abc", "" },  { "abc", "abcd", "" }, { "abcd", "abc", "d" },
	{ "aab", "b", "a" },   { "ab", "bbb", "a" },  { "aaaa", "a", "" },
	{ "zyxwv", "vxz", "yw" },
};

/* clang-format on */

static void test_subtract(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct nameset a, b, c;

		test_case(row->a);
		fill(&a, row->a);
		fill(&b, row->b);
		nameset_subtract(&a, &b, &c);
		assert_int_equal(c.n, strlen(row->difference));
		for (const char *p = row->difference; *p; p++)
			assert_true(has(&c, *p));
		nameset_done(&a);
		nameset_done(&b);
		nameset_done(&c);
	}
}

/* Each once, in order, however many times and in whatever order they came. */
static void test_sort(void **state)
{
	struct nameset set;

	nameset_init(&set, &key);
	nameset_sort(&set);
	assert_int_equal(set.n, 0);
	for (unsigned i = 0; i < 3 * MANY; i++) {
		_cleanup_(freep) char *name = xasprintf("n%u.test", i * 7 % MANY);
		nameset_add(name, &set);
	}
	nameset_sort(&set);
	assert_int_equal(set.n, MANY);
	for (size_t i = 1; i < set.n; i++)
		assert_true(set.hash[i - 1] < set.hash[i]);
	nameset_sort(&set);
	assert_int_equal(set.n, MANY);
	nameset_done(&set);
	assert_null(set.hash);
	assert_int_equal(set.n, 0);
}

/* What is unknown to one worker is not to be guessed by who knows another's hashes. */
static void test_keys_differ(void **state)
{
	struct hash_key other;
	struct nameset a, b, c;

	hash_key_random(&other);
	nameset_init(&a, &key);
	nameset_init(&b, &other);
	nameset_add("a.test", &a);
	nameset_add("a.test", &b);
	nameset_subtract(&a, &b, &c);
	assert_int_equal(c.n, 1);
	nameset_done(&a);
	nameset_done(&b);
	nameset_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subtract),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
