/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "tests/lib/test.h"
#include "util/map.h"

static void test_set_find_remove(void **state)
{
	_cleanup_(map_freep) struct map *map = map_new();
	int a = 1, b = 2;
	char key[] = "k";

	assert_null(map_find(map, "k"));
	assert_null(map_set(map, key, &a));
	key[0] = 'x'; /* the map has a copy */
	assert_ptr_equal(map_find(map, "k"), &a);
	assert_ptr_equal(map_set(map, "k", &b), &a);
	assert_int_equal(map_count(map), 1);
	assert_ptr_equal(map_remove(map, "k"), &b);
	assert_null(map_remove(map, "k"));
	assert_null(map_find(map, "k"));
	assert_int_equal(map_count(map), 0);
	assert_null(map_free(NULL));
}

#define N 1000

static void format_key(char *buf, size_t size, int i)
{
	snprintf(buf, size, "name-%d.example.org", i);
}

static void test_many(void **state)
{
	_cleanup_(map_freep) struct map *map = map_new();
	static int values[N];
	char key[64];

	for (int i = 0; i < N; i++) {
		format_key(key, sizeof(key), i);
		values[i] = i;
		assert_null(map_set(map, key, &values[i]));
	}
	assert_int_equal(map_count(map), N);
	for (int i = 0; i < N; i += 2) {
		format_key(key, sizeof(key), i);
		assert_ptr_equal(map_remove(map, key), &values[i]);
	}
	for (int i = 0; i < N; i++) {
		format_key(key, sizeof(key), i);
		assert_ptr_equal(map_find(map, key), i % 2 ? &values[i] : NULL);
	}
}

/* Marks of removed entries must not fill the map, nor make it grow for ever. */
static void test_churn(void **state)
{
	_cleanup_(map_freep) struct map *map = map_new();
	int v = 1;
	char key[64];

	for (int i = 0; i < 20 * N; i++) {
		format_key(key, sizeof(key), i);
		map_set(map, key, &v);
		assert_ptr_equal(map_remove(map, key), &v);
		assert_null(map_find(map, key));
	}
	assert_int_equal(map_count(map), 0);
}

static void test_iterate_and_remove(void **state)
{
	_cleanup_(map_freep) struct map *map = map_new();
	int seen[100] = { 0 };
	char buf[64];
	const char *key;
	size_t pos;
	int *value;

	for (int i = 0; i < 100; i++) {
		format_key(buf, sizeof(buf), i);
		map_set(map, buf, &seen[i]);
	}
	map_foreach(map, pos, key, value) {
		(*value)++;
		if ((value - seen) % 3 == 0)
			assert_ptr_equal(map_remove(map, key), value);
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(map_count(map), 66);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_find_remove),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_iterate_and_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
