/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/notice/happenings.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	struct store *store;
	struct events *events;
	struct happenings *happenings;
};

static void begin(struct fixture *f)
{
	f->events = events_new(&(struct events_params){
		.store = f->store,
		.loop = f->loop,
		.keep = 10000,
	});
	f->happenings = happenings_new(f->events, f->store);
}

static void end(struct fixture *f)
{
	happenings_free(f->happenings);
	events_free(f->events);
}

static void setup(struct fixture *f)
{
	f->loop = fake_loop_new();
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	begin(f);
}

static void teardown(struct fixture *f)
{
	end(f);
	store_close(f->store);
	loop_free(f->loop);
}

static void expect(struct fixture *f, const char *wanted)
{
	_cleanup_(json_view_unrefp) json_t *list = happenings_format(f->happenings);
	struct buf text = BUF_INIT(4096);
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *subject = json_view_string(one, "subject");

		assert_non_null(json_view_string(one, "at"));
		buf_printf(&text, "%s %s: %s\n", json_view_string(one, "kind"),
			subject ? subject : "-", json_view_string(one, "text"));
	}
	_cleanup_(freep) char *shown = buf_steal(&text);
	assert_string_equal(shown, wanted);
}

static void add(
	struct fixture *f, const char *kind, const char *subject, const char *text)
{
	fake_loop_advance(f->loop, USEC_PER_SEC);
	events_add(f->events, LOG_LEVEL_DEBUG, kind, subject, "%s", text);
}

/* Each kind that is told in one line, and the newest of it. */
static void test_latest(void **state)
{
	static const char *const kinds[] = { "takeover", "resumed", "upgrade", "reload",
		"held", "rolled-back", "rescue", "restore", "store", "plugin",
		"clock" };
	struct fixture f;

	setup(&f);
	expect(&f, "");
	add(&f, "issued", "a.test", "what a certificate's own line says");
	expect(&f, "");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_(json_view_unrefp) json_t *list = NULL;

		test_case(kinds[i]);
		add(&f, kinds[i], NULL, "something");
		list = happenings_format(f.happenings);
		assert_int_equal(json_array_size(list), i + 1);
		assert_string_equal(
			json_view_string(json_array_get(list, 0), "kind"), kinds[i]);
	}
	teardown(&f);
}

static void test_order(void **state)
{
	struct fixture f;

	setup(&f);
	add(&f, "reload", NULL, "one");
	add(&f, "rolled-back", "a.test", "two");
	expect(&f, "rolled-back a.test: two\nreload -: one\n");
	add(&f, "reload", NULL, "three");
	expect(&f, "reload -: three\nrolled-back a.test: two\n");
	/* and the next life knows it */
	end(&f);
	begin(&f);
	expect(&f, "reload -: three\nrolled-back a.test: two\n");
	add(&f, "clock", NULL, "four");
	expect(&f, "clock -: four\nreload -: three\nrolled-back a.test: two\n");
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latest),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
