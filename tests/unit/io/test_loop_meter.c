/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <time.h>

#include "io/loop_meter.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "util/macro.h"

#define START (1000 * USEC_PER_HOUR)
#define MSEC  USEC_PER_MSEC

static void add(struct loop_meter *meter, usec_t at, usec_t wall, usec_t held)
{
	struct loop_turn turn = {
		.at_usec = at,
		.wall_usec = wall,
		.held_usec = held,
		.cpu_usec = held / 2,
		.source = "on_test",
	};

	loop_meter_add(meter, &turn);
}

static void test_windows(void **state)
{
	struct loop_meter meter;
	struct loop_turns turns;

	loop_meter_init(&meter);
	add(&meter, START, 90 * MSEC, 50 * MSEC);
	add(&meter, START + 30 * USEC_PER_MIN, 40 * MSEC, 30 * MSEC);
	add(&meter, START + 59 * USEC_PER_MIN, 95 * MSEC, 10 * MSEC);
	loop_meter_get(&meter, START + 59 * USEC_PER_MIN, &turns);
	assert_int_equal(turns.n_turns, 3);
	assert_int_equal(turns.n_slow, 2);
	assert_int_equal(turns.longest_wall_usec, 95 * MSEC);
	assert_int_equal(turns.worst.held_usec, 50 * MSEC);
	assert_int_equal(turns.worst_hour.held_usec, 50 * MSEC);
	assert_int_equal(turns.worst_minute.held_usec, 10 * MSEC);

	loop_meter_get(&meter, START + 65 * USEC_PER_MIN, &turns);
	assert_int_equal(turns.worst.held_usec, 50 * MSEC);
	assert_int_equal(turns.worst_hour.held_usec, 30 * MSEC);
	assert_int_equal(turns.worst_minute.held_usec, 0);
	assert_null(turns.worst_minute.source);
	loop_meter_done(&meter);
}

/* A minute's place is used again after an hour. */
static void test_wraps(void **state)
{
	struct loop_meter meter;
	struct loop_turns turns;

	loop_meter_init(&meter);
	for (unsigned i = 0; i < 3 * LOOP_METER_MINUTES; i++)
		add(&meter, START + i * USEC_PER_MIN, 80 * MSEC, (200 - i) / 4 * MSEC);
	usec_t end = START + (3 * LOOP_METER_MINUTES - 1) * USEC_PER_MIN;
	loop_meter_get(&meter, end, &turns);
	assert_int_equal(turns.worst.held_usec, 50 * MSEC);
	assert_int_equal(
		turns.worst_hour.held_usec, (200 - 2 * LOOP_METER_MINUTES) / 4 * MSEC);
	loop_meter_done(&meter);
}

static void test_tells(void **state)
{
	struct loop_meter meter;

	loop_meter_init(&meter);
	test_log_expect(LOG_LEVEL_WARNING,
		"took 300 ms in on_test: 100 ms of work, 100 ms blocked");
	add(&meter, START, 300 * MSEC, 200 * MSEC);
	/* One a minute is enough. */
	add(&meter, START + 1, 400 * MSEC, 400 * MSEC);
	assert_true(test_log_has(LOG_LEVEL_DEBUG, "took 400 ms"));
	/* What is longer than it should be is told to who looks for it. */
	add(&meter, START + 2, 25 * MSEC, 21 * MSEC);
	assert_true(test_log_has(LOG_LEVEL_DEBUG, "took 25 ms"));
	add(&meter, START + 3, 26 * MSEC, 20 * MSEC);
	assert_false(test_log_has(LOG_LEVEL_DEBUG, "took 26 ms"));
	/* The machine was busy: nothing to be warned of. */
	add(&meter, START + USEC_PER_HOUR, 500 * MSEC, 1 * MSEC);
	assert_true(test_log_has(LOG_LEVEL_DEBUG, "took 500 ms"));
	loop_meter_done(&meter);
}

/* By its own clock: how long it takes depends on who else wants the processor. */
static void spin(usec_t usec)
{
	usec_t end = loop_clock_cpu() + usec;

	while (loop_clock_cpu() < end)
		continue;
}

static void test_work_is_held(void **state)
{
	struct loop_meter meter;

	loop_meter_init(&meter);
	loop_meter_begin(&meter);
	meter.source = "on_spin";
	spin(5 * MSEC);
	loop_meter_end(&meter);
	const struct loop_turn *worst = &meter.turns.worst;
	assert_true(worst->cpu_usec >= 4 * MSEC);
	assert_true(worst->held_usec >= worst->cpu_usec);
	assert_true(worst->wall_usec >= worst->cpu_usec);
	assert_string_equal(worst->source, "on_spin");
	loop_meter_done(&meter);
}

/* To sleep within a turn is no work, and holds up all the same. */
static void test_sleep_is_held(void **state)
{
	const struct timespec ts = { .tv_nsec = 10000000 };
	struct loop_meter meter;

	loop_meter_init(&meter);
	loop_meter_begin(&meter);
	nanosleep(&ts, NULL);
	loop_meter_end(&meter);
	const struct loop_turn *worst = &meter.turns.worst;
	/* The rest is what the call itself costs, on this machine and today. */
	assert_true(worst->held_usec - worst->cpu_usec >= 9 * MSEC);
	assert_string_equal(worst->source, "the loop itself");
	loop_meter_done(&meter);
}

/* Without the kernel's word all that is no work counts as blocked. */
static void test_without_schedstat(void **state)
{
	struct loop_meter meter;

	loop_meter_init(&meter);
	loop_meter_done(&meter);
	loop_meter_begin(&meter);
	spin(2 * MSEC);
	loop_meter_end(&meter);
	assert_true(meter.turns.worst.held_usec >= meter.turns.worst.wall_usec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_windows),
		test_with_log(test_wraps),
		test_with_log(test_tells),
		test_with_log(test_work_is_held),
		test_with_log(test_sleep_is_held),
		test_with_log(test_without_schedstat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
