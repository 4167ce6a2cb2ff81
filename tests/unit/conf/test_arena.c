/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "conf/arena.h"
#include "tests/lib/test.h"

static void test_pieces_do_not_overlap(void **state)
{
	struct arena arena = { 0 };
	char *piece[500];

	for (size_t i = 0; i < 500; i++) {
		size_t size = i * 37 % 4001 + 1;
		piece[i] = arena_alloc(&arena, size);
		assert_int_equal((uintptr_t)piece[i] % 16, 0);
		for (size_t j = 0; j < size; j++)
			assert_int_equal(piece[i][j], 0);
		memset(piece[i], (int)(i % 255) + 1, size);
	}
	for (size_t i = 0; i < 500; i++)
		assert_int_equal((unsigned char)piece[i][0], i % 255 + 1);
	arena_done(&arena);
	assert_null(arena.chunk);
}

static void test_copy_is_terminated(void **state)
{
	struct arena arena = { 0 };

	assert_string_equal(arena_copy(&arena, "abcdef", 3), "abc");
	assert_string_equal(arena_copy(&arena, "", 0), "");
	assert_string_equal(arena_copy(&arena, NULL, 0), "");
	arena_done(&arena);
}

static void test_large_piece(void **state)
{
	struct arena arena = { 0 };
	char *piece = arena_alloc(&arena, 1000000);

	memset(piece, 1, 1000000);
	arena_done(&arena);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_do_not_overlap),
		cmocka_unit_test(test_copy_is_terminated),
		cmocka_unit_test(test_large_piece),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
