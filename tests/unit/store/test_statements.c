/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/statements.h"
#include "store/store_priv.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static void add_event(struct store *store, const char *kind)
{
	_cleanup_(store_stmt_close) struct store_stmt q;
	int64_t id = 0;

	store_stmt_open(&q, store, STORE_STMT_EVENT_ADD, NULL);
	store_stmt_bind_usec(&q, USEC_NEVER);
	store_stmt_bind_text(&q, kind, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, NULL, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, "text", STORE_TEXT_MAX);
	assert_int_equal(store_stmt_run_add(&q, &id), 0);
	assert_true(id > 0);
}

static void open_events(struct store_stmt *q, struct store *store, struct err *err)
{
	store_stmt_open(q, store, STORE_STMT_EVENT_EACH, err);
	store_stmt_bind_int(q, 0);
	store_stmt_bind_int(q, 100);
}

static void test_failure_sticks(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	struct store_stmt q;

	store_stmt_open(&q, f->store, STORE_STMT_EVENT_ADD, &err);
	store_stmt_bind_text(&q, "four", 3);
	store_stmt_bind_text(&q, "longer still", 3);
	store_stmt_bind_int(&q, 1);
	assert_int_equal(store_stmt_run(&q), -E2BIG);
	assert_int_equal(store_stmt_fetch(&q), -E2BIG);
	store_stmt_close(&q);
	store_fixture_expect_error(&err, "a value of 4 octets is too long for ");
	/* One parameter more than there is. */
	store_stmt_open(&q, f->store, STORE_STMT_BEGIN, &err);
	store_stmt_bind_int(&q, 1);
	assert_int_equal(store_stmt_run(&q), -EIO);
	store_stmt_close(&q);
	store_fixture_expect_error(&err, "SQLite 25");
}

static void test_used_twice(void **state)
{
	struct store_fixture *f = *state;
	struct store_stmt outer, inner, again;

	add_event(f->store, "a");
	open_events(&outer, f->store, NULL);
	assert_int_equal(store_stmt_fetch(&outer), 0);
	open_events(&inner, f->store, NULL);
	assert_ptr_not_equal(inner.handle, outer.handle);
	assert_int_equal(store_stmt_fetch(&inner), 0);
	struct sqlite3_stmt *prepared = outer.handle;
	store_stmt_close(&inner);
	assert_int_equal(store_stmt_read_begin(&outer, "event"), 1);
	store_stmt_close(&outer);
	open_events(&again, f->store, NULL);
	assert_ptr_equal(again.handle, prepared);
	store_stmt_close(&again);
}

static void test_reading(void **state)
{
	static const char *const names[] = { "zero", "one" };
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	struct store_stmt q;

	add_event(f->store, "one");
	open_events(&q, f->store, &err);
	assert_int_equal(store_stmt_fetch(&q), 0);
	assert_int_equal(store_stmt_read_begin(&q, "event"), 1);
	assert_true(store_stmt_read_usec(&q) == USEC_NEVER);
	assert_int_equal(store_stmt_read_enum(&q, names, 2), 1);
	assert_int_equal(store_stmt_read_id(&q), 0);
	_cleanup_(freep) char *text = store_stmt_read_text(&q, 4);
	assert_string_equal(text, "text");
	assert_int_equal(store_stmt_read_end(&q), 0);

	/* The same row read as what it is not; the first finding is told. */
	store_stmt_read_begin(&q, "event");
	assert_null(store_stmt_read_text(&q, 4));
	assert_int_equal(store_stmt_read_int(&q, 0, 9), 0);
	assert_null(store_stmt_read_text(&q, 9));
	assert_null(store_stmt_read_text(&q, 3));
	assert_int_equal(store_stmt_read_end(&q), -EUCLEAN);
	store_stmt_close(&q);
	store_fixture_expect_error(&err, "event 1: at_usec is not a text");
}

struct walk {
	char kinds[64];
	int stop;
};

static int on_row(struct store_stmt *q, void *userdata)
{
	struct walk *walk = userdata;

	store_stmt_read_begin(q, "event");
	store_stmt_read_usec(q);
	_cleanup_(freep) char *kind = store_stmt_read_text(q, 1);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	memcpy(walk->kinds + strlen(walk->kinds), kind, 1);
	return kind[0] == walk->stop ? -EUCLEAN : 0;
}

static const struct {
	const char *name;
	int stop, r;
	const char *kinds, *words;
} walks[] = {
	{ "to its end", 0, -EUCLEAN, "acd", "event 2: kind is too long" },
	{ "to a stop", 'a', -EUCLEAN, "a", "no error" },
	{ "to a stop after a bad row", 'c', -EUCLEAN, "ac", "no error" },
};

static void test_walks(void **state)
{
	struct store_fixture *f = *state;

	add_event(f->store, "a");
	add_event(f->store, "bad");
	add_event(f->store, "c");
	add_event(f->store, "d");
	for (size_t i = 0; i < ARRAY_SIZE(walks); i++) {
		struct walk walk = { .stop = walks[i].stop };
		struct err err = ERR_INIT;
		struct store_stmt q;
		test_case(walks[i].name);
		open_events(&q, f->store, &err);
		assert_int_equal(store_stmt_each(&q, on_row, &walk), walks[i].r);
		store_stmt_close(&q);
		assert_string_equal(walk.kinds, walks[i].kinds);
		store_fixture_expect_error(&err, walks[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_failure_sticks),
		test_with_store(test_used_twice),
		test_with_store(test_reading),
		test_with_store(test_walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
