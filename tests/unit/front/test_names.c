/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/names.h"
#include "tests/lib/test.h"

static const struct hash_key key = { .k = "0123456789abcde" };

static uint64_t hash_of(const char *name)
{
	return hash_bytes(&key, name, strlen(name));
}

static const struct {
	const char *name;
	const char *resolved; /* NULL: unknown */
} cases[] = {
	{ "mail.example.org", "mail.example.org" },
	{ "example.org", NULL },
	{ "a.wild.test", "*.wild.test" },
	{ "b.a.wild.test", NULL },
	{ "wild.test", NULL },
	/* Served both ways: its own certificate goes first. */
	{ "own.wild.test", "own.wild.test" },
	{ "localhost", NULL },
	{ "", NULL },
};

static void test_resolve(void **state)
{
	struct names names;

	names_init(&names, &key);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char resolved[DNAME_MAX + 1];
		assert_false(names_resolve(&names, cases[i].name, resolved));
	}
	names_add(&names, hash_of("mail.example.org"));
	names_add(&names, hash_of("*.wild.test"));
	names_add(&names, hash_of("own.wild.test"));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char resolved[DNAME_MAX + 1];
		test_case(cases[i].name);
		bool is_known = names_resolve(&names, cases[i].name, resolved);
		assert_int_equal(is_known, cases[i].resolved != NULL);
		if (is_known)
			assert_string_equal(resolved, cases[i].resolved);
	}
	names_reset(&names);
	char resolved[DNAME_MAX + 1];
	assert_false(names_resolve(&names, "mail.example.org", resolved));
	names_done(&names);
}

static void test_longest(void **state)
{
	char name[DNAME_MAX + 1], resolved[DNAME_MAX + 1];
	struct names names;

	memset(name, 'a', DNAME_MAX);
	for (int i = 1; i < DNAME_MAX; i += 2)
		name[i] = '.';
	name[DNAME_MAX] = '\0';
	char *wildcard = strdup(name);
	wildcard[0] = '*';
	names_init(&names, &key);
	names_add(&names, hash_of(wildcard));
	assert_true(names_resolve(&names, name, resolved));
	assert_string_equal(resolved, wildcard);
	free(wildcard);
	names_done(&names);
}

/* Hashes that all want the same few slots, and zero. */
static void test_collisions(void **state)
{
	struct names names;

	names_init(&names, &key);
	for (uint64_t round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < 40; i++)
			names_add(&names, i << 32 | (i % 3 ? 63 : 62));
		names_add(&names, 0);
		names_add(&names, 0);
		assert_int_equal(names.count, 41);
		for (uint64_t i = 0; i < 40; i += 2)
			names_drop(&names, i << 32 | (i % 3 ? 63 : 62));
		assert_int_equal(names.count, 21);
		/* Adding what is there changes nothing: so it was found. */
		for (uint64_t i = 1; i < 40; i += 2)
			names_add(&names, i << 32 | (i % 3 ? 63 : 62));
		assert_int_equal(names.count, 21);
		names_drop(&names, 0);
		assert_int_equal(names.count, 20);
	}
	names_done(&names);
}

static void test_many(void **state)
{
	enum { N = 200000 };

	char name[64], resolved[DNAME_MAX + 1];
	struct names names;

	names_init(&names, &key);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "mail.domain-%d.test", i);
		names_add(&names, hash_of(name));
	}
	assert_int_equal(names.count, N);
	assert_true(names.size * sizeof(uint64_t) <= 8u * 1024 * 1024);
	for (int i = 0; i < N; i += 2) {
		snprintf(name, sizeof(name), "mail.domain-%d.test", i);
		names_drop(&names, hash_of(name));
	}
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "mail.domain-%d.test", i);
		assert_int_equal(names_resolve(&names, name, resolved), i % 2);
	}
	names_done(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
