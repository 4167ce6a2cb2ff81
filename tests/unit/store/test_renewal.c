/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "store/renewal.h"
#include "tests/unit/store/store_fixture.h"

static void assert_equal(
	const struct store_renewal *is, const struct store_renewal *wanted)
{
	assert_int_equal(is->slot_id, wanted->slot_id);
	assert_int_equal(is->certificate_id, wanted->certificate_id);
	assert_int_equal(is->window_start_usec, wanted->window_start_usec);
	assert_int_equal(is->window_end_usec, wanted->window_end_usec);
	assert_int_equal(is->moment_usec, wanted->moment_usec);
	assert_int_equal(is->ask_again_usec, wanted->ask_again_usec);
	assert_int_equal(is->n_early, wanted->n_early);
	assert_int_equal(is->early_id, wanted->early_id);
}

static void test_round_trip(void **state)
{
	struct store_fixture *f = *state;
	struct store_renewal said = {
		.slot_id = store_fixture_slot(f->store, "example.org"),
		.certificate_id = 12,
		.window_start_usec = 1000,
		.window_end_usec = 3000,
		.moment_usec = 2000,
		.ask_again_usec = USEC_NEVER,
		.n_early = 3,
		.early_id = 11,
	};
	struct store_renewal read = { 0 };

	assert_int_equal(store_renewal_load(f->store, said.slot_id, &read, NULL),
		STORE_E_NOT_FOUND);
	assert_int_equal(store_renewal_save(f->store, &said, NULL), 0);
	store_fixture_reopen(f);
	assert_int_equal(store_renewal_load(f->store, said.slot_id, &read, NULL), 0);
	assert_equal(&read, &said);
	said.window_start_usec = said.window_end_usec = 0;
	said.n_early = 0;
	assert_int_equal(store_renewal_save(f->store, &said, NULL), 0);
	assert_int_equal(store_renewal_load(f->store, said.slot_id, &read, NULL), 0);
	assert_equal(&read, &said);
}

static void test_of_no_slot(void **state)
{
	struct store_fixture *f = *state;
	const struct store_renewal said = { .slot_id = 99 };

	assert_int_equal(store_renewal_save(f->store, &said, NULL), -EINVAL);
}

static void test_bad_row(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	struct store_renewal said = {
		.slot_id = store_fixture_slot(f->store, "example.org"),
	};
	struct store_renewal read = { .n_early = 7 };

	assert_int_equal(store_renewal_save(f->store, &said, NULL), 0);
	store_fixture_sql(f->store, "UPDATE renewal SET moment_usec = -1");
	assert_int_equal(
		store_renewal_load(f->store, said.slot_id, &read, &err), -EUCLEAN);
	store_fixture_expect_error(&err, "moment_usec is out of range");
	assert_int_equal(read.n_early, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_round_trip),
		test_with_store(test_of_no_slot),
		test_with_store(test_bad_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
