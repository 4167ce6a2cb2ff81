/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates that are to be revoked, on a virtual clock: never what is served, never
 * twice, and not forgotten by a crash.
 */
#include <string.h>

#include "core/revocations.h"
#include "store/certificate.h"
#include "store/revocation.h"
#include "tests/unit/core/life.h"
#include "util/mem.h"

#define TURNS_MAX 1000

static void ignore(enum log_level level, const char *text, void *userdata)
{
}

static int64_t get_served(struct life *f)
{
	struct store_slot slot = life_load_slot(f);
	int64_t id = slot.certificate_id;

	store_slot_done(&slot);
	return id;
}

static int64_t start(struct life *f)
{
	life_init(f);
	life_start(f);
	fake_loop_advance(f->loop, USEC_PER_HOUR);
	life_expect_served(f, true);
	return get_served(f);
}

static void ask(struct life *f, int64_t id, enum acme_revocation_reason reason)
{
	bool serves = false;

	assert_int_equal(revocations_ask(f->revocations, id, reason, &serves, NULL), 0);
	assert_int_equal(serves, id == get_served(f));
	schedule_run(f->schedule);
}

static char *load_key(struct life *f, int64_t id)
{
	struct store_certificate c;

	assert_int_equal(store_certificate_load(f->store, id, &c, NULL), 0);
	char *key = xstrdup(c.key_pem);
	store_certificate_done(&c);
	return key;
}

/* Another one, with another key, and the old one is revoked. */
static void expect_replaced(struct life *f, int64_t old)
{
	_cleanup_(freep) char *waiting = revocations_format_waiting(f->revocations);
	_cleanup_(freep) char *before = load_key(f, old);
	_cleanup_(freep) char *now = load_key(f, get_served(f));

	assert_int_not_equal(get_served(f), old);
	assert_string_not_equal(before, now);
	assert_int_equal(fake_ca_count_revoked(f->ca), 1);
	assert_int_equal(fake_ca_count_accounts(f->ca), 1);
	assert_null(waiting);
	life_expect_served(f, true);
}

/* --- what is served ------------------------------------------------------------------------ */

/* At no time what is served is revoked. */
static void test_replaced_first(void **state)
{
	struct life f;
	int64_t old = start(&f);

	ask(&f, old, ACME_REVOCATION_SUPERSEDED);
	_cleanup_(freep) char *waiting = revocations_format_waiting(f.revocations);
	assert_non_null(strstr(waiting, "waits for its replacement"));
	unsigned n = 0;
	while (fake_ca_count_revoked(f.ca) == 0 && n++ < TURNS_MAX)
		life_run_turn(&f);
	assert_int_not_equal(get_served(&f), old);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	expect_replaced(&f, old);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	assert_int_equal(fake_ca_count_by_certificate(f.ca), 0);
	/* and no further one, ever */
	fake_loop_advance(f.loop, 20 * USEC_PER_DAY);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	assert_int_equal(fake_ca_count_revoked(f.ca), 1);
	life_done(&f);
}

static void test_key_is_compromised(void **state)
{
	struct life f;
	int64_t old = start(&f);

	ask(&f, old, ACME_REVOCATION_KEY_COMPROMISE);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	expect_replaced(&f, old);
	assert_int_equal(fake_ca_count_by_certificate(f.ca), 1);
	life_done(&f);
}

static void test_asked_twice(void **state)
{
	struct life f;
	int64_t old = start(&f);

	ask(&f, old, ACME_REVOCATION_UNSPECIFIED);
	ask(&f, old, ACME_REVOCATION_SUPERSEDED);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	expect_replaced(&f, old);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

/* The CA cannot be reached when it is asked for: what is served stays, and stays valid. */
static void test_no_replacement(void **state)
{
	struct life f;
	int64_t old = start(&f);

	fake_ca_set_trouble(f.ca, FAKE_CA_UNREACHABLE);
	ask(&f, old, ACME_REVOCATION_SUPERSEDED);
	fake_loop_advance(f.loop, 3 * USEC_PER_DAY);
	assert_int_equal(get_served(&f), old);
	assert_int_equal(fake_ca_count_revoked(f.ca), 0);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	fake_loop_advance(f.loop, 2 * USEC_PER_DAY);
	expect_replaced(&f, old);
	life_done(&f);
}

/* True: it was over before that turn. */
static bool kill_at(unsigned turn)
{
	struct life f;
	int64_t old = start(&f);

	ask(&f, old, ACME_REVOCATION_SUPERSEDED);
	bool is_over = false;
	for (unsigned i = 0; i < turn && !is_over; i++) {
		life_run_turn(&f);
		_cleanup_(freep) char *waiting =
			revocations_format_waiting(f.revocations);
		is_over = !waiting;
	}
	life_kill(&f);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	expect_replaced(&f, old);
	assert_in_range(fake_ca_count_orders(f.ca), 2, 3);
	assert_int_equal(fake_ca_count_certificates(f.ca), 2);
	life_done(&f);
	return is_over;
}

static void test_killed_after_each_turn(void **state)
{
	unsigned turn = 1;

	while (!kill_at(turn) && turn < TURNS_MAX)
		turn += turn < 20 ? 1 : 2;
	assert_in_range(turn, 15, TURNS_MAX - 1);
}

/* --- what was replaced before ---------------------------------------------------------------- */

static int64_t start_and_renew(struct life *f)
{
	int64_t old = start(f);
	struct store_slot slot = life_load_slot(f);

	assert_int_equal(schedule_start(f->schedule, slot.id, JOB_FORCED, NULL), 0);
	store_slot_done(&slot);
	fake_loop_advance(f->loop, USEC_PER_HOUR);
	assert_int_not_equal(get_served(f), old);
	return old;
}

static void test_replaced_before(void **state)
{
	struct life f;
	int64_t old = start_and_renew(&f);

	ask(&f, old, ACME_REVOCATION_CESSATION);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	expect_replaced(&f, old);
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	life_done(&f);
}

/* The answer is lost; the next one is "already". */
static void test_answer_is_lost(void **state)
{
	struct life f;
	int64_t old = start_and_renew(&f);

	fake_ca_set_trouble(f.ca, FAKE_CA_MUTE_REVOCATION);
	ask(&f, old, ACME_REVOCATION_SUPERSEDED);
	fake_loop_advance(f.loop, 2 * USEC_PER_MIN);
	_cleanup_(freep) char *waiting = revocations_format_waiting(f.revocations);
	assert_non_null(waiting);
	fake_ca_set_trouble(f.ca, FAKE_CA_WELL);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	expect_replaced(&f, old);
	life_done(&f);
}

/* Its own key will do, without the account. */
static void test_account_is_stopped(void **state)
{
	struct life f;
	int64_t old = start_and_renew(&f);

	authority_stop_account(f.authority, "somebody stopped it");
	ask(&f, old, ACME_REVOCATION_SUPERSEDED);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	expect_replaced(&f, old);
	assert_int_equal(fake_ca_count_by_certificate(f.ca), 1);
	life_done(&f);
}

int main(void)
{
	log_capture(ignore, NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replaced_first),
		cmocka_unit_test(test_key_is_compromised),
		cmocka_unit_test(test_asked_twice),
		cmocka_unit_test(test_no_replacement),
		cmocka_unit_test(test_killed_after_each_turn),
		cmocka_unit_test(test_replaced_before),
		cmocka_unit_test(test_answer_is_lost),
		cmocka_unit_test(test_account_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
