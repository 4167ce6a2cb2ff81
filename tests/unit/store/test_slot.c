/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/store_priv.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static void test_round_trip(void **state)
{
	struct store_fixture *f = *state;
	struct store_slot s = { 0 };

	assert_int_equal(store_slot_load(f->store, 1, &s, NULL), STORE_E_NOT_FOUND);
	int64_t id = store_fixture_slot(f->store, "example.org");
	int64_t certificate = store_fixture_certificate(f->store, id, "a.test", 5);
	assert_int_equal(store_slot_load(f->store, id, &s, NULL), 0);
	assert_true(s.due_usec == USEC_NEVER);
	assert_null(s.error);
	assert_int_equal(s.certificate_id, 0);
	s.pending_id = certificate;
	s.attempts = 3000000000;
	s.attempted_usec = 7;
	s.due_usec = 99;
	xstrset(&s.profile, "shortlived");
	xstrset(&s.error, "the CA said no");
	xstrset(&s.challenges, "http-01");
	xstrset(&s.names, "a.test b.test");
	assert_int_equal(store_slot_save(f->store, &s, NULL), 0);
	store_slot_done(&s);
	store_fixture_reopen(f);
	assert_int_equal(
		store_slot_find(f->store, "example.org", "ecdsa-p256", &s, NULL), 0);
	assert_int_equal(s.id, id);
	assert_int_equal(s.pending_id, certificate);
	assert_true(
		s.attempts == 3000000000 && s.attempted_usec == 7 && s.due_usec == 99);
	assert_string_equal(s.profile, "shortlived");
	assert_string_equal(s.error, "the CA said no");
	assert_string_equal(s.challenges, "http-01");
	assert_string_equal(s.names, "a.test b.test");
	store_slot_done(&s);
}

static void test_removed(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	struct store_slot s = { 0 };

	int64_t id = store_fixture_slot(f->store, "example.org");
	assert_int_equal(store_slot_load(f->store, id, &s, NULL), 0);
	assert_int_equal(store_slot_add(f->store, &s, &err), -EEXIST);
	store_fixture_expect_error(&err, "slot.domain, slot.key_type");
	s.id = id;
	s.removed = true;
	s.due_usec = 1;
	assert_int_equal(store_slot_save(f->store, &s, NULL), 0);
	store_slot_done(&s);
	assert_int_equal(
		store_slot_find(f->store, "example.org", "ecdsa-p256", &s, NULL),
		STORE_E_NOT_FOUND);
	int64_t due_id;
	usec_t due;
	assert_int_equal(
		store_slot_find_due(f->store, &due_id, &due, NULL), STORE_E_NOT_FOUND);
	assert_int_equal(store_slot_list_due(f->store, 9, &due_id, 1, NULL), 0);
	assert_int_not_equal(store_fixture_slot(f->store, "example.org"), id);
	s = (struct store_slot){ .id = 4711,
		.domain = (char *)"example.org",
		.key_type = (char *)"k",
		.names = (char *)"n",
		.authority = (char *)"a" };
	assert_int_equal(store_slot_save(f->store, &s, &err), -ENOENT);
	store_fixture_expect_error(&err, "slot 4711 is not in ");
	s.certificate_id = 4711;
	assert_int_equal(store_slot_add(f->store, &s, &err), -EINVAL);
	store_fixture_expect_error(&err, "FOREIGN KEY");
}

struct seen {
	char text[256];
	int stop;
};

static int on_slot(const struct store_slot *slot, void *userdata)
{
	struct seen *seen = userdata;
	size_t len = strlen(seen->text);

	snprintf(seen->text + len, sizeof(seen->text) - len, "%s ", slot->domain);
	return seen->stop;
}

static void test_each(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	struct seen seen = { 0 };

	assert_int_equal(store_slot_each(f->store, NULL, on_slot, &seen, NULL), 0);
	store_fixture_slot(f->store, "c.test");
	int64_t bad = store_fixture_slot(f->store, "b.test");
	store_fixture_slot(f->store, "a.test");
	assert_int_equal(store_slot_each(f->store, NULL, on_slot, &seen, NULL), 0);
	assert_string_equal(seen.text, "a.test b.test c.test ");
	seen = (struct seen){ .stop = -7 };
	assert_int_equal(store_slot_each(f->store, NULL, on_slot, &seen, NULL), -7);
	assert_string_equal(seen.text, "a.test ");
	seen = (struct seen){ 0 };
	assert_int_equal(store_slot_each(f->store, "b.test", on_slot, &seen, NULL), 0);
	assert_string_equal(seen.text, "b.test ");
	/* One bad row costs one slot. */
	seen = (struct seen){ 0 };
	store_fixture_sql(
		f->store, "UPDATE slot SET names = '' WHERE domain = 'b.test'");
	assert_int_equal(bad, 2);
	assert_int_equal(
		store_slot_each(f->store, NULL, on_slot, &seen, &err), -EUCLEAN);
	assert_string_equal(seen.text, "a.test c.test ");
	store_fixture_expect_error(&err, "slot 2: names is missing");
	assert_int_equal(store_slot_set_due(f->store, bad, 12, NULL), 0);
	assert_int_equal(store_slot_set_due(f->store, 99, 12, NULL), -ENOENT);
}

static int nest(const struct store_slot *slot, void *userdata)
{
	struct store *store = userdata;
	struct store_slot copy = *slot;
	struct seen seen = { 0 };

	assert_int_equal(store_slot_each(store, NULL, on_slot, &seen, NULL), 0);
	assert_string_equal(seen.text, "a.test b.test ");
	copy.attempts++;
	assert_int_equal(store_slot_save(store, &copy, NULL), 0);
	return 0;
}

static void test_count(void **state)
{
	struct store_fixture *f = *state;
	struct store_slot_count count;
	struct store_slot s = { 0 };

	assert_int_equal(store_slot_count(f->store, &count, NULL), 0);
	assert_true(count.n == 0 && count.n_served == 0 && count.n_failed == 0);
	store_fixture_slot(f->store, "a.test");
	int64_t b = store_fixture_slot(f->store, "b.test");
	int64_t c = store_fixture_slot(f->store, "c.test");
	assert_int_equal(store_slot_load(f->store, b, &s, NULL), 0);
	s.certificate_id = store_fixture_certificate(f->store, b, "b.test", 5);
	s.attempts = 1;
	xstrset(&s.error, "no");
	assert_int_equal(store_slot_save(f->store, &s, NULL), 0);
	store_slot_done(&s);
	assert_int_equal(store_slot_load(f->store, c, &s, NULL), 0);
	s.removed = true;
	assert_int_equal(store_slot_save(f->store, &s, NULL), 0);
	store_slot_done(&s);
	assert_int_equal(store_slot_count(f->store, &count, NULL), 0);
	assert_true(count.n == 2 && count.n_served == 1 && count.n_failed == 1);
}

static void test_walk_in_walk(void **state)
{
	struct store_fixture *f = *state;
	struct store_slot s = { 0 };

	store_fixture_slot(f->store, "a.test");
	int64_t id = store_fixture_slot(f->store, "b.test");
	assert_int_equal(store_slot_each(f->store, NULL, nest, f->store, NULL), 0);
	assert_int_equal(store_slot_load(f->store, id, &s, NULL), 0);
	assert_int_equal(s.attempts, 1);
	store_slot_done(&s);
}

/* domain, due, end of the current certificate (0 = none) */
static void add_due(struct store *store, const char *domain, usec_t due, usec_t end)
{
	struct store_slot s = { 0 };
	int64_t id = store_fixture_slot(store, domain);

	assert_int_equal(store_slot_load(store, id, &s, NULL), 0);
	s.due_usec = due;
	if (end)
		s.certificate_id = store_fixture_certificate(store, id, "a.test", end);
	assert_int_equal(store_slot_save(store, &s, NULL), 0);
	store_slot_done(&s);
}

static void test_due(void **state)
{
	struct store_fixture *f = *state;
	int64_t ids[8], id;
	usec_t due;

	add_due(f->store, "late", 50, 900);     /* 1 */
	add_due(f->store, "none", 60, 0);       /* 2 */
	add_due(f->store, "soon", 70, 800);     /* 3 */
	add_due(f->store, "not yet", 101, 100); /* 4 */
	assert_int_equal(store_slot_find_due(f->store, &id, &due, NULL), 0);
	assert_int_equal(id, 1);
	assert_int_equal(due, 50);
	assert_int_equal(store_slot_list_due(f->store, 49, ids, 8, NULL), 0);
	assert_int_equal(store_slot_list_due(f->store, 100, ids, 8, NULL), 3);
	assert_int_equal(ids[0], 2);
	assert_int_equal(ids[1], 3);
	assert_int_equal(ids[2], 1);
	assert_int_equal(store_slot_list_due(f->store, 101, ids, 2, NULL), 2);
	assert_int_equal(ids[0], 2);
	assert_int_equal(ids[1], 4);
	assert_int_equal(store_slot_list_due(f->store, 101, ids, 0, NULL), 0);
}

static void remove_slot(struct store *store, int64_t id, usec_t due_usec)
{
	struct store_slot s = { 0 };

	assert_int_equal(store_slot_load(store, id, &s, NULL), 0);
	s.removed = true;
	s.due_usec = due_usec;
	assert_int_equal(store_slot_save(store, &s, NULL), 0);
	store_slot_done(&s);
}

static int count_rows(struct store *store, const char *sql)
{
	int n = -1;

	assert_int_equal(store_exec_int(store, sql, &n, NULL), 0);
	return n;
}

/* A slot goes with what hangs on it when its time has come, and then its domain; no
 * other does. Where nothing goes, nothing is done. */
static void test_forget(void **state)
{
	struct store_fixture *f = *state;
	int64_t old = store_fixture_slot(f->store, "old.test");
	int64_t later = store_fixture_slot(f->store, "later.test");

	store_fixture_certificate(f->store, old, "old.test", 5);
	store_fixture_certificate(f->store, later, "later.test", 5);
	store_fixture_slot(f->store, "kept.test");
	assert_int_equal(store_slot_forget(f->store, 100, NULL), 0);
	remove_slot(f->store, old, 100);
	remove_slot(f->store, later, 200);
	assert_int_equal(store_slot_forget(f->store, 99, NULL), 0);
	assert_int_equal(count_rows(f->store, "SELECT count(*) FROM slot"), 3);
	assert_int_equal(store_slot_forget(f->store, 100, NULL), 0);
	assert_int_equal(count_rows(f->store, "SELECT count(*) FROM slot"), 2);
	assert_int_equal(count_rows(f->store, "SELECT count(*) FROM certificate"), 1);
	assert_int_equal(count_rows(f->store, "SELECT count(*) FROM domain"), 2);
	assert_int_equal(store_slot_forget(f->store, 200, NULL), 0);
	assert_int_equal(count_rows(f->store, "SELECT count(*) FROM domain"), 1);
}

/* Every third of them is due; their certificates end in the opposite order. */
static const char many[] =
	"INSERT INTO domain SELECT 'd' || value FROM"
	" (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n"
	"  WHERE value < 10000) SELECT value FROM n);"
	"INSERT INTO slot (id, domain, key_type, names, authority, due_usec, attempts,"
	" attempted_usec, removed, expires_usec)"
	" SELECT substr(name, 2) + 0, name, 'k', 'n', 'a',"
	"  CASE WHEN substr(name, 2) % 3 = 0 THEN 10 ELSE 1000 END, 0, 0, 0,"
	"  20000 - substr(name, 2) FROM domain;";

static void test_many(void **state)
{
	struct store_fixture *f = *state;
	int64_t ids[4], id;
	usec_t due;

	store_fixture_sql(f->store, many);
	assert_int_equal(store_slot_find_due(f->store, &id, &due, NULL), 0);
	assert_int_equal(due, 10);
	assert_int_equal(store_slot_list_due(f->store, 10, ids, 4, NULL), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ids[i], 9999 - 3 * i);
}

static const struct {
	enum store_stmt_id statement;
	const char *plan;
} plans[] = {
	{ STORE_STMT_SLOT_FIND_DUE,
		"SEARCH slot USING COVERING INDEX slot_due (removed=?)\n" },
	{ STORE_STMT_SLOT_FIND, "SEARCH slot USING INDEX slot_" },
	{ STORE_STMT_SLOT_COUNT_DUE,
		"SEARCH slot USING COVERING INDEX slot_due (removed=? AND due_usec<?)\n" },
	{ STORE_STMT_SLOT_LIST_DUE_FEW,
		"SEARCH slot USING COVERING INDEX slot_due (removed=? AND due_usec<?)\n" },
	{ STORE_STMT_SLOT_LIST_DUE_MANY,
		"SEARCH slot USING COVERING INDEX slot_urgency (removed=?)\n" },
	{ STORE_STMT_SLOT_EACH, "SCAN slot USING INDEX slot_domain\n" },
	{ STORE_STMT_SLOT_LOAD, "SEARCH slot USING INTEGER PRIMARY KEY (rowid=?)\n" },
};

/* Without sorting, LIMIT 1 in the order of an index is its first entry. */
static void test_plans(void **state)
{
	struct store_fixture *f = *state;

	store_fixture_sql(f->store, many);
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
		test_case(store_stmt_get_sql(plans[i].statement));
		_cleanup_(freep) char *plan =
			store_fixture_explain(f->store, plans[i].statement);
		if (!strstr(plan, plans[i].plan))
			fail_msg("%s", plan);
		if (plans[i].statement != STORE_STMT_SLOT_LIST_DUE_FEW &&
			strstr(plan, "B-TREE"))
			fail_msg("%s", plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_round_trip),
		test_with_store(test_removed),
		test_with_store(test_each),
		test_with_store(test_count),
		test_with_store(test_walk_in_walk),
		test_with_store(test_due),
		test_with_store(test_forget),
		test_with_store(test_many),
		test_with_store(test_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
