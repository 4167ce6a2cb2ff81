/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * core/job and core/schedule on a virtual clock: months of a certificate's life, with a
 * CA that has its days.
 */
#include <errno.h>
#include <string.h>

#include "store/order.h"
#include "tests/unit/core/life.h"

#define TURNS_MAX 400

/* --- a good life --------------------------------------------------------------------------- */

static void test_issue(void **state)
{
	struct life f;
	struct store_slot slot;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	life_expect_served(&f, true);
	slot = life_load_slot(&f);
	assert_string_equal(
		slot.challenges, "http-01 (other-01: not offered by the CA)");
	assert_null(slot.error);
	store_slot_done(&slot);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_int_equal(f.told.n_presented, 1);
	assert_int_equal(f.told.n_cleaned, 1);
	assert_int_equal(f.told.n_installed, 1);
	/* a third of ninety days left, less the hour of back-dating, and some jitter */
	assert_in_range(life_due_in(&f), 57 * USEC_PER_DAY, 60 * USEC_PER_DAY);
	life_done(&f);
}

static bool is_storing(struct life *f, int64_t slot_id)
{
	const struct job *job = schedule_find(f->schedule, slot_id);

	return job && strcmp(job_get_state_text(job), "storing what was issued") == 0;
}

/* Each of its two rehearsals costs a signature: between them others have their turn. */
static void test_rehearsals_have_a_turn_each(void **state)
{
	struct life f;
	bool was_seen = false;

	life_init(&f);
	life_start(&f);
	struct store_slot slot = life_load_slot(&f);
	for (unsigned i = 0; i < TURNS_MAX && f.told.n_installed == 0; i++) {
		life_run_turn(&f);
		was_seen = was_seen || is_storing(&f, slot.id);
	}
	store_slot_done(&slot);
	assert_int_equal(f.told.n_installed, 1);
	assert_true(was_seen);
	life_done(&f);
}

static void test_a_year_of_renewals(void **state)
{
	struct life f;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, 365 * USEC_PER_DAY);
	life_expect_served(&f, true);
	assert_in_range(fake_ca_count_orders(f.ca), 6, 7);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	assert_int_equal(f.told.n_installed, fake_ca_count_orders(f.ca));
	life_done(&f);
}

static void test_short_lived(void **state)
{
	struct life f;

	life_init(&f);
	fake_ca_set_lifetime(f.ca, 6 * USEC_PER_DAY);
	life_start(&f);
	fake_loop_advance(f.loop, 30 * USEC_PER_DAY);
	life_expect_served(&f, true);
	assert_in_range(fake_ca_count_orders(f.ca), 10, 12);
	life_done(&f);
}

static void test_forced(void **state)
{
	struct life f;
	struct store_slot slot;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	slot = life_load_slot(&f);
	assert_int_equal(schedule_start(f.schedule, slot.id, JOB_FORCED, NULL), 0);
	assert_int_equal(schedule_start(f.schedule, slot.id, JOB_FORCED, NULL), -EBUSY);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_expect_served(&f, true);
	store_slot_done(&slot);
	life_done(&f);
}

/* --- ARI (RFC 9773) ------------------------------------------------------------------------- */

static void test_ari_window(void **state)
{
	struct life f;
	usec_t now;

	life_init(&f);
	now = loop_wall_now(f.loop);
	fake_ca_set_window(f.ca, now + 20 * USEC_PER_DAY, now + 22 * USEC_PER_DAY);
	life_start(&f);
	fake_loop_advance(f.loop, 19 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	/* at least twice a day, and not more than its Retry-After asks for */
	assert_in_range(fake_ca_count_ari(f.ca), 38, 80);
	fake_loop_advance(f.loop, 3 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

static void test_ari_in_the_past_means_now(void **state)
{
	struct life f;
	usec_t now;

	life_init(&f);
	now = loop_wall_now(f.loop);
	fake_ca_set_window(f.ca, now + 40 * USEC_PER_DAY, now + 41 * USEC_PER_DAY);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	fake_ca_set_window(f.ca, now - 2 * USEC_PER_HOUR, now - USEC_PER_HOUR);
	fake_loop_advance(f.loop, 7 * USEC_PER_HOUR);
	assert_true(fake_ca_count_orders(f.ca) >= 2);
	life_done(&f);
}

/* --- trouble --------------------------------------------------------------------------------- */

/* What is served stays, and the tries keep their distance. */
static void test_weeks_without_the_ca(void **state)
{
	struct life f;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, 50 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	fake_loop_advance(f.loop, 30 * USEC_PER_DAY);
	life_expect_served(&f, true);
	assert_true(life_has_error(&f, "told to"));
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	fake_loop_advance(f.loop, 28 * USEC_PER_HOUR);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_expect_served(&f, true);
	life_done(&f);
}

struct trouble_case {
	const char *name;
	enum fake_ca_trouble trouble;
	const char *error;
	usec_t least_wait, most_wait;
};

static const struct trouble_case trouble_cases[] = {
	{ "wrong answer to the challenge", FAKE_CA_INVALID, "wrong answer",
		50 * USEC_PER_SEC, 70 * USEC_PER_SEC },
	{ "rate limit", FAKE_CA_RATE_LIMITED, "rateLimited", 119 * USEC_PER_MIN,
		121 * USEC_PER_MIN },
	{ "NUL in the certificate", FAKE_CA_NUL, "certificate", 50 * USEC_PER_SEC,
		70 * USEC_PER_SEC },
	{ "certificate for another key", FAKE_CA_WRONG_KEY, "another key",
		50 * USEC_PER_SEC, 70 * USEC_PER_SEC },
};

static void test_trouble(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(trouble_cases); i++) {
		const struct trouble_case *c = &trouble_cases[i];
		struct life f;

		test_case(c->name);
		life_init(&f);
		fake_ca_set_trouble(f.ca, c->trouble);
		test_log_expect(LOG_LEVEL_WARNING, "next try");
		life_start(&f);
		fake_loop_advance(f.loop, 5 * USEC_PER_SEC);
		life_expect_served(&f, false);
		assert_true(life_has_error(&f, c->error));
		assert_in_range(life_due_in(&f), c->least_wait, c->most_wait);
		fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
		fake_loop_advance(f.loop, c->most_wait + USEC_PER_MIN);
		life_expect_served(&f, true);
		assert_int_equal(fake_ca_count_accounts(f.ca), 1);
		life_done(&f);
	}
}

/* Never registered anew in silence. */
static void test_account_gone(void **state)
{
	struct life f;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	fake_ca_set_trouble(f.ca, FAKE_CA_NO_ACCOUNT);
	fake_loop_advance(f.loop, 61 * USEC_PER_DAY);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	fake_loop_advance(f.loop, 3 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_accounts(f.ca), 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_true(life_has_error(&f, "postsealctl account create"));
	life_done(&f);
}

/* Issuing and installing fail apart: one order, however long the disk is full. */
static void test_install_is_retried_apart(void **state)
{
	struct life f;

	life_init(&f);
	f.told.deploy_fails = true;
	for (unsigned i = 0; i < 6; i++)
		test_log_expect(LOG_LEVEL_WARNING, "the disk is full");
	life_start(&f);
	fake_loop_advance(f.loop, 60 * USEC_PER_HOUR);
	life_expect_served(&f, false);
	assert_true(life_has_error(&f, "the disk is full"));
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	f.told.deploy_fails = false;
	fake_loop_advance(f.loop, 2 * USEC_PER_DAY);
	life_expect_served(&f, true);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_int_equal(f.told.n_installed, 1);
	life_done(&f);
}

/* --- crashes --------------------------------------------------------------------------------- */

/* Killed after each single turn of the loop in turn, an order is neither lost nor made
 * twice: one account, one certificate. */
static void test_killed_after_each_turn(void **state)
{
	unsigned turn = 1;
	bool was_cut = true;

	for (; was_cut; turn++) {
		struct life f;

		life_init(&f);
		life_start(&f);
		for (unsigned i = 0; i < turn; i++)
			life_run_turn(&f);
		struct store_slot slot = life_load_slot(&f);
		was_cut = slot.certificate_id == 0 && turn < TURNS_MAX;
		store_slot_done(&slot);
		life_kill(&f);
		life_start(&f);
		fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
		life_expect_served(&f, true);
		assert_in_range(fake_ca_count_certificates(f.ca), 1, 1);
		/* newOrder sent and its answer not stored: one orphan at the most */
		assert_in_range(fake_ca_count_orders(f.ca), 1, 2);
		assert_int_equal(life_count_presented(&f), 0);
		assert_true(f.told.n_cleaned > 0);
		life_done(&f);
	}
	assert_in_range(turn, 10, TURNS_MAX);
}

/* Its order was over when we died, and the plugin had not cleaned up. */
static void test_answer_is_left_over(void **state)
{
	struct store_order order = { 0 };
	struct life f;

	life_init(&f);
	life_start(&f);
	while (life_count_presented(&f) == 0)
		life_run_turn(&f);
	struct store_slot slot = life_load_slot(&f);
	assert_int_equal(store_order_find_open(f.store, slot.id, &order, NULL), 0);
	order.finished = true;
	assert_int_equal(store_order_save(f.store, &order, NULL), 0);
	store_order_done(&order);
	store_slot_done(&slot);
	life_kill(&f);
	f.told.n_cleaned = 0;
	life_start(&f);
	fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
	life_expect_served(&f, true);
	assert_int_equal(life_count_presented(&f), 0);
	/* it, and the one of the new order */
	assert_int_equal(f.told.n_cleaned, 2);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

static void test_finalize_without_answer(void **state)
{
	struct life f;

	life_init(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_MUTE_FINALIZE);
	life_start(&f);
	fake_loop_advance(f.loop, 10 * USEC_PER_SEC);
	life_kill(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	life_start(&f);
	fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
	life_expect_served(&f, true);
	assert_int_equal(fake_ca_count_certificates(f.ca), 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	life_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_issue),
		test_with_log(test_rehearsals_have_a_turn_each),
		test_with_log(test_a_year_of_renewals),
		test_with_log(test_short_lived),
		test_with_log(test_forced),
		test_with_log(test_ari_window),
		test_with_log(test_ari_in_the_past_means_now),
		/* how often it warns is left open by those without a log */
		cmocka_unit_test(test_weeks_without_the_ca),
		test_with_log(test_trouble),
		cmocka_unit_test(test_account_gone),
		test_with_log(test_install_is_retried_apart),
		test_with_log(test_killed_after_each_turn),
		test_with_log(test_answer_is_left_over),
		test_with_log(test_finalize_without_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
