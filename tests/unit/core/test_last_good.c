/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is served, kept beside the database, and read when that cannot be. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/workers/last_good.h"
#include "store/certificate.h"
#include "store/slot.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_ca.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	char *directory;
	struct store *store;
	struct test_ca *ca;
	struct last_good *lg;
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){
		.loop = fake_loop_new(),
		.directory = test_tmpdir_new(),
		.ca = test_ca_new(),
	};
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	const struct last_good_params params = {
		.loop = f->loop,
		.store = f->store,
		.directory = f->directory,
	};
	f->lg = last_good_new(&params);
}

static void teardown(struct fixture *f)
{
	last_good_free(f->lg);
	store_close(f->store);
	test_ca_free(f->ca);
	test_tmpdir_free(f->directory);
	loop_free(f->loop);
}

/* Another certificate for the slot, which is now served; its id. */
static int64_t certify(struct fixture *f, int64_t slot_id, const char *name)
{
	char *const names[] = { (char *)name, NULL };
	const struct test_ca_leaf leaf = { .names = names };
	struct store_slot slot = { 0 };
	struct store_certificate c = {
		.slot_id = slot_id,
		.authority = (char *)"https://ca.test/",
		.names = (char *)name,
		.serial = (char *)"01",
		.fingerprint = (char *)name,
		.issuer = (char *)"CN=\"a test\", with \xc3\xa4",
		.not_before_usec = 1,
		.not_after_usec = UINT64_C(4000000000000001),
		.issued_usec = 3,
	};

	test_ca_issue(f->ca, &leaf, &c.chain_pem, &c.key_pem);
	assert_int_equal(store_certificate_add(f->store, &c, NULL), 0);
	assert_int_equal(store_slot_load(f->store, slot_id, &slot, NULL), 0);
	slot.certificate_id = c.id;
	assert_int_equal(store_slot_save(f->store, &slot, NULL), 0);
	store_slot_done(&slot);
	free(c.chain_pem);
	free(c.key_pem);
	return c.id;
}

static int64_t add_slot(struct fixture *f, const char *domain)
{
	struct store_slot slot = {
		.domain = (char *)domain,
		.key_type = (char *)"ecdsa-p256",
		.names = (char *)domain,
		.authority = (char *)"https://ca.test/",
		.profile = (char *)"short",
	};

	assert_int_equal(store_slot_add(f->store, &slot, NULL), 0);
	return slot.id;
}

static char *find_file(struct fixture *f, const char *part, unsigned *ret_n)
{
	_cleanup_(freep) char *folder = xasprintf("%s/served", f->directory);
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char *found = NULL;

	*ret_n = 0;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		(*ret_n)++;
		if (strncmp(entry->d_name, part, strlen(part)) == 0 && !found)
			found = xasprintf("%s/%s", folder, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static unsigned count_files(struct fixture *f)
{
	unsigned n;

	free(find_file(f, "slot-", &n));
	return n;
}

static void settle(struct fixture *f)
{
	fake_loop_run_until_idle(f->loop, USEC_PER_SEC);
}

/* How many are read; the one of that domain is whole. */
static int load(struct fixture *f, const char *domain)
{
	_cleanup_(store_closep) struct store *store = NULL;
	struct store_slot slot = { 0 };
	struct store_certificate c = { 0 };

	assert_int_equal(store_open(&store, ":memory:", 0, NULL), 0);
	int n = last_good_load(f->directory, store, NULL, NULL);
	if (domain) {
		assert_int_equal(
			store_slot_find(store, domain, "ecdsa-p256", &slot, NULL), 0);
		assert_int_equal(
			store_certificate_load(store, slot.certificate_id, &c, NULL),
			0);
		assert_string_equal(slot.profile, "short");
		assert_string_equal(c.names, domain);
		assert_string_equal(c.issuer, "CN=\"a test\", with \xc3\xa4");
		assert_int_equal(c.not_after_usec, UINT64_C(4000000000000001));
		assert_non_null(strstr(c.key_pem, "PRIVATE KEY"));
		assert_non_null(strstr(c.chain_pem, "-----BEGIN CERTIFICATE-----"));
	}
	store_certificate_done(&c);
	store_slot_done(&slot);
	return n;
}

static void test_there_and_back(void **state)
{
	struct fixture f;
	struct stat st;
	unsigned n;

	setup(&f);
	assert_int_equal(load(&f, NULL), 0);
	int64_t slot = add_slot(&f, "a.test");
	int64_t first = certify(&f, slot, "a.test");
	last_good_put(f.lg, slot, 0);
	settle(&f);
	_cleanup_(freep) char *path = find_file(&f, "slot-", &n);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(load(&f, "a.test"), 1);
	/* the next one takes its place */
	certify(&f, slot, "a.test");
	last_good_put(f.lg, slot, first);
	settle(&f);
	assert_int_equal(count_files(&f), 1);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(load(&f, "a.test"), 1);
	teardown(&f);
}

/* Missing ones are written, and what nobody has goes; a few a turn. */
static void test_follow(void **state)
{
	struct fixture f;
	unsigned n;

	setup(&f);
	for (int i = 0; i < 20; i++) {
		_cleanup_(freep) char *domain = xasprintf("d%d.test", i);
		certify(&f, add_slot(&f, domain), domain);
	}
	add_slot(&f, "none.test");
	last_good_follow(f.lg);
	assert_int_equal(count_files(&f), 0);
	fake_loop_run_one(f.loop);
	assert_true(count_files(&f) < 20);
	settle(&f);
	assert_int_equal(count_files(&f), 20);
	_cleanup_(freep) char *path = find_file(&f, "slot-7-", &n);
	_cleanup_(freep) char *stray =
		xasprintf("%s/served/slot-99-1.pem", f.directory);
	assert_int_equal(rename(path, stray), 0);
	last_good_follow(f.lg);
	settle(&f);
	assert_int_equal(count_files(&f), 20);
	assert_int_equal(access(stray, F_OK), -1);
	assert_int_equal(load(&f, "d7.test"), 20);
	teardown(&f);
}

/* Each of these costs one certificate and no more. */
static void test_rotten(void **state)
{
	static const struct {
		const char *name;
		int at; /* per cent of the file; < 0: it ends there */
	} cases[] = {
		{ "head", 0 },
		{ "key", 30 },
		{ "chain", 60 },
		{ "cut off", -50 },
		{ "empty", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		struct stat st;
		unsigned n;

		test_case(cases[i].name);
		setup(&f);
		int64_t good = add_slot(&f, "good.test");
		int64_t bad = add_slot(&f, "bad.test");
		certify(&f, good, "good.test");
		certify(&f, bad, "bad.test");
		last_good_follow(f.lg);
		settle(&f);
		_cleanup_(freep) char *path = find_file(&f, "slot-2-", &n);
		assert_int_equal(stat(path, &st), 0);
		FILE *file = fopen(path, "r+e");
		fseek(file, st.st_size * cases[i].at / 100, SEEK_SET);
		if (cases[i].at >= 0)
			fputs("@@", file);
		fclose(file);
		if (cases[i].at < 0)
			assert_int_equal(
				truncate(path, st.st_size * (-cases[i].at - 1) / 100),
				0);
		test_log_expect(LOG_LEVEL_WARNING, "is passed over");
		assert_int_equal(load(&f, "good.test"), 1);
		teardown(&f);
	}
}

/* A disk that does not take it: said once, tried again. */
static void test_not_written(void **state)
{
	struct fixture f;

	setup(&f);
	_cleanup_(freep) char *folder = test_tmpdir_write(f.directory, "served", "");
	int64_t slot = add_slot(&f, "a.test");
	certify(&f, slot, "a.test");
	test_log_expect(LOG_LEVEL_ERROR, "the last good copy is not kept");
	last_good_put(f.lg, slot, 0);
	fake_loop_advance(f.loop, 10 * USEC_PER_MIN);
	assert_int_equal(unlink(folder), 0);
	fake_loop_advance(f.loop, 2 * USEC_PER_MIN);
	assert_int_equal(load(&f, "a.test"), 1);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_there_and_back),
		test_with_log(test_follow),
		test_with_log(test_rotten),
		test_with_log(test_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
