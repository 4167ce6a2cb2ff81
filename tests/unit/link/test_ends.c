/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "link/ends.h"
#include "tests/lib/test.h"
#include "util/mem.h"

static struct frame_view view_of(struct frame *frame)
{
	return (struct frame_view){
		.fields = (const uint8_t *)frame->fields.data,
		.len = frame->fields.len,
	};
}

static void test_names(void **state)
{
	for (size_t i = 0; i < _LINK_END_MAX; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(link_end_names[i], link_end_names[k]);
}

static void test_round_trip(void **state)
{
	struct link_ends in = { .listener = (char *)"imaps" }, out;
	struct frame frame;

	for (size_t i = 0; i < _LINK_END_MAX; i++)
		in.count[i] = UINT64_MAX - i;
	frame_init(&frame, 1, 0);
	link_ends_pack(&in, &frame);
	struct frame_view view = view_of(&frame);
	assert_int_equal(link_ends_unpack(&view, &out, NULL), 0);
	assert_string_equal(out.listener, "imaps");
	assert_memory_equal(out.count, in.count, sizeof(in.count));
	link_ends_done(&out);
	frame_done(&frame);
}

static const struct {
	const char *name;
	const char *listener; /* NULL: not said */
	size_t n_octets;      /* of counts, each 1; SIZE_MAX: none */
	int r;
	uint64_t last; /* the last count that is read */
} cases[] = {
	{ "of an earlier version", "imaps", 8, 0, 0 },
	{ "of a later version", "imaps", 8 * (_LINK_END_MAX + 3), 0,
		0x0101010101010101 },
	{ "none", "imaps", 0, 0, 0 },
	{ "without a listener", NULL, 8, -EPROTO, 0 },
	{ "without counts", "imaps", SIZE_MAX, -EPROTO, 0 },
	{ "half a count", "imaps", 12, -EPROTO, 0 },
	{ "far too many", "imaps", 8 * 1025, -EPROTO, 0 },
};

static void test_from_outside(void **state)
{
	static uint8_t ones[8 * 1025];

	memset(ones, 1, sizeof(ones));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct link_ends out;
		struct frame frame;

		test_case(cases[i].name);
		frame_init(&frame, 1, 0);
		frame_add_str(&frame, 1, cases[i].listener);
		if (cases[i].n_octets != SIZE_MAX)
			frame_add_bytes(&frame, 2, ones, cases[i].n_octets);
		struct frame_view view = view_of(&frame);
		assert_int_equal(link_ends_unpack(&view, &out, NULL), cases[i].r);
		assert_true(out.count[_LINK_END_MAX - 1] == cases[i].last);
		link_ends_done(&out);
		frame_done(&frame);
	}
}

static void test_tally(void **state)
{
	_cleanup_(link_tally_freep) struct link_tally *one = link_tally_new();
	_cleanup_(link_tally_freep) struct link_tally *sum = link_tally_new();

	assert_null(link_tally_find(sum, "imaps"));
	struct link_ends *ends = link_tally_get(one, "imaps");
	ends->count[LINK_END_RELAYED] = 3;
	assert_ptr_equal(link_tally_get(one, "imaps"), ends);
	link_tally_get(one, "smtps")->count[LINK_END_IDLE] = 1;
	link_tally_add(sum, one);
	link_tally_add(sum, one);
	assert_int_equal(link_tally_find(sum, "imaps")->count[LINK_END_RELAYED], 6);
	assert_int_equal(link_tally_find(sum, "smtps")->count[LINK_END_IDLE], 2);
	link_tally_set(sum, ends);
	assert_int_equal(link_tally_find(sum, "imaps")->count[LINK_END_RELAYED], 3);
}

/* Who sends new names without end gets no memory for them. */
static void test_tally_is_bounded(void **state)
{
	_cleanup_(link_tally_freep) struct link_tally *tally = link_tally_new();
	char name[16];

	for (int i = 0; i < LINK_TALLY_MAX + 1; i++) {
		snprintf(name, sizeof(name), "%d", i);
		link_tally_set(tally, &(struct link_ends){ .listener = name });
	}
	assert_non_null(link_tally_find(tally, "0"));
	assert_null(link_tally_find(tally, name));
	struct link_ends again = { .listener = (char *)"0", .count = { 5 } };
	link_tally_set(tally, &again);
	assert_int_equal(link_tally_find(tally, "0")->count[0], 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_from_outside),
		cmocka_unit_test(test_tally),
		cmocka_unit_test(test_tally_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
