/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "io/timer_heap.h"
#include "tests/lib/test.h"
#include "util/macro.h"

#define N 200

struct model {
	struct timer_heap heap;
	struct timer_heap_entry entry[N];
	usec_t at_usec[N]; /* USEC_NEVER: not set */
};

static void check_pop(struct model *m, usec_t now_usec)
{
	usec_t before_usec = 0;

	for (;;) {
		struct timer_heap_entry *e = timer_heap_pop_due(&m->heap, now_usec);
		if (!e)
			break;
		size_t i = (size_t)(e - m->entry);
		assert_false(timer_heap_has(e));
		assert_true(m->at_usec[i] <= now_usec);
		/* Earliest first. */
		assert_true(m->at_usec[i] >= before_usec);
		before_usec = m->at_usec[i];
		m->at_usec[i] = USEC_NEVER;
	}
	for (size_t i = 0; i < N; i++)
		assert_true(m->at_usec[i] > now_usec);
}

static usec_t earliest(const struct model *m)
{
	usec_t usec = USEC_NEVER;

	for (size_t i = 0; i < N; i++)
		usec = MIN(usec, m->at_usec[i]);
	return usec;
}

static void test_against_model(void **state)
{
	struct model m = { .heap = { .n = 0 } };
	unsigned seed = 42;

	for (size_t i = 0; i < N; i++) {
		timer_heap_entry_init(&m.entry[i]);
		m.at_usec[i] = USEC_NEVER;
	}
	for (usec_t now_usec = 0; now_usec < 20000; now_usec++) {
		size_t i = (size_t)rand_r(&seed) % N;
		if (rand_r(&seed) % 4 == 0) {
			timer_heap_remove(&m.heap, &m.entry[i]);
			m.at_usec[i] = USEC_NEVER;
		} else {
			m.at_usec[i] = now_usec + (usec_t)rand_r(&seed) % 500;
			timer_heap_set(&m.heap, &m.entry[i], m.at_usec[i]);
		}
		assert_true(timer_heap_next(&m.heap) <= earliest(&m));
		if (rand_r(&seed) % 8 == 0)
			check_pop(&m, now_usec);
	}
	check_pop(&m, 30000);
	assert_int_equal(m.heap.n, 0);
	assert_true(timer_heap_next(&m.heap) == USEC_NEVER);
	timer_heap_done(&m.heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
