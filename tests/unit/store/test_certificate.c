/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/install.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static void test_round_trip(void **state)
{
	struct store_fixture *f = *state;
	struct store_certificate c = { 0 };
	int64_t slot = store_fixture_slot(f->store, "example.org");

	assert_int_equal(
		store_certificate_load(f->store, 1, &c, NULL), STORE_E_NOT_FOUND);
	_cleanup_(freep) char *chain = xcalloc(1, 100001);
	memset(chain, 'c', 100000);
	struct store_certificate added = {
		.slot_id = slot,
		.authority = (char *)"letsencrypt",
		.names = (char *)"a.test b.test",
		.chain_pem = chain,
		.key_pem = (char *)"key",
		.serial = (char *)"0a0b",
		.fingerprint = (char *)"ff",
		.issuer = (char *)"CN=CA",
		.not_before_usec = 1,
		.not_after_usec = 2,
		.issued_usec = 3,
	};
	assert_int_equal(store_certificate_add(f->store, &added, NULL), 0);
	assert_int_equal(store_certificate_set_state(
				 f->store, added.id, STORE_CERTIFICATE_SERVED, NULL),
		0);
	store_fixture_reopen(f);
	assert_int_equal(store_certificate_load(f->store, added.id, &c, NULL), 0);
	assert_int_equal(c.id, added.id);
	assert_int_equal(c.slot_id, slot);
	assert_string_equal(c.authority, "letsencrypt");
	assert_string_equal(c.names, "a.test b.test");
	assert_string_equal(c.chain_pem, chain);
	assert_string_equal(c.key_pem, "key");
	assert_string_equal(c.serial, "0a0b");
	assert_string_equal(c.fingerprint, "ff");
	assert_string_equal(c.issuer, "CN=CA");
	assert_true(
		c.not_before_usec == 1 && c.not_after_usec == 2 && c.issued_usec == 3);
	assert_int_equal(c.state, STORE_CERTIFICATE_SERVED);
	store_certificate_done(&c);
	assert_int_equal(store_certificate_set_state(
				 f->store, 99, STORE_CERTIFICATE_SERVED, NULL),
		-ENOENT);
}

/* A chain without its key is no certificate: neither is stored without the other. */
static void test_all_or_nothing(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	struct store_certificate c = { 0 };
	int64_t slot = store_fixture_slot(f->store, "example.org");
	struct store_certificate added = {
		.slot_id = slot,
		.authority = (char *)"a",
		.names = (char *)"n",
		.chain_pem = (char *)"c",
		.serial = (char *)"1",
		.fingerprint = (char *)"f",
		.issuer = (char *)"i",
	};

	assert_int_equal(store_certificate_add(f->store, &added, &err), -EINVAL);
	store_fixture_expect_error(&err, "certificate_pem.key_pem");
	assert_int_equal(store_certificate_load(f->store, added.id, &c, NULL),
		STORE_E_NOT_FOUND);
	int64_t id = store_fixture_certificate(f->store, slot, "a.test", 1);
	store_fixture_sql(f->store, "DELETE FROM certificate_pem");
	assert_int_equal(store_certificate_load(f->store, id, &c, &err), -EUCLEAN);
	store_fixture_expect_error(&err, "certificate 1: chain_pem is missing");
}

static bool is_damaged(struct store *store, int64_t id)
{
	struct store_certificate c = { 0 };

	assert_int_equal(store_certificate_load(store, id, &c, NULL), 0);
	bool is_damaged = c.is_damaged;
	store_certificate_done(&c);
	return is_damaged;
}

/* One octet somewhere in the chain or the key; what has no checksum cannot be told. */
static void test_rot(void **state)
{
	static const char *const changes[] = {
		"UPDATE certificate_pem SET chain_pem = chain_pem || 'x'",
		"UPDATE certificate_pem SET key_pem = 'x' || substr(key_pem, 2)",
		"UPDATE certificate_pem SET chain_pem = key_pem, key_pem = chain_pem",
		"UPDATE certificate_pem SET checksum = checksum + 1",
	};
	struct store_fixture *f = *state;
	int64_t slot = store_fixture_slot(f->store, "example.org");
	int64_t id = store_fixture_certificate(f->store, slot, "a.test", 1);

	assert_false(is_damaged(f->store, id));
	store_fixture_sql(
		f->store, "CREATE TEMP TABLE was AS SELECT * FROM certificate_pem");
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		test_case(changes[i]);
		store_fixture_sql(f->store, changes[i]);
		assert_true(is_damaged(f->store, id));
		store_fixture_sql(f->store,
			"UPDATE certificate_pem SET (chain_pem, key_pem, checksum) ="
			" (SELECT chain_pem, key_pem, checksum FROM was)");
		assert_false(is_damaged(f->store, id));
	}
	store_fixture_sql(f->store,
		"UPDATE certificate_pem SET checksum = NULL, chain_pem = 'x'");
	assert_false(is_damaged(f->store, id));
}

static bool is_there(struct store *store, int64_t id)
{
	struct store_certificate c = { 0 };
	int r = store_certificate_load(store, id, &c, NULL);

	store_certificate_done(&c);
	return r == 0;
}

static void test_prune(void **state)
{
	struct store_fixture *f = *state;
	int64_t slot_id = store_fixture_slot(f->store, "example.org");
	int64_t other = store_fixture_slot(f->store, "other.org");
	int64_t ids[7];

	for (int i = 0; i < 7; i++) {
		ids[i] = store_fixture_certificate(
			f->store, i == 6 ? other : slot_id, "a.test", 1);
		assert_int_equal(store_certificate_set_state(f->store, ids[i],
					 i % 2 ? STORE_CERTIFICATE_REJECTED
					       : STORE_CERTIFICATE_SUPERSEDED,
					 NULL),
			0);
	}
	assert_int_equal(store_certificate_set_state(
				 f->store, ids[0], STORE_CERTIFICATE_SERVED, NULL),
		0);
	struct store_install install = { .certificate_id = ids[2],
		.target = (char *)"front",
		.address = (char *)"" };
	assert_int_equal(store_install_save(f->store, &install, NULL), 0);
	struct store_slot slot = { 0 };
	assert_int_equal(store_slot_load(f->store, slot_id, &slot, NULL), 0);
	slot.certificate_id = ids[1];
	assert_int_equal(store_slot_save(f->store, &slot, NULL), 0);
	store_slot_done(&slot);

	assert_int_equal(store_certificate_prune(f->store, slot_id, 2, NULL), 0);
	static const bool kept[] = { true, true, false, false, true, true, true };
	for (int i = 0; i < 7; i++)
		assert_int_equal(is_there(f->store, ids[i]), kept[i]);
}

static int on_name(
	const char *name, int64_t certificate_id, const char *key_type, void *userdata)
{
	char *text = userdata;
	size_t len = strlen(text);

	snprintf(text + len, 1024 - len, "%s=%d/%s ", name, (int)certificate_id,
		key_type);
	return strcmp(name, "stop.test") == 0 ? 5 : 0;
}

static void put(struct store *store, int64_t slot_id, int64_t current, int64_t pending,
	bool removed)
{
	struct store_slot slot = { 0 };

	assert_int_equal(store_slot_load(store, slot_id, &slot, NULL), 0);
	slot.certificate_id = current;
	slot.pending_id = pending;
	slot.removed = removed;
	assert_int_equal(store_slot_save(store, &slot, NULL), 0);
	store_slot_done(&slot);
}

static void install(
	struct store *store, int64_t certificate_id, const char *target, bool is_done)
{
	struct store_install row = {
		.certificate_id = certificate_id,
		.target = (char *)target,
		.address = (char *)"",
		.done_usec = is_done ? 1 : 0,
	};

	assert_int_equal(store_install_save(store, &row, NULL), 0);
}

static int see_served(struct store *store, int n, char *text, struct err *err)
{
	struct store_served_cursor cursor = { .target = "front", .n = n };
	int r;

	do
		r = store_certificate_page_served(store, &cursor, on_name, text, err);
	while (r == 1);
	return r;
}

static void test_each_served(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	char text[1024] = "";
	int64_t a = store_fixture_slot(f->store, "a.test");
	int64_t b = store_fixture_slot(f->store, "b.test");
	int64_t c = store_fixture_slot(f->store, "c.test");
	int64_t d = store_fixture_slot(f->store, "d.test");

	store_fixture_slot(f->store, "empty.test");
	int64_t a1 = store_fixture_certificate(f->store, a, "x.test y.test", 1);
	int64_t b1 = store_fixture_certificate(f->store, b, "old.test", 1);
	int64_t b2 = store_fixture_certificate(f->store, b, "new.test", 1);
	int64_t c1 = store_fixture_certificate(f->store, c, "gone.test", 1);
	int64_t d1 = store_fixture_certificate(f->store, d, "first.test", 1);
	put(f->store, a, a1, 0, false);
	put(f->store, b, b1, b2, false);
	put(f->store, c, c1, 0, true);
	put(f->store, d, 0, d1, false);
	/* Installed elsewhere is not what the front serves. */
	install(f->store, b2, "files", true);
	install(f->store, b2, "front", false);
	assert_int_equal(see_served(f->store, 100, text, NULL), 0);
	assert_string_equal(text, "x.test=1/ecdsa-p256 y.test=1/ecdsa-p256 "
				  "old.test=2/ecdsa-p256 first.test=5/ecdsa-p256 ");
	for (int n = 1; n < 5; n++) {
		char same[1024] = "";
		assert_int_equal(see_served(f->store, n, same, NULL), 0);
		assert_string_equal(same, text);
	}
	install(f->store, b2, "front", true);
	text[0] = '\0';
	assert_int_equal(see_served(f->store, 100, text, NULL), 0);
	assert_string_equal(text,
		"x.test=1/ecdsa-p256 y.test=1/ecdsa-p256 new.test=3/ecdsa-p256 "
		"first.test=5/ecdsa-p256 ");

	store_fixture_sql(f->store,
		"UPDATE certificate SET names = printf('%.*c', 254, 'x') WHERE id = 1");
	text[0] = '\0';
	assert_int_equal(see_served(f->store, 100, text, &err), -EUCLEAN);
	store_fixture_expect_error(
		&err, "certificate 1: names has one that is too long");
	assert_string_equal(text, "new.test=3/ecdsa-p256 first.test=5/ecdsa-p256 ");

	store_fixture_sql(f->store,
		"UPDATE certificate SET names = 'stop.test not.test' WHERE id = 1");
	text[0] = '\0';
	assert_int_equal(see_served(f->store, 100, text, &err), 5);
	assert_string_equal(text, "stop.test=1/ecdsa-p256 ");
}

static void test_pages_with_bad_rows(void **state)
{
	struct store_fixture *f = *state;
	struct store_served_cursor cursor = { .target = "front", .n = 1 };
	char text[1024] = "";
	int64_t a = store_fixture_slot(f->store, "a.test");
	int64_t b = store_fixture_slot(f->store, "b.test");

	put(f->store, a, store_fixture_certificate(f->store, a, "a.test", 1), 0, false);
	put(f->store, b, store_fixture_certificate(f->store, b, "b.test", 1), 0, false);
	store_fixture_sql(f->store,
		"UPDATE certificate SET names = printf('%.*c', 254, 'x') WHERE id = 1");
	assert_int_equal(
		store_certificate_page_served(f->store, &cursor, on_name, text, NULL),
		-EUCLEAN);
	assert_int_equal(cursor.slot_id, a);
	assert_int_equal(
		store_certificate_page_served(f->store, &cursor, on_name, text, NULL),
		1);
	assert_string_equal(text, "b.test=2/ecdsa-p256 ");
}

/* Slots that were removed, the last one at the end. */
static void test_retired(void **state)
{
	static const int due[] = { 30, 10, 20, 10 };
	struct store_fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(due); i++) {
		_cleanup_(freep) char *name = xasprintf("d%u.test", i);
		int64_t id = store_fixture_slot(f->store, name);
		put(f->store, id, store_fixture_certificate(f->store, id, name, 1), 0,
			true);
		assert_int_equal(store_slot_set_due(f->store, id, due[i], NULL), 0);
	}
	for (int n = 1; n < 6; n++) {
		struct store_served_cursor cursor = { .n = n };
		char text[1024] = "";
		int r;

		do
			r = store_certificate_page_retired(
				f->store, &cursor, on_name, text, NULL);
		while (r == 1);
		assert_int_equal(r, 0);
		assert_string_equal(text, "d1.test=2/ecdsa-p256 d3.test=4/ecdsa-p256 "
					  "d2.test=3/ecdsa-p256 d0.test=1/ecdsa-p256 ");
	}
	_cleanup_(freep) char *plan =
		store_fixture_explain(f->store, STORE_STMT_CERTIFICATE_EACH_RETIRED);
	assert_non_null(strstr(plan, "slot_retired"));
	assert_null(strstr(plan, "TEMP B-TREE"));
}

static void test_served_reads_no_pem(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *plan =
		store_fixture_explain(f->store, STORE_STMT_CERTIFICATE_EACH_SERVED);

	assert_null(strstr(plan, "certificate_pem"));
	assert_null(strstr(plan, "TEMP B-TREE"));
	assert_non_null(strstr(plan, "SEARCH s USING INTEGER PRIMARY KEY"));
	assert_non_null(strstr(plan, "SEARCH c USING INTEGER PRIMARY KEY"));
	_cleanup_(freep) char *prune =
		store_fixture_explain(f->store, STORE_STMT_CERTIFICATE_PRUNE);
	assert_null(strstr(prune, "SCAN"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_round_trip),
		test_with_store(test_all_or_nothing),
		test_with_store(test_rot),
		test_with_store(test_prune),
		test_with_store(test_each_served),
		test_with_store(test_pages_with_bad_rows),
		test_with_store(test_retired),
		test_with_store(test_served_reads_no_pem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
