/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/test_tmpdir.h"
#include "tests/unit/ctl/fixture.h"
#include "util/json_view.h"
#include "util/mem.h"

/* clang-format off */
static const char *const accounts[] = {
	"{\"authority\":\"le\",\"directory\":\"https://ca.example/d\",\"url\":\"https://ca.example/a/1\","
	"\"status\":\"valid\",\"contact\":null,\"reason\":null,\"thumbprint\":\"tp\",\"created\":\"2026-01-01T00:00:00Z\"}",
	"{\"authority\":\"other\",\"directory\":\"https://b.example/d\",\"url\":null,\"status\":\"new\"}", NULL };

/* clang-format on */

static void test_show(void **state)
{
	struct fixture *f = *state;

	f->rows = accounts;
	fixture_call(f, "account show");
	assert_string_equal(f->asked, "account-show {}");
	assert_string_equal(f->out, "authority:   le\n"
				    "status:      valid\n"
				    "url:         https://ca.example/a/1\n"
				    "directory:   https://ca.example/d\n"
				    "thumbprint:  tp\n"
				    "created:     2026-01-01T00:00:00Z\n"
				    "\n"
				    "authority:  other\n"
				    "status:     new\n"
				    "directory:  https://b.example/d\n");
	assert_int_equal(f->exit_code, COMMAND_OK);
}

static void test_show_json(void **state)
{
	struct fixture *f = *state;
	_cleanup_(json_view_unrefp) json_t *json = NULL;

	f->rows = accounts;
	fixture_call(f, "account show le --json");
	assert_string_equal(f->asked, "account-show {\"authority\":\"le\"}");
	assert_int_equal(json_view_parse(&json, f->out, strlen(f->out), NULL), 0);
	assert_int_equal(json_array_size(json), 2);
}

static void test_create(void **state)
{
	struct fixture *f = *state;

	fixture_call(f, "account create");
	assert_string_equal(f->asked, "account-create {}");
	fixture_call(f, "account create le");
	assert_string_equal(f->asked, "account-create {\"authority\":\"le\"}");
}

static void test_create_with_key(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *path = test_tmpdir_write(f->dir, "key.pem", "PEM\n");
	_cleanup_(freep) char *words = xasprintf("account create le --key %s", path);

	fixture_call(f, words);
	assert_int_equal(f->exit_code, COMMAND_OK);
	assert_string_equal(f->asked,
		"account-create {\"authority\":\"le\",\"key_pem\":\"PEM\\n\"}");
}

/* A key that others can read is no secret; one that is not there is none either. */
static void test_bad_keys(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *path = test_tmpdir_write(f->dir, "key.pem", "PEM\n");
	_cleanup_(freep) char *words = xasprintf("account create --key %s", path);
	_cleanup_(freep) char *missing = xasprintf("account create --key %s/x", f->dir);

	assert_int_equal(chmod(path, 0644), 0);
	fixture_call(f, words);
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	assert_non_null(strstr(f->err, "chmod"));
	fixture_call(f, missing);
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	free(test_tmpdir_write(f->dir, "key.pem", "\xff\xfe"));
	assert_int_equal(chmod(path, 0600), 0);
	fixture_call(f, words);
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	assert_non_null(strstr(f->err, "not PEM"));
	assert_string_equal(f->asked, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_show),
		fixture_test(test_show_json),
		fixture_test(test_create),
		fixture_test(test_create_with_key),
		fixture_test(test_bad_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
