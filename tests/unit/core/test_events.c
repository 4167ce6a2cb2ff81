/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events and the notifiers that are told of them. */
#include <string.h>

#include "core/notice/events.h"
#include "core/notice/notifier.h"
#include "store/told.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/unit/core/notes.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	struct plugin_host *host;
	struct instances *instances;
	struct store *store;
	struct events *events;
	char *followed; /* texts, joined */
	struct events_follower *first, *second;
};

static int setup(void **state)
{
	struct fixture *f = xnew(struct fixture);

	f->loop = fake_loop_new();
	f->host = notes_new_host(f->loop);
	f->instances = instances_new(f->host, NULL);
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	f->events = events_new(&(struct events_params){
		.instances = f->instances,
		.store = f->store,
		.loop = f->loop,
		.keep = 5,
	});
	f->followed = xstrdup("");
	notes_reset();
	*state = f;
	return test_log_setup(NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	events_free(f->events);
	instances_free(f->instances);
	plugin_host_free(f->host);
	store_close(f->store);
	loop_free(f->loop);
	free(f->followed);
	notes_reset();
	free(f);
	return test_log_teardown(NULL);
}

static void follow_conf(struct fixture *f, const char *text)
{
	_cleanup_(conf_unrefp) struct conf *conf = notes_load(f->host, text);

	instances_follow(f->instances, conf);
	notes_reset();
}

static void add(struct fixture *f, const char *text)
{
	events_add(f->events, LOG_LEVEL_INFO, "failed", "a.example", "%s", text);
}

static const struct store_event_range all = { .after = -1, .n = 100 };

/* --- store and log ------------------------------------------------------------------------- */

static int on_stored(const struct store_event *event, void *userdata)
{
	char **text = userdata;
	char *longer = xasprintf("%s%s|%s|%s\n", *text, event->kind,
		event->subject ? event->subject : "", event->text);

	free(*text);
	*text = longer;
	assert_int_equal(event->at_usec, FAKE_LOOP_START_WALL_USEC);
	return 0;
}

static void test_stored(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *text = xstrdup("");

	events_add(f->events, LOG_LEVEL_NOTICE, "served", "a\nb", "seen \033[2J by %s",
		"us");
	events_add(f->events, LOG_LEVEL_INFO, "started", NULL, "%s", "hello");
	assert_int_equal(store_event_each(f->store, &all, on_stored, &text, NULL), 0);
	assert_string_equal(text, "served|a?b|seen ?[2J by us\nstarted||hello\n");
}

static void test_logged(void **state)
{
	struct fixture *f = *state;

	test_log_expect(LOG_LEVEL_ERROR, "a.example: the CA said no");
	events_add(f->events, LOG_LEVEL_ERROR, "failed", "a.example", "the CA said no");
	events_add(f->events, LOG_LEVEL_DEBUG, "due", NULL, "alone");
	assert_true(test_log_has(LOG_LEVEL_DEBUG, "alone"));
}

static int count_stored(const struct store_event *event, void *userdata)
{
	++*(unsigned *)userdata;
	return 0;
}

static void test_kept(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0;

	for (unsigned i = 0; i < 20; i++)
		add(f, "x");
	store_event_each(f->store, &all, count_stored, &n, NULL);
	assert_in_range(n, 5, 10);
}

static void test_without_store(void **state)
{
	struct fixture *f = *state;
	struct events *events = events_new(&(struct events_params){ .loop = f->loop });

	events_add(events, LOG_LEVEL_INFO, "started", NULL, "%s", "hello");
	assert_true(test_log_has(LOG_LEVEL_INFO, "hello"));
	events_free(events);
}

/* --- notifiers ------------------------------------------------------------------------------- */

static void test_told(void **state)
{
	struct fixture *f = *state;

	add(f, "too early");
	follow_conf(f, "notify = note\nnotify note {\n\tlabel = a\n}\n"
		       "notify note second {\n\tlabel = b\n}\n");
	add(f, "one");
	add(f, "two");
	assert_string_equal(notes_get(), "");
	fake_loop_run_until_idle(f->loop, USEC_PER_MIN);
	/* In order; and who is not in the list is not told. */
	assert_string_equal(
		notes_get(), "told:a:failed:a.example:one told:a:failed:a.example:two");
}

/* One that hangs holds up nobody else. */
static void test_hanging(void **state)
{
	struct fixture *f = *state;

	follow_conf(f, "notify = note second\nnotify note {\n\tlabel = a\n\tmode = "
		       "hang\n}\nnotify note second {\n\tlabel = b\n}\n");
	add(f, "one");
	add(f, "two");
	fake_loop_run_ready(f->loop);
	assert_non_null(strstr(notes_get(), "told:a:failed:a.example:one"));
	assert_null(strstr(notes_get(), "told:a:failed:a.example:two"));
	assert_non_null(strstr(notes_get(), "told:b:failed:a.example:two"));
	f->events = events_free(f->events);
	assert_non_null(strstr(notes_get(), "cancel:a"));
}

/* Said once a minute, and never told as an event: that would go on for ever. */
static void test_failing(void **state)
{
	struct fixture *f = *state;

	follow_conf(f, "notify = note\nnotify note {\n\tmode = fail\n}\n");
	test_log_expect(LOG_LEVEL_WARNING, "notify note: 1 event was not told: ");
	for (unsigned i = 0; i < 10; i++)
		add(f, "x");
	fake_loop_run_until_idle(f->loop, USEC_PER_SEC);
	fake_loop_advance(f->loop, 2 * USEC_PER_MIN);
	test_log_expect(LOG_LEVEL_WARNING, "notify note: 10 events were not told: ");
	add(f, "x");
	fake_loop_run_until_idle(f->loop, USEC_PER_SEC);
}

static unsigned count_told(void)
{
	unsigned n = 0;

	for (const char *s = notes_get(); (s = strstr(s, "told:")); s++)
		n++;
	return n;
}

static void test_queue_is_bounded(void **state)
{
	struct fixture *f = *state;

	follow_conf(f, "notify = note\n");
	test_log_expect(LOG_LEVEL_WARNING, "too many are waiting");
	for (unsigned i = 0; i < NOTIFIER_QUEUE_MAX + 100; i++)
		add(f, "x");
	fake_loop_run_until_idle(f->loop, USEC_PER_SEC);
	assert_int_equal(count_told(), NOTIFIER_QUEUE_MAX);
}

/* What was under way when the configuration changed is told to the new instance. */
static void test_reopened(void **state)
{
	struct fixture *f = *state;

	follow_conf(f, "notify = note\nnotify note {\n\tmode = hang\n}\n");
	add(f, "one");
	fake_loop_run_ready(f->loop);
	follow_conf(f, "notify = note\nnotify note {\n\tlabel = new\n}\n");
	fake_loop_run_until_idle(f->loop, USEC_PER_SEC);
	assert_string_equal(notes_get(), "told:new:failed:a.example:one");
}

static void test_broken(void **state)
{
	struct fixture *f = *state;

	test_log_expect(LOG_LEVEL_ERROR, "cannot be used");
	follow_conf(f, "notify = note\nnotify note {\n\tmode = broken\n}\n");
	test_log_expect(LOG_LEVEL_WARNING, "could not be opened");
	add(f, "one");
	add(f, "two");
	fake_loop_run_until_idle(f->loop, USEC_PER_SEC);
	assert_string_equal(notes_get(), "");
}

/* --- over our own end ------------------------------------------------------------------------- */

#define HANG "notify = note\nnotify note {\n\tlabel = a\n\tmode = hang\n}\n"
#define WELL "notify = note\nnotify note {\n\tlabel = a\n}\n"

static void begin_life(struct fixture *f, const char *conf)
{
	follow_conf(f, conf);
	f->events = events_new(&(struct events_params){
		.instances = f->instances,
		.store = f->store,
		.loop = f->loop,
		.keep = 5000,
	});
	events_follow_notifiers(f->events);
}

static void end_well(struct fixture *f)
{
	f->events = events_free(f->events);
}

/* What kill -9 leaves is what the store has. */
static void die(struct fixture *f)
{
	struct store_told told;
	int r = store_told_load(f->store, "note", &told, NULL);

	end_well(f);
	if (r == 0)
		assert_int_equal(store_told_save(f->store, "note", &told, NULL), 0);
}

static void expect_told(struct fixture *f, const char *wanted)
{
	notes_reset();
	fake_loop_run_until_idle(f->loop, USEC_PER_SEC);
	assert_string_equal(notes_get(), wanted);
}

static void test_told_after_a_death(void **state)
{
	struct fixture *f = *state;

	end_well(f);
	begin_life(f, HANG);
	add(f, "one");
	add(f, "two");
	fake_loop_run_ready(f->loop);
	assert_string_equal(notes_get(), "told:a:failed:a.example:one");
	die(f);
	begin_life(f, WELL);
	expect_told(f, "told:a:failed:a.example:one told:a:failed:a.example:two");
	add(f, "three");
	expect_told(f, "told:a:failed:a.example:three");
	die(f);
	begin_life(f, WELL);
	expect_told(f, "");
	end_well(f);
	begin_life(f, WELL);
	expect_told(f, "");
}

static void test_not_for_ever(void **state)
{
	struct fixture *f = *state;

	end_well(f);
	begin_life(f, HANG);
	add(f, "one");
	add(f, "two");
	for (unsigned i = 0; i < NOTIFIER_TRIES_MAX; i++) {
		notes_reset();
		fake_loop_run_ready(f->loop);
		assert_string_equal(notes_get(), "told:a:failed:a.example:one");
		die(f);
		begin_life(f, HANG);
	}
	notes_reset();
	test_log_expect(LOG_LEVEL_WARNING, "under way each time that we died");
	fake_loop_run_ready(f->loop);
	assert_string_equal(notes_get(), "told:a:failed:a.example:two");
}

/* Who ends in good order has not failed at it. */
static void test_many_good_ends(void **state)
{
	struct fixture *f = *state;

	end_well(f);
	begin_life(f, HANG);
	add(f, "one");
	for (unsigned i = 0; i < 3 * NOTIFIER_TRIES_MAX; i++) {
		fake_loop_run_ready(f->loop);
		end_well(f);
		begin_life(f, HANG);
	}
	end_well(f);
	begin_life(f, WELL);
	expect_told(f, "told:a:failed:a.example:one");
}

static void test_no_history(void **state)
{
	struct fixture *f = *state;

	add(f, "before it was there");
	end_well(f);
	begin_life(f, WELL);
	expect_told(f, "");
	add(f, "one");
	expect_told(f, "told:a:failed:a.example:one");
	follow_conf(f, "");
	events_follow_notifiers(f->events);
	add(f, "while it was away");
	follow_conf(f, WELL);
	events_follow_notifiers(f->events);
	add(f, "two");
	expect_told(f, "told:a:failed:a.example:two");
}

/* More than it can take: the newest, and a word. */
static void test_too_many_were_left(void **state)
{
	struct fixture *f = *state;

	end_well(f);
	begin_life(f, HANG);
	test_log_expect(LOG_LEVEL_WARNING, "too many are waiting");
	for (unsigned i = 0; i < NOTIFIER_QUEUE_MAX + 100; i++)
		add(f, "x");
	fake_loop_run_ready(f->loop);
	die(f);
	test_log_expect(LOG_LEVEL_WARNING, "too many were waiting");
	begin_life(f, WELL);
	fake_loop_run_until_idle(f->loop, USEC_PER_SEC);
	assert_int_equal(count_told(), NOTIFIER_QUEUE_MAX);
}

/* --- followers -------------------------------------------------------------------------------- */

static void on_event(const struct store_event *event, void *userdata)
{
	struct fixture *f = userdata;
	char *longer = xasprintf("%s%s;", f->followed, event->text);

	assert_true(event->id > 0);
	free(f->followed);
	f->followed = longer;
}

static void on_event_leave_both(const struct store_event *event, void *userdata)
{
	struct fixture *f = userdata;

	on_event(event, userdata);
	f->first = events_unfollow(f->first);
	f->second = events_unfollow(f->second);
}

static void test_followers(void **state)
{
	struct fixture *f = *state;

	f->first = events_follow(f->events, on_event, f);
	f->second = events_follow(f->events, on_event, f);
	add(f, "a");
	f->first = events_unfollow(f->first);
	add(f, "b");
	f->second = events_unfollow(f->second);
	add(f, "c");
	assert_string_equal(f->followed, "a;a;b;");
	assert_null(events_unfollow(NULL));
}

static void test_leave_while_told(void **state)
{
	struct fixture *f = *state;

	f->first = events_follow(f->events, on_event_leave_both, f);
	f->second = events_follow(f->events, on_event, f);
	struct events_follower *third = events_follow(f->events, on_event, f);
	add(f, "a");
	assert_string_equal(f->followed, "a;a;");
	events_unfollow(third);
}

static void test_events_go_first(void **state)
{
	struct fixture *f = *state;

	f->first = events_follow(f->events, on_event, f);
	f->events = events_free(f->events);
	events_unfollow(f->first);
}

#define test_event(fn) cmocka_unit_test_setup_teardown((fn), setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_event(test_stored),
		test_event(test_logged),
		test_event(test_kept),
		test_event(test_without_store),
		test_event(test_told),
		test_event(test_hanging),
		test_event(test_failing),
		test_event(test_queue_is_bounded),
		test_event(test_reopened),
		test_event(test_broken),
		test_event(test_told_after_a_death),
		test_event(test_not_for_ever),
		test_event(test_many_good_ends),
		test_event(test_no_history),
		test_event(test_too_many_were_left),
		test_event(test_followers),
		test_event(test_leave_while_told),
		test_event(test_events_go_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
