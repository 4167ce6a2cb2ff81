/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/event.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static void add(
	struct store *store, const char *subject, const char *text, unsigned keep)
{
	struct store_event e = { .at_usec = 1,
		.kind = (char *)"issued",
		.subject = (char *)subject,
		.text = (char *)text };

	assert_int_equal(store_event_add(store, &e, keep, NULL), 0);
	assert_true(e.id > 0);
}

static int on_event(const struct store_event *e, void *userdata)
{
	char *text = userdata;
	size_t len = strlen(text);

	snprintf(text + len, 256 - len, "%d:%s:%s ", (int)e->id, e->text,
		e->subject ? e->subject : "-");
	return strcmp(e->text, "stop") == 0 ? -5 : 0;
}

static const struct {
	const char *name;
	struct store_event_range range;
	const char *seen;
} cases[] = {
	{ "all", { 0, 10, NULL }, "1:a:x 2:b:y 3:c:- 4:d:x 5:e:x " },
	{ "after", { 3, 10, NULL }, "4:d:x 5:e:x " },
	{ "at most", { 1, 2, NULL }, "2:b:y 3:c:- " },
	{ "none", { 5, 10, NULL }, "" },
	{ "zero", { 0, 0, NULL }, "" },
	{ "last", { -1, 2, NULL }, "4:d:x 5:e:x " },
	{ "of a subject", { 0, 10, "x" }, "1:a:x 4:d:x 5:e:x " },
	{ "of a subject, after", { 1, 1, "x" }, "4:d:x " },
	{ "last of a subject", { -1, 2, "x" }, "4:d:x 5:e:x " },
	{ "of nobody", { -1, 2, "z" }, "" },
};

static void test_ranges(void **state)
{
	struct store_fixture *f = *state;

	add(f->store, "x", "a", 0);
	add(f->store, "y", "b", 0);
	add(f->store, NULL, "c", 0);
	add(f->store, "x", "d", 0);
	add(f->store, "x", "e", 0);
	store_fixture_reopen(f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[256] = "";
		test_case(cases[i].name);
		assert_int_equal(store_event_each(f->store, &cases[i].range, on_event,
					 text, NULL),
			0);
		assert_string_equal(text, cases[i].seen);
	}
}

static const struct {
	unsigned n;
	const char *subject;
	int64_t before;
} starts[] = {
	{ 0, NULL, 5 },
	{ 1, NULL, 4 },
	{ 4, NULL, 1 },
	{ 5, NULL, 0 },
	{ 9, NULL, 0 },
	{ 1, "x", 4 },
	{ 2, "x", 1 },
	{ 3, "x", 0 },
	{ 1, "z", 0 },
};

/* Whoever reads in pages begins there, and sees the same as who reads all at once. */
static void test_before_last(void **state)
{
	struct store_fixture *f = *state;

	add(f->store, "x", "a", 0);
	add(f->store, "y", "b", 0);
	add(f->store, NULL, "c", 0);
	add(f->store, "x", "d", 0);
	add(f->store, "x", "e", 0);
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		char one[256] = "", two[256] = "";
		struct store_event_range last = { -1, starts[i].n, starts[i].subject };
		struct store_event_range after = { 0, 10, starts[i].subject };

		assert_int_equal(store_event_find_before_last(f->store, starts[i].n,
					 starts[i].subject, &after.after, NULL),
			0);
		assert_int_equal(after.after, starts[i].before);
		store_event_each(f->store, &last, on_event, one, NULL);
		store_event_each(f->store, &after, on_event, two, NULL);
		assert_string_equal(one, two);
	}
}

static void test_keep(void **state)
{
	struct store_fixture *f = *state;
	struct store_event_range all = { 0, 10, NULL };
	char text[256] = "";

	add(f->store, NULL, "a", 3);
	add(f->store, NULL, "b", 3);
	add(f->store, NULL, "c", 3);
	add(f->store, NULL, "stop", 3);
	assert_int_equal(store_event_each(f->store, &all, on_event, text, NULL), -5);
	assert_string_equal(text, "2:b:- 3:c:- 4:stop:- ");
	add(f->store, NULL, "last", 1);
	text[0] = '\0';
	assert_int_equal(store_event_each(f->store, &all, on_event, text, NULL), 0);
	assert_string_equal(text, "5:last:- ");
}

static void test_plans(void **state)
{
	struct store_fixture *f = *state;
	_cleanup_(freep) char *last =
		store_fixture_explain(f->store, STORE_STMT_EVENT_LAST_OF);
	_cleanup_(freep) char *each =
		store_fixture_explain(f->store, STORE_STMT_EVENT_EACH_OF);

	_cleanup_(freep) char *before =
		store_fixture_explain(f->store, STORE_STMT_EVENT_BEFORE_LAST_OF);

	assert_non_null(strstr(before, "INDEX event_subject (subject=?)"));
	assert_non_null(strstr(last, "INDEX event_subject (subject=?)"));
	assert_non_null(strstr(each, "INDEX event_subject (subject=? AND id>?)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_ranges),
		test_with_store(test_before_last),
		test_with_store(test_keep),
		test_with_store(test_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
