/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A clock that is wrong: when that is seen, what it holds up and what not, and that no
 * jump at any moment of a certificate's life costs more than the orders it needs anyway.
 */
#include <errno.h>
#include <string.h>

#include "core/notice/clock_watch.h"
#include "tests/lib/fake_loop.h"
#include "tests/unit/core/life.h"
#include "util/mem.h"

#define START FAKE_LOOP_START_WALL_USEC
#define YEAR  (365 * USEC_PER_DAY)

/* --- the watch ---------------------------------------------------------------------------- */

struct fixture {
	struct loop *loop;
	struct events *events;
	struct clock_watch *watch;
	unsigned n_set;
	usec_t back_usec;
};

static void on_set(usec_t back_usec, void *userdata)
{
	struct fixture *f = userdata;

	f->n_set++;
	f->back_usec = back_usec;
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .loop = fake_loop_new() };
	f->events = events_new(&(struct events_params){ .loop = f->loop });
	const struct clock_watch_params params = {
		.loop = f->loop,
		.events = f->events,
		.build_usec = START - USEC_PER_DAY,
		.tolerance_usec = USEC_PER_HOUR,
		.on_set = on_set,
		.userdata = f,
	};
	assert_int_equal(clock_watch_new(&f->watch, &params, NULL), 0);
}

static void teardown(struct fixture *f)
{
	clock_watch_free(f->watch);
	events_free(f->events);
	loop_free(f->loop);
}

static int check(struct fixture *f, const char *authority)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = clock_watch_check(f->watch, authority, 0, &err);

	assert_true(r >= 0 || strstr(err.detail, "no order before it is right"));
	return r;
}

static void test_nothing_known(void **state)
{
	struct fixture f;

	setup(&f);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	assert_int_equal(check(&f, "a"), 0);
	assert_null(clock_watch_get_alarm(f.watch));
	teardown(&f);
}

static void test_before_the_build(void **state)
{
	struct fixture f;

	setup(&f);
	test_log_expect(LOG_LEVEL_ERROR, "this machine's clock says 1970-01-02");
	fake_loop_set_wall(f.loop, USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_SEC);
	assert_int_equal(f.n_set, 1);
	assert_true(f.back_usec > 50 * YEAR);
	assert_int_equal(check(&f, "a"), -EAGAIN);
	assert_non_null(strstr(clock_watch_get_alarm(f.watch), "built on 2025-12-31"));
	/* no word of the operator makes it right */
	assert_int_equal(
		clock_watch_check(f.watch, "a", CLOCK_WATCH_FORCED, NULL), -EAGAIN);
	fake_loop_set_wall(f.loop, START);
	fake_loop_advance(f.loop, 0);
	assert_null(clock_watch_get_alarm(f.watch));
	assert_int_equal(f.n_set, 2);
	assert_int_equal(f.back_usec, 0);
	assert_int_equal(check(&f, "a"), 0);
	teardown(&f);
}

struct apart_case {
	const char *name;
	int64_t apart_sec;
	bool is_wrong;
};

static const struct apart_case apart_cases[] = {
	{ "right", 0, false },
	{ "not yet an hour ahead", 3599, false },
	{ "more than an hour ahead", 3601, true },
	{ "not yet an hour behind", -3599, false },
	{ "more than an hour behind", -3601, true },
	{ "ten years ahead", 315360000, true },
	{ "ten years behind", -315360000, true },
	{ "the year 1971", -1735689600, true },
};

static void test_apart(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(apart_cases); i++) {
		const struct apart_case *c = &apart_cases[i];
		struct fixture f;

		test_case(c->name);
		setup(&f);
		if (c->is_wrong)
			test_log_expect(LOG_LEVEL_ERROR, "authority a says");
		clock_watch_observe(
			f.watch, "a", START + (usec_t)c->apart_sec * USEC_PER_SEC);
		assert_int_equal(clock_watch_get_alarm(f.watch) != NULL, c->is_wrong);
		assert_int_equal(check(&f, "a"), c->is_wrong ? CLOCK_WATCH_E_LOOK : 0);
		assert_int_equal(check(&f, "a"), c->is_wrong ? -EAGAIN : 0);
		assert_int_equal(
			clock_watch_check(f.watch, "a", CLOCK_WATCH_SETTLED, NULL),
			c->is_wrong ? -EAGAIN : 0);
		teardown(&f);
	}
}

/* Asked anew now and then, or at the operator's word. */
static void test_looks(void **state)
{
	struct fixture f;

	setup(&f);
	test_log_expect(LOG_LEVEL_ERROR, "authority a says");
	clock_watch_observe(f.watch, "a", START + YEAR);
	assert_int_equal(check(&f, "a"), CLOCK_WATCH_E_LOOK);
	for (unsigned i = 0; i < 9; i++) {
		fake_loop_advance(f.loop, USEC_PER_MIN);
		assert_int_equal(check(&f, "a"), -EAGAIN);
	}
	assert_int_equal(clock_watch_check(f.watch, "a", CLOCK_WATCH_FORCED, NULL),
		CLOCK_WATCH_E_LOOK);
	assert_int_equal(check(&f, "a"), -EAGAIN);
	fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
	assert_int_equal(check(&f, "a"), CLOCK_WATCH_E_LOOK);
	clock_watch_observe(f.watch, "a", loop_wall_now(f.loop));
	assert_int_equal(check(&f, "a"), 0);
	assert_null(clock_watch_get_alarm(f.watch));
	teardown(&f);
}

/* One failure stays one failure. */
static void test_one_wrong_authority(void **state)
{
	struct fixture f;

	setup(&f);
	test_log_expect(LOG_LEVEL_ERROR, "authority bad says");
	clock_watch_observe(f.watch, "bad", START + YEAR);
	/* nobody else has said anything: it may well be our clock */
	assert_int_equal(check(&f, "new"), CLOCK_WATCH_E_LOOK);
	assert_int_equal(check(&f, "new"), -EAGAIN);
	clock_watch_observe(f.watch, "good", START);
	assert_int_equal(check(&f, "good"), 0);
	assert_int_equal(check(&f, "new"), 0);
	assert_true(check(&f, "bad") != 0);
	assert_non_null(clock_watch_get_alarm(f.watch));
	teardown(&f);
}

static void test_forgotten_after_a_day(void **state)
{
	struct fixture f;

	setup(&f);
	test_log_expect(LOG_LEVEL_ERROR, "authority a says");
	clock_watch_observe(f.watch, "a", START + YEAR);
	fake_loop_advance(f.loop, 23 * USEC_PER_HOUR);
	assert_non_null(clock_watch_get_alarm(f.watch));
	fake_loop_advance(f.loop, 2 * USEC_PER_HOUR);
	assert_null(clock_watch_get_alarm(f.watch));
	assert_int_equal(check(&f, "a"), 0);
	teardown(&f);
}

static void test_tolerance(void **state)
{
	struct fixture f;

	setup(&f);
	clock_watch_observe(f.watch, "a", START + 30 * USEC_PER_MIN);
	assert_null(clock_watch_get_alarm(f.watch));
	test_log_expect(LOG_LEVEL_ERROR, "authority a says");
	clock_watch_set_tolerance(f.watch, 10 * USEC_PER_MIN);
	assert_non_null(clock_watch_get_alarm(f.watch));
	clock_watch_set_tolerance(f.watch, USEC_PER_HOUR);
	assert_null(clock_watch_get_alarm(f.watch));
	teardown(&f);
}

/* At the edge it rings once. */
static void test_play(void **state)
{
	struct fixture f;

	setup(&f);
	test_log_expect(LOG_LEVEL_ERROR, "authority a says");
	for (unsigned i = 0; i < 20; i++) {
		clock_watch_observe(
			f.watch, "a", START + USEC_PER_HOUR + i % 2 * USEC_PER_SEC);
		if (i > 0)
			assert_non_null(clock_watch_get_alarm(f.watch));
	}
	clock_watch_observe(f.watch, "a", START + 50 * USEC_PER_MIN);
	assert_null(clock_watch_get_alarm(f.watch));
	teardown(&f);
}

/* What was said tells what the clock should say now: no new answer is needed. */
static void test_set_right(void **state)
{
	struct fixture f;

	setup(&f);
	clock_watch_observe(f.watch, "a", START);
	test_log_expect(LOG_LEVEL_ERROR, "authority a says 2026-01-01T05:00:00Z");
	fake_loop_advance(f.loop, 5 * USEC_PER_HOUR);
	fake_loop_set_wall(f.loop, START + 10 * YEAR);
	fake_loop_advance(f.loop, 0);
	assert_non_null(clock_watch_get_alarm(f.watch));
	assert_int_equal(f.back_usec, 0);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	fake_loop_set_wall(f.loop, START + 6 * USEC_PER_HOUR);
	fake_loop_advance(f.loop, 0);
	assert_null(clock_watch_get_alarm(f.watch));
	assert_in_range(f.back_usec, 9 * YEAR, 10 * YEAR);
	teardown(&f);
}

/* --- jumps in a certificate's life ------------------------------------------------------------ */

struct jump {
	const char *name;
	usec_t usec;
	bool is_back, is_wrong;
};

static const struct jump jumps[] = {
	{ "a second forward", USEC_PER_SEC, false, false },
	{ "a second back", USEC_PER_SEC, true, false },
	{ "two hours forward", 2 * USEC_PER_HOUR, false, true },
	{ "two hours back", 2 * USEC_PER_HOUR, true, true },
	{ "80 days forward", 80 * USEC_PER_DAY, false, true },
	{ "ten years forward", 10 * YEAR, false, true },
	{ "ten years back", 10 * YEAR, true, true },
};

static usec_t true_now(const struct life *f)
{
	return START + usec_sub(loop_now(f->loop), FAKE_LOOP_START_USEC);
}

static void set_wrong(struct life *f, const struct jump *jump)
{
	usec_t now = true_now(f);

	fake_loop_set_wall(f->loop,
		jump->is_back ? usec_sub(now, jump->usec) : usec_add(now, jump->usec));
}

static void set_right(struct life *f)
{
	fake_loop_set_wall(f->loop, true_now(f));
}

static bool has_certificate(struct life *f)
{
	struct store_slot slot = life_load_slot(f);
	bool has = slot.certificate_id > 0;

	store_slot_done(&slot);
	return has;
}

/* Jumped after each turn of the first order, and put right an hour later: it is the same
 * order, or the first, that comes to its end. False: so many turns it does not take. */
static bool jump_in_order(const struct jump *jump, unsigned turn, bool has_crash)
{
	struct life f;

	life_init(&f);
	life_start(&f);
	bool is_over = false;
	/* not beyond: a turn without work would go on to the renewal */
	for (unsigned i = 0; i < turn && !is_over; i++) {
		life_run_turn(&f);
		is_over = has_certificate(&f);
	}
	set_wrong(&f, jump);
	fake_loop_advance(f.loop, 30 * USEC_PER_MIN);
	if (has_crash) {
		life_kill(&f);
		life_start(&f);
	}
	fake_loop_advance(f.loop, 30 * USEC_PER_MIN);
	assert_in_range(fake_ca_count_orders(f.ca), jump->is_wrong ? 0 : 1, 1);
	set_right(&f);
	fake_loop_advance(f.loop, 20 * USEC_PER_MIN);
	life_expect_served(&f, true);
	assert_null(clock_watch_get_alarm(f.clock));
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_int_equal(fake_ca_count_certificates(f.ca), 1);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	fake_loop_advance(f.loop, 50 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	fake_loop_advance(f.loop, 15 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
	return !is_over;
}

static void test_jump_in_order(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		/* after every turn for the two worst, here and there for the others */
		unsigned turn = 1, step = i + 2 < ARRAY_SIZE(jumps) ? 6 : 1;

		test_case(jumps[i].name);
		while (jump_in_order(&jumps[i], turn, turn % 4 == 0))
			turn += step;
		assert_in_range(turn, 10, 100);
	}
}

/* In the middle of a certificate's life, for two days. */
static void jump_when_served(const struct jump *jump, bool has_crash)
{
	struct life f;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, 30 * USEC_PER_DAY);
	set_wrong(&f, jump);
	for (unsigned i = 0; i < 24; i++) {
		if (has_crash) {
			life_kill(&f);
			life_start(&f);
		}
		fake_loop_advance(f.loop, 2 * USEC_PER_HOUR);
		life_expect_served(&f, true);
	}
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	set_right(&f);
	fake_loop_advance(f.loop, 20 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_null(clock_watch_get_alarm(f.clock));
	/* and when its time has come, it is renewed as ever */
	fake_loop_advance(f.loop, 10 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

static void test_jump_when_served(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		test_case(jumps[i].name);
		jump_when_served(&jumps[i], false);
		jump_when_served(&jumps[i], true);
	}
}

/* A machine without a clock of its own starts in 1970, and the network sets it. */
static void test_started_in_1970(void **state)
{
	struct life f;

	life_init(&f);
	fake_loop_set_wall(f.loop, USEC_PER_MIN);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	assert_int_equal(fake_ca_count_requests(f.ca), 0);
	assert_non_null(clock_watch_get_alarm(f.clock));
	set_right(&f);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	life_expect_served(&f, true);
	life_done(&f);
}

/* How many questions a CA hears while all wait for the clock. */
static void test_the_ca_is_left_alone(void **state)
{
	struct life f;

	life_init(&f);
	fake_ca_set_date(f.ca, 86400);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 0);
	assert_in_range(fake_ca_count_requests(f.ca), 2, 24 * 6 + 10);
	assert_true(life_has_error(&f, "authority ca says 2026-01-0"));
	struct store_slot slot = life_load_slot(&f);
	assert_int_equal(slot.attempts, 0);
	store_slot_done(&slot);
	/* it was the CA that was wrong */
	fake_ca_set_date(f.ca, 0);
	fake_loop_advance(f.loop, 20 * USEC_PER_MIN);
	life_expect_served(&f, true);
	assert_null(clock_watch_get_alarm(f.clock));
	life_done(&f);
}

/* By the operator's word it is looked at once, and no more than that. */
static void test_forced(void **state)
{
	struct life f;

	life_init(&f);
	life_start(&f);
	/* what the CA said at first is no more believed, nor is its directory */
	fake_loop_advance(f.loop, 25 * USEC_PER_HOUR);
	fake_ca_set_date(f.ca, -7200);
	struct store_slot slot = life_load_slot(&f);
	for (unsigned i = 0; i < 3; i++) {
		unsigned before = fake_ca_count_requests(f.ca);

		assert_int_equal(
			schedule_start(f.schedule, slot.id, JOB_FORCED, NULL), 0);
		fake_loop_advance(f.loop, USEC_PER_MIN);
		assert_int_equal(fake_ca_count_orders(f.ca), 1);
		assert_true(i == 0 || fake_ca_count_requests(f.ca) > before);
	}
	store_slot_done(&slot);
	life_expect_served(&f, true);
	life_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_nothing_known),
		test_with_log(test_before_the_build),
		test_with_log(test_apart),
		test_with_log(test_looks),
		test_with_log(test_one_wrong_authority),
		test_with_log(test_forgotten_after_a_day),
		test_with_log(test_tolerance),
		test_with_log(test_play),
		test_with_log(test_set_right),
		/* how often there is an alarm is left open by those without a log */
		cmocka_unit_test(test_jump_in_order),
		cmocka_unit_test(test_jump_when_served),
		cmocka_unit_test(test_started_in_1970),
		cmocka_unit_test(test_the_ca_is_left_alone),
		cmocka_unit_test(test_forced),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
