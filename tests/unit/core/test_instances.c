/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/notice/instances.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/unit/core/notes.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	struct plugin_host *host;
	struct instances *instances;
	unsigned n_closing;
};

static int setup(void **state)
{
	struct fixture *f = xnew(struct fixture);

	f->loop = fake_loop_new();
	f->host = notes_new_host(f->loop);
	f->instances = instances_new(f->host, NULL);
	notes_reset();
	*state = f;
	return test_log_setup(NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	instances_free(f->instances);
	plugin_host_free(f->host);
	loop_free(f->loop);
	notes_reset();
	free(f);
	return test_log_teardown(NULL);
}

static bool follow(struct fixture *f, const char *text)
{
	_cleanup_(conf_unrefp) struct conf *conf = notes_load(f->host, text);

	notes_reset();
	return instances_follow(f->instances, conf);
}

static struct plugin_instance *find_note(struct fixture *f, const char *name)
{
	return instances_find(f->instances, POSTSEAL_KIND_NOTIFY, name);
}

#define AUTHORITY "authority le {\n\tdirectory = https://ca.example/d\n}\n"
#define DOMAIN    "domain a.example {\n\tauthority = le\n\tchallenge = probe\n}\n"
#define NOTE_A    "notify note {\n\tlabel = a\n}\n"
#define NOTE_B    "notify note second {\n\tlabel = b\n}\n"

/* One for each block, in the order of the file. */
static void test_blocks(void **state)
{
	struct fixture *f = *state;
	const char *name = NULL;

	assert_false(follow(f, NOTE_A NOTE_B));
	assert_string_equal(notes_get(), "open:a open:b");
	assert_non_null(find_note(f, "note"));
	assert_non_null(find_note(f, "second"));
	assert_ptr_not_equal(find_note(f, "note"), find_note(f, "second"));
	assert_null(find_note(f, "third"));
	assert_null(instances_find(f->instances, POSTSEAL_KIND_DEPLOY, "note"));
	assert_ptr_equal(instances_get(f->instances, POSTSEAL_KIND_NOTIFY, 1, &name),
		find_note(f, "second"));
	assert_string_equal(name, "second");
	assert_null(instances_get(f->instances, POSTSEAL_KIND_NOTIFY, 2, &name));
}

/* A plugin that is named without a block is opened with its defaults; what nobody
 * names is not opened. */
static void test_defaults(void **state)
{
	struct fixture *f = *state;

	assert_false(follow(f, AUTHORITY DOMAIN));
	assert_string_equal(notes_get(), "");
	assert_non_null(instances_find(f->instances, POSTSEAL_KIND_CHALLENGE, "probe"));
	assert_null(find_note(f, "note"));
	/* "front" is named by every domain, and no plugin's. */
	assert_null(instances_find(f->instances, POSTSEAL_KIND_DEPLOY, "front"));
}

static void test_unchanged_stay(void **state)
{
	struct fixture *f = *state;

	follow(f, NOTE_A NOTE_B);
	struct plugin_instance *before = find_note(f, "note");
	assert_false(follow(f, "workers = 3\n" NOTE_B NOTE_A));
	assert_string_equal(notes_get(), "");
	assert_ptr_equal(find_note(f, "note"), before);
	/* Their snapshot has gone with everybody else; the next comparison needs it. */
	assert_false(follow(f, NOTE_A NOTE_B));
	assert_ptr_equal(find_note(f, "note"), before);
}

static void test_changed_and_gone(void **state)
{
	struct fixture *f = *state;

	follow(f, NOTE_A NOTE_B);
	assert_true(follow(f, "notify note {\n\tlabel = c\n}\n"));
	assert_string_equal(notes_get(), "close:a close:b open:c");
	assert_null(find_note(f, "third"));
	assert_true(follow(f, ""));
	assert_string_equal(notes_get(), "close:c");
}

/* From the defaults to a block and back. */
static void test_block_comes(void **state)
{
	struct fixture *f = *state;

	follow(f, "notify = note\n" NOTE_A);
	assert_string_equal(notes_get(), "open:a");
	assert_non_null(find_note(f, "note"));
}

static void test_broken(void **state)
{
	struct fixture *f = *state;
	const char *name;

	test_log_expect(LOG_LEVEL_ERROR, "notify note: cannot be used");
	follow(f, "notify note {\n\tmode = broken\n}\n" NOTE_B);
	assert_null(find_note(f, "note"));
	assert_ptr_equal(instances_get(f->instances, POSTSEAL_KIND_NOTIFY, 0, &name),
		find_note(f, "second"));
	/* The next reload tries again, and nothing was closed for it. */
	assert_false(follow(f, NOTE_A NOTE_B));
	assert_string_equal(notes_get(), "open:a");
}

static void on_closing(struct plugin_instance *instance, void *userdata)
{
	struct fixture *f = userdata;

	assert_non_null(instance);
	f->n_closing++;
}

static void test_closing(void **state)
{
	struct fixture *f = *state;

	instances_on_closing(f->instances, on_closing, f);
	follow(f, NOTE_A NOTE_B);
	follow(f, NOTE_B);
	assert_int_equal(f->n_closing, 1);
	f->instances = instances_free(f->instances);
	assert_int_equal(f->n_closing, 2);
}

#define test_followed(fn) cmocka_unit_test_setup_teardown((fn), setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_followed(test_blocks),
		test_followed(test_defaults),
		test_followed(test_unchanged_stay),
		test_followed(test_changed_and_gone),
		test_followed(test_block_comes),
		test_followed(test_broken),
		test_followed(test_closing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
