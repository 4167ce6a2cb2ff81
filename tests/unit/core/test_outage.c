/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Weeks without the CA, whatever that looks like: what is served stays, the CA is asked
 * no more often than the schedule says, and when it is back so are we, within a day. The
 * figures that are printed stand in doc/reliability.md.
 */
#include <stdlib.h>
#include <string.h>

#include "core/wanted/policy.h"
#include "tests/unit/core/life.h"
#include "util/mem.h"

#define OUTAGE_DAYS 45
/* A day less the tenth by which tries are kept apart. */
#define CAP_USEC (USEC_PER_DAY / 10 * 9)
/* 1, 10 and 100 minutes after the first try, then daily. */
#define TRIES_MAX(days) (4 + (days)*10 / 9)
/* Of one try: the directory, and a nonce or what comes after it; the first one has asked
 * when to renew besides. */
#define REQUESTS_PER_TRY 2
/* Renewal information: every six hours, and the directory with it. */
#define REQUESTS_PER_DAY_OF_ARI 8

struct outage {
	const char *name;
	enum fake_ca_trouble trouble;
	unsigned from_day; /* of the first certificate's 90 */
	bool has_ari;
};

static const struct outage outages[] = {
	{ "refused", FAKE_CA_UNREACHABLE, 40, false },
	{ "no answer", FAKE_CA_MUTE, 40, false },
	{ "503 with Retry-After", FAKE_CA_BUSY, 40, false },
	{ "500 with a page", FAKE_CA_BROKEN, 40, false },
	{ "refused, with ARI", FAKE_CA_UNREACHABLE, 40, true },
	{ "no answer, with ARI", FAKE_CA_MUTE, 40, true },
	{ "503 with Retry-After, with ARI", FAKE_CA_BUSY, 40, true },
	{ "500 with a page, with ARI", FAKE_CA_BROKEN, 40, true },
	{ "refused beyond the expiry", FAKE_CA_UNREACHABLE, 50, false },
	{ "no answer beyond the expiry", FAKE_CA_MUTE, 50, true },
};

static int64_t get_certificate(struct life *f)
{
	struct store_slot slot = life_load_slot(f);
	int64_t id = slot.pending_id ? -1 : slot.certificate_id;

	store_slot_done(&slot);
	return id;
}

static void begin(struct life *f, const struct outage *o)
{
	life_init(f);
	usec_t now = loop_wall_now(f->loop);
	if (o->has_ari)
		fake_ca_set_window(
			f->ca, now + 59 * USEC_PER_DAY, now + 61 * USEC_PER_DAY);
	life_start(f);
	fake_loop_advance(f->loop, o->from_day * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f->ca), 1);
}

/* Days in which something is due: the first was a third before the end, or sooner. */
static unsigned most_requests(const struct outage *o)
{
	unsigned most = TRIES_MAX(OUTAGE_DAYS) * REQUESTS_PER_TRY + 1;

	return o->has_ari ? most + OUTAGE_DAYS * REQUESTS_PER_DAY_OF_ARI : most;
}

static void run_outage(const struct outage *o)
{
	struct life f;
	usec_t hours = 0;

	begin(&f, o);
	int64_t before = get_certificate(&f);
	unsigned n_before = fake_ca_count_requests(f.ca);
	unsigned n_installed = f.told.n_installed;
	fake_ca_set_trouble(f.ca, o->trouble);
	for (unsigned i = 0; i < OUTAGE_DAYS; i++) {
		fake_loop_advance(f.loop, USEC_PER_DAY);
		assert_int_equal(get_certificate(&f), before);
		/* in between, a restart: it costs no request more than its day */
		if (i % 15 == 7) {
			life_kill(&f);
			life_start(&f);
		}
	}
	unsigned n = fake_ca_count_requests(f.ca) - n_before;
	assert_in_range(n, 20, most_requests(o));
	assert_int_equal(f.told.n_installed, n_installed);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	while (get_certificate(&f) == before && hours < 48) {
		fake_loop_advance(f.loop, USEC_PER_HOUR);
		hours++;
	}
	assert_in_range(hours, 0, 24);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	assert_int_equal(fake_ca_count_certificates(f.ca), 2);
	life_expect_served(&f, true);
	print_message("    %s: %u requests in %u days, well again after %llu h\n",
		o->name, n, OUTAGE_DAYS, (unsigned long long)hours);
	life_done(&f);
}

static void test_outages(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(outages); i++)
		run_outage(&outages[i]);
}

/* By the operator's word it does not take a day. */
static void test_renewed_by_hand(void **state)
{
	struct life f;

	begin(&f, &outages[0]);
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	fake_loop_advance(f.loop, OUTAGE_DAYS * USEC_PER_DAY);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	struct store_slot slot = life_load_slot(&f);
	assert_int_equal(schedule_start(f.schedule, slot.id, JOB_FORCED, NULL), 0);
	store_slot_done(&slot);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_expect_served(&f, true);
	life_done(&f);
}

/* Ten thousand failures in a row, by the rule alone: whatever the dice say, no wait is
 * under a minute, and none is shorter than the one before it until they are daily. */
static void test_back_off(void **state)
{
	static const uint64_t dice[] = { 0, 1, UINT64_MAX, 0x5555555555555555 };
	usec_t longest = 0;

	for (unsigned n = 1; n <= 10000; n++) {
		usec_t least = USEC_NEVER, most = 0;

		for (size_t i = 0; i < ARRAY_SIZE(dice); i++) {
			usec_t wait = policy_back_off(n, dice[i] * n);

			least = MIN(least, wait);
			most = MAX(most, wait);
		}
		assert_true(least >= USEC_PER_MIN);
		assert_true(most <= USEC_PER_DAY);
		assert_true(least >= MIN(longest, CAP_USEC));
		longest = MAX(longest, most);
	}
	assert_true(longest >= CAP_USEC);
}

/* And as a job lives it: the distance of each try from the next. */
static void test_tries_keep_their_distance(void **state)
{
	struct life f;
	usec_t last = 0, shortest = 0;
	unsigned n = 0;

	life_init(&f);
	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	life_start(&f);
	while (n < 300) {
		life_run_turn(&f);
		struct store_slot slot = life_load_slot(&f);
		if (slot.attempts > n) {
			usec_t wait = usec_sub(slot.attempted_usec, last);

			assert_int_equal(slot.attempts, n + 1);
			assert_true(n == 0 || wait >= USEC_PER_MIN);
			assert_true(n == 0 || wait >= MIN(shortest, CAP_USEC));
			shortest = n == 0 ? 0 : MAX(shortest, wait);
			last = slot.attempted_usec;
			n = slot.attempts;
		}
		store_slot_done(&slot);
	}
	/* The last one is charged, and may not have been sent yet. */
	assert_in_range(fake_ca_count_requests(f.ca), n - 1, n * REQUESTS_PER_TRY);
	life_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* each failed try warns */
		cmocka_unit_test(test_outages),
		cmocka_unit_test(test_renewed_by_hand),
		test_with_log(test_back_off),
		cmocka_unit_test(test_tries_keep_their_distance),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
