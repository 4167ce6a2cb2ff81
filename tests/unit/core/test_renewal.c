/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When a certificate is renewed: what a CA may say by RFC 9773, what it must not be able
 * to do, and what stays of it when we are killed.
 */
#include <string.h>

#include "core/renewal.h"
#include "store/order.h"
#include "store/renewal.h"
#include "tests/unit/core/life.h"
#include "util/mem.h"

static struct store_renewal load_renewal(struct life *f)
{
	struct store_renewal said = { 0 };
	struct store_slot slot = life_load_slot(f);

	assert_int_equal(store_renewal_load(f->store, slot.id, &said, NULL), 0);
	store_slot_done(&slot);
	return said;
}

/* A life whose CA suggests from the first certificate on. */
static void begin(struct life *f, usec_t start_usec, usec_t end_usec)
{
	life_init(f);
	usec_t now = loop_wall_now(f->loop);
	fake_ca_set_window(f->ca, now + start_usec, now + end_usec);
	life_start(f);
}

/* --- the moment -------------------------------------------------------------------------- */

static void test_moment_is_kept(void **state)
{
	struct life f;

	begin(&f, 20 * USEC_PER_DAY, 22 * USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	struct store_renewal first = load_renewal(&f);
	assert_in_range(
		first.moment_usec, first.window_start_usec, first.window_end_usec - 1);
	fake_loop_advance(f.loop, 5 * USEC_PER_DAY);
	/* neither by many answers nor by a crash is the die cast anew */
	life_kill(&f);
	life_start(&f);
	fake_loop_advance(f.loop, 5 * USEC_PER_DAY);
	struct store_renewal later = load_renewal(&f);
	assert_int_equal(later.moment_usec, first.moment_usec);
	assert_true(later.ask_again_usec > first.ask_again_usec);
	usec_t now = loop_wall_now(f.loop);
	fake_loop_advance(f.loop, first.moment_usec - now - USEC_PER_MIN);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	fake_loop_advance(f.loop, 2 * USEC_PER_MIN);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

static void test_moment_is_chosen_anew(void **state)
{
	struct life f;

	begin(&f, 20 * USEC_PER_DAY, 22 * USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	usec_t now = loop_wall_now(f.loop);
	fake_ca_set_window(f.ca, now + 2 * USEC_PER_DAY, now + 3 * USEC_PER_DAY);
	fake_loop_advance(f.loop, 7 * USEC_PER_HOUR);
	struct store_renewal said = load_renewal(&f);
	assert_in_range(
		said.moment_usec, now + 2 * USEC_PER_DAY, now + 3 * USEC_PER_DAY - 1);
	fake_loop_advance(f.loop, 3 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

/* Uniform: in each quarter of the window there is somebody. */
static void test_moments_are_spread(void **state)
{
	unsigned quarters[4] = { 0 };

	for (unsigned i = 0; i < 48; i++) {
		struct life f;

		begin(&f, 20 * USEC_PER_DAY, 24 * USEC_PER_DAY);
		fake_loop_advance(f.loop, USEC_PER_HOUR);
		struct store_renewal said = load_renewal(&f);
		usec_t into = said.moment_usec - said.window_start_usec;
		quarters[into / USEC_PER_DAY]++;
		life_done(&f);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(quarters[i], 1, 40);
}

/* The CA decides, also when it would have it later than we by ourselves. */
static void test_later_than_the_lifetime_says(void **state)
{
	struct life f;

	begin(&f, 65 * USEC_PER_DAY, 66 * USEC_PER_DAY);
	fake_loop_advance(f.loop, 64 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	fake_loop_advance(f.loop, 2 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

/* --- Retry-After: the least wait and the longest -------------------------------------------- */

struct retry_case {
	const char *name, *retry_after;
	unsigned least, most; /* questions in ten days */
};

static const struct retry_case retry_cases[] = {
	{ "six hours", "21600", 39, 42 },
	{ "an hour", "3600", 238, 242 },
	{ "a second is a minute", "1", 14000, 14500 },
	{ "a year is a day", "31536000", 10, 11 },
	{ "nothing is six hours", "", 39, 42 },
	{ "nonsense is six hours", "soon", 39, 42 },
};

static void test_retry_after(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(retry_cases); i++) {
		const struct retry_case *c = &retry_cases[i];
		struct life f;

		test_case(c->name);
		begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
		fake_ca_set_retry_after(f.ca, c->retry_after);
		fake_loop_advance(f.loop, 10 * USEC_PER_DAY);
		assert_in_range(fake_ca_count_ari(f.ca), c->least, c->most);
		assert_int_equal(fake_ca_count_orders(f.ca), 1);
		life_done(&f);
	}
}

/* Woken before its time (a reload, a start), the CA is left alone all the same. */
static void test_not_asked_before_its_time(void **state)
{
	struct life f;

	begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	assert_int_equal(fake_ca_count_ari(f.ca), 1);
	struct store_slot slot = life_load_slot(&f);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(store_slot_set_due(
					 f.store, slot.id, loop_wall_now(f.loop), NULL),
			0);
		schedule_run(f.schedule);
		fake_loop_advance(f.loop, USEC_PER_MIN);
	}
	assert_int_equal(fake_ca_count_ari(f.ca), 1);
	assert_in_range(life_due_in(&f), USEC_PER_MIN, 5 * USEC_PER_HOUR);
	store_slot_done(&slot);
	life_done(&f);
}

/* --- a CA that does not mean well -------------------------------------------------------------- */

struct nonsense_case {
	const char *name;
	enum fake_ca_trouble trouble;
	unsigned least, most; /* orders in a year of 90-day certificates */
};

static const struct nonsense_case nonsense_cases[] = {
	{ "error", FAKE_CA_ARI_DOWN, 6, 7 },
	{ "no answer", FAKE_CA_ARI_MUTE, 6, 7 },
	{ "no JSON", FAKE_CA_ARI_NONSENSE, 6, 7 },
	{ "start after end", FAKE_CA_ARI_BACKWARDS, 6, 7 },
	{ "decades ago", FAKE_CA_ARI_ANCIENT, 6, 7 },
	{ "in decades", FAKE_CA_ARI_DISTANT, 6, 7 },
	{ "the last hours", FAKE_CA_ARI_LATE, 5, 6 },
	{ "all time", FAKE_CA_ARI_ENDLESS, 4, 30 },
	{ "always at once", FAKE_CA_ARI_AT_ONCE, 12, 24 },
};

static void test_nonsense_makes_no_loop(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(nonsense_cases); i++) {
		const struct nonsense_case *c = &nonsense_cases[i];
		struct life f;

		test_case(c->name);
		begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
		fake_ca_set_trouble(f.ca, c->trouble);
		for (unsigned day = 0; day < 365; day++) {
			fake_loop_advance(f.loop, USEC_PER_DAY);
			life_expect_served(&f, true);
		}
		assert_in_range(fake_ca_count_orders(f.ca), c->least, c->most);
		/* every six hours, and of each new certificate at once */
		assert_in_range(fake_ca_count_ari(f.ca), 4, 4 * 366 + 2 * c->most);
		life_done(&f);
	}
}

/* Revoked soon after it was made: a second one within hours, but not a third so soon. */
static void test_early_twice(void **state)
{
	struct life f;

	begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
	fake_ca_set_trouble(f.ca, FAKE_CA_ARI_AT_ONCE);
	fake_loop_advance(f.loop, 7 * USEC_PER_HOUR);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	fake_loop_advance(f.loop, 7 * USEC_PER_HOUR);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	fake_loop_advance(f.loop, 7 * USEC_PER_DAY);
	assert_in_range(fake_ca_count_orders(f.ca), 4, 5);
	life_done(&f);
}

/* --- replaces ------------------------------------------------------------------------------------ */

static char *format_current_id(struct life *f)
{
	struct store_certificate c = { 0 };
	struct store_slot slot = life_load_slot(f);

	assert_int_equal(
		store_certificate_load(f->store, slot.certificate_id, &c, NULL), 0);
	char *id = renewal_format_id(&c);
	assert_non_null(id);
	store_certificate_done(&c);
	store_slot_done(&slot);
	return id;
}

static void order_again(struct life *f)
{
	struct store_slot slot = life_load_slot(f);

	assert_int_equal(schedule_start(f->schedule, slot.id, JOB_FORCED, NULL), 0);
	store_slot_done(&slot);
	fake_loop_advance(f->loop, USEC_PER_MIN);
}

static void test_replaces(void **state)
{
	struct life f;

	begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	assert_string_equal(fake_ca_get_replaces(f.ca), "");
	_cleanup_(freep) char *id = format_current_id(&f);
	order_again(&f);
	assert_string_equal(fake_ca_get_replaces(f.ca), id);
	life_expect_served(&f, true);
	_cleanup_(freep) char *next = format_current_id(&f);
	assert_string_not_equal(next, id);
	life_done(&f);
}

static void test_replaces_not_without_ari(void **state)
{
	struct life f;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	order_again(&f);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	assert_string_equal(fake_ca_get_replaces(f.ca), "");
	life_done(&f);
}

static void change_certificate(
	struct life *f, const char *sql_column, const char *value)
{
	struct store_slot slot = life_load_slot(f);

	xstrset(strcmp(sql_column, "names") == 0 ? &slot.names : &slot.authority,
		value);
	assert_int_equal(store_slot_save(f->store, &slot, NULL), 0);
	store_slot_done(&slot);
}

/* Another authority, or no name in common: it is no replacement (RFC 9773 5). */
static void test_replaces_only_its_like(void **state)
{
	static const char *const cases[][2] = {
		{ "names", "other.test" },
		{ "authority", "https://elsewhere.test/dir" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct life f;

		test_case(cases[i][0]);
		begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
		fake_loop_advance(f.loop, USEC_PER_HOUR);
		change_certificate(&f, cases[i][0], cases[i][1]);
		order_again(&f);
		assert_int_equal(fake_ca_count_orders(f.ca), 2);
		assert_string_equal(fake_ca_get_replaces(f.ca), "");
		life_done(&f);
	}
}

/* What was issued and not yet proven is what the CA sees replaced next. */
static void test_replaces_the_newest(void **state)
{
	struct life f;

	begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	_cleanup_(freep) char *first = format_current_id(&f);
	f.told.deploy_fails = true;
	order_again(&f);
	assert_string_equal(fake_ca_get_replaces(f.ca), first);
	order_again(&f);
	assert_string_not_equal(fake_ca_get_replaces(f.ca), "");
	assert_string_not_equal(fake_ca_get_replaces(f.ca), first);
	life_done(&f);
}

static void test_already_replaced(void **state)
{
	struct life f;

	begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	fake_ca_set_trouble(f.ca, FAKE_CA_REPLACED);
	order_again(&f);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	assert_string_equal(fake_ca_get_replaces(f.ca), "");
	life_expect_served(&f, true);
	life_done(&f);
}

/* The second order, killed after each turn in turn: an orphan of ours makes the CA say
 * alreadyReplaced, and that must not stop us. */
static void test_killed_while_replacing(void **state)
{
	bool was_cut = true;
	unsigned turn = 1;

	for (; was_cut; turn++) {
		struct life f;

		begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
		fake_loop_advance(f.loop, USEC_PER_HOUR);
		struct store_slot slot = life_load_slot(&f);
		int64_t before = slot.certificate_id;
		assert_int_equal(
			schedule_start(f.schedule, slot.id, JOB_FORCED, NULL), 0);
		store_slot_done(&slot);
		for (unsigned i = 0; i < turn; i++)
			life_run_turn(&f);
		slot = life_load_slot(&f);
		was_cut = slot.certificate_id == before && turn < 400;
		store_slot_done(&slot);
		life_kill(&f);
		if (fake_ca_count_orders(f.ca) > 1)
			fake_ca_set_trouble(f.ca, FAKE_CA_REPLACED);
		life_start(&f);
		fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
		life_expect_served(&f, true);
		assert_in_range(fake_ca_count_certificates(f.ca), 1, 2);
		assert_in_range(fake_ca_count_orders(f.ca), 1, 3);
		life_done(&f);
	}
	assert_in_range(turn, 10, 400);
}

/* --- the row in the store ------------------------------------------------------------------------- */

/* From a clock that was far ahead: it must not silence the question for years. */
static void test_asked_although_a_stored_time_is_far(void **state)
{
	struct life f;

	begin(&f, 40 * USEC_PER_DAY, 41 * USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	struct store_renewal said = load_renewal(&f);
	said.ask_again_usec = USEC_NEVER;
	assert_int_equal(store_renewal_save(f.store, &said, NULL), 0);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	said = load_renewal(&f);
	assert_true(said.ask_again_usec <= loop_wall_now(f.loop) + USEC_PER_DAY);
	assert_in_range(fake_ca_count_ari(f.ca), 3, 6);
	life_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_moment_is_kept),
		test_with_log(test_moment_is_chosen_anew),
		test_with_log(test_moments_are_spread),
		test_with_log(test_later_than_the_lifetime_says),
		test_with_log(test_retry_after),
		test_with_log(test_not_asked_before_its_time),
		test_with_log(test_nonsense_makes_no_loop),
		test_with_log(test_early_twice),
		test_with_log(test_replaces),
		test_with_log(test_replaces_not_without_ari),
		test_with_log(test_replaces_only_its_like),
		/* each failed installation warns */
		cmocka_unit_test(test_replaces_the_newest),
		test_with_log(test_already_replaced),
		test_with_log(test_killed_while_replacing),
		test_with_log(test_asked_although_a_stored_time_is_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
