/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A certificate's life on a disk that fails at the nth change to the database, for every
 * n: once, or until somebody makes room. Nothing that is served changes, the CA is not
 * asked for what could not be remembered, no loop runs hot, and a minute after the disk is
 * well the work goes on.
 */
#include <string.h>
#include <unistd.h>

#include "store/event.h"
#include "tests/lib/fault_vfs.h"
#include "tests/unit/core/life.h"
#include "util/mem.h"

#define N_MAX 2000

struct disk_case {
	const char *name;
	enum fault_vfs_kind kind;
	bool for_ever;
};

static const struct disk_case cases[] = {
	{ "full, once", FAULT_VFS_FULL, false },
	{ "broken, once", FAULT_VFS_IO, false },
	{ "full", FAULT_VFS_FULL, true },
	{ "broken", FAULT_VFS_IO, true },
	{ "read-only", FAULT_VFS_READ_ONLY, true },
};

static void ignore(enum log_level level, const char *text, void *userdata)
{
}

static unsigned next_of(unsigned n)
{
	return n < 20 ? n + 1 : n + 7;
}

static const char *alarm_of(struct life *f)
{
	return store_watch_get_alarm(f->store_watch);
}

struct told {
	unsigned n_trouble, n_well, n_failed;
};

static int on_event(const struct store_event *event, void *userdata)
{
	struct told *told = userdata;
	bool is_store = strcmp(event->kind, "store") == 0;

	told->n_well += is_store && strstr(event->text, "again");
	told->n_trouble += is_store && !strstr(event->text, "again");
	told->n_failed += strcmp(event->kind, "failed") == 0;
	return 0;
}

static struct told read_events(struct life *f)
{
	struct store_event_range range = { .after = 0, .n = 1000 };
	struct told told = { 0 };

	assert_int_equal(store_event_each(f->store, &range, on_event, &told, NULL), 0);
	return told;
}

/* --- while the first certificate is ordered ------------------------------------------------- */

static int count_account(const struct store_account *account, void *userdata)
{
	unsigned *n = userdata;

	(*n)++;
	return 0;
}

/* What the CA has seen stays within what one fault excuses: the same key asked for its
 * account once more, one order of which the answer was lost. */
static void expect_moderate(struct life *f, unsigned lost)
{
	unsigned n_accounts = 0;

	assert_int_equal(
		store_account_each(f->store, count_account, &n_accounts, NULL), 0);
	assert_in_range(n_accounts, 0, 1);
	assert_in_range(fake_ca_count_accounts(f->ca), 0, 1 + lost);
	assert_in_range(fake_ca_count_orders(f->ca), 0, 1 + lost);
	assert_in_range(fake_ca_count_certificates(f->ca), 0, 1);
}

/* False: the nth change was never made. */
static bool run_case(struct fault_vfs *vfs, const struct disk_case *c, unsigned n)
{
	struct life f;

	life_init(&f);
	life_start(&f);
	fault_vfs_arm(vfs, c->kind, n, c->for_ever);
	fake_loop_advance(f.loop, 5 * USEC_PER_SEC);
	bool has_failed = fault_vfs_has_failed(vfs);
	if (has_failed && c->for_ever) {
		assert_non_null(alarm_of(&f));
		unsigned requests = fake_ca_count_requests(f.ca);
		fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
		assert_non_null(alarm_of(&f));
		/* what was under way may have come to its end */
		assert_in_range(fake_ca_count_requests(f.ca), requests, requests + 20);
		expect_moderate(&f, 0);
	}
	fault_vfs_arm(vfs, c->kind, 0, false);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_null(alarm_of(&f));
	expect_moderate(&f, has_failed);
	life_expect_served(&f, true);
	assert_int_equal(fake_ca_count_certificates(f.ca), 1);
	assert_int_equal(life_count_presented(&f), 0);
	life_done(&f);
	return has_failed;
}

static void test_first(void **state)
{
	struct fault_vfs *vfs = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned n = 1;

		test_case(cases[i].name);
		while (run_case(vfs, &cases[i], n))
			n = next_of(n);
		assert_in_range(n, 20, N_MAX);
	}
}

/* --- when a renewal is due --------------------------------------------------------------------- */

/* A disk that is full when a renewal comes: the CA is asked when to renew, and not for
 * anything; told once. */
static void test_renewal(void **state)
{
	struct fault_vfs *vfs = *state;
	struct life f;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, 50 * USEC_PER_DAY);
	life_expect_served(&f, true);
	fault_vfs_arm(vfs, FAULT_VFS_FULL, 1, true);
	unsigned requests = fake_ca_count_requests(f.ca);
	fake_loop_advance(f.loop, 15 * USEC_PER_DAY);
	assert_non_null(strstr(alarm_of(&f), "disk full"));
	assert_in_range(fake_ca_count_requests(f.ca), requests, requests + 1);
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	assert_int_equal(f.told.n_installed, 1);
	life_expect_served(&f, true);
	struct err err = ERR_INIT;
	struct store_slot slot = life_load_slot(&f);
	assert_true(schedule_start(f.schedule, slot.id, JOB_FORCED, &err) < 0);
	assert_non_null(strstr(err.detail, "disk full"));
	err_done(&err);
	assert_int_equal(slot.attempts, 0);
	store_slot_done(&slot);
	fault_vfs_arm(vfs, FAULT_VFS_FULL, 0, false);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_null(alarm_of(&f));
	assert_int_equal(fake_ca_count_orders(f.ca), 2);
	assert_int_equal(f.told.n_installed, 2);
	life_expect_served(&f, true);
	/* while it was full nothing could be stored but in the log */
	struct told told = read_events(&f);
	assert_int_equal(told.n_well, 1);
	assert_int_equal(told.n_failed, 0);
	life_done(&f);
}

/* What comes and goes makes no more noise than what stays. */
static void test_flapping(void **state)
{
	struct fault_vfs *vfs = *state;
	struct life f;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	for (int i = 0; i < 50; i++) {
		fault_vfs_arm(vfs, FAULT_VFS_IO, 1, false);
		assert_true(store_probe(f.store, NULL) < 0);
		assert_non_null(alarm_of(&f));
		fake_loop_advance(f.loop, 11 * USEC_PER_SEC);
		assert_null(alarm_of(&f));
	}
	struct told told = read_events(&f);
	assert_int_equal(told.n_trouble, 1);
	assert_int_equal(told.n_well, 1);
	assert_int_equal(told.n_failed, 0);
	life_done(&f);
}

/* Damage does not pass: nothing is tried, and the alarm says what to do. */
static void test_damaged(void **state)
{
	struct life f;

	life_init(&f);
	life_start(&f);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	char garbage[4096];
	memset(garbage, 0xee, sizeof(garbage));
	_cleanup_(freep) char *wal = xasprintf("%s-wal", f.path);
	assert_int_equal(truncate(wal, 0), 0);
	FILE *file = fopen(f.path, "r+");
	assert_non_null(file);
	for (int page = 1; page < 60; page++)
		assert_int_equal(fseek(file, page * 4096L, SEEK_SET) +
					 (fwrite(garbage, 4096, 1, file) == 1),
			1);
	fclose(file);
	fake_loop_advance(f.loop, 70 * USEC_PER_DAY);
	assert_non_null(alarm_of(&f));
	assert_non_null(strstr(alarm_of(&f), "damaged"));
	assert_non_null(strstr(alarm_of(&f), "last good copy"));
	assert_int_equal(fake_ca_count_orders(f.ca), 1);
	life_done(&f);
}

static int setup(void **state)
{
	*state = fault_vfs_new();
	return 0;
}

static int teardown(void **state)
{
	fault_vfs_free(*state);
	return 0;
}

#define test_with_vfs(fn) cmocka_unit_test_setup_teardown((fn), setup, teardown)

int main(void)
{
	/* Thousands of syncs, and none of them has to survive anything. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	log_capture(ignore, NULL);
	const struct CMUnitTest tests[] = {
		test_with_vfs(test_first),
		test_with_vfs(test_renewal),
		test_with_vfs(test_flapping),
		test_with_vfs(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
