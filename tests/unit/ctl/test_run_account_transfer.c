/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "pki/seal.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/ctl/fixture.h"
#include "util/mem.h"

#define HEAD                                \
	"Directory: https://ca.example/d\n" \
	"Account: https://ca.example/a/1\n"

/* What the daemon says: owned by the caller, as is the key's text in *ret_pem. */
static char *make_row(char **ret_pem, const char *url)
{
	_cleanup_(key_freep) struct key *key = NULL;

	assert_int_equal(key_generate(&key, KEY_ED25519, NULL), 0);
	assert_int_equal(key_format_pem(key, ret_pem, NULL), 0);
	json_t *row = json_pack("{s:s, s:s, s:s, s:n, s:s}", "authority", "le",
		"directory", "https://ca.example/d", "url", url, "contact", "key_pem",
		*ret_pem);
	char *text = json_dumps(row, JSON_COMPACT);
	json_decref(row);
	return text;
}

static void test_there_and_back(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(freep) char *row = make_row(&pem, "https://ca.example/a/1");
	const char *rows[] = { row, NULL };
	_cleanup_(freep) char *secret = test_tmpdir_write(f->dir, "p", "long enough\n");
	_cleanup_(freep) char *words =
		xasprintf("account export le --output %s/out --passphrase-file %s",
			f->dir, secret);
	_cleanup_(freep) char *back = xasprintf(
		"account import le %s/out --passphrase-file %s", f->dir, secret);
	struct stat st;

	f->rows = rows;
	fixture_call(f, words);
	assert_string_equal(f->err, "");
	assert_int_equal(f->exit_code, COMMAND_OK);
	assert_string_equal(f->asked, "account-export {\"authority\":\"le\"}");
	_cleanup_(freep) char *out = xasprintf("%s/out", f->dir);
	assert_int_equal(stat(out, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* not over it */
	fixture_call(f, words);
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	assert_non_null(strstr(f->err, "--force"));
	f->rows = NULL;
	fixture_call(f, back);
	assert_int_equal(f->exit_code, COMMAND_OK);
	assert_non_null(strstr(f->asked, "account-import {"));
	assert_non_null(strstr(f->asked, "\"url\":\"https://ca.example/a/1\""));
	assert_non_null(strstr(f->asked, "BEGIN PRIVATE KEY"));
}

/* A daemon's URL with a line in it would be another head. */
static void test_bad_row(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(freep) char *row = make_row(&pem, "https://a\nAccount: b");
	const char *rows[] = { row, NULL };
	_cleanup_(freep) char *secret = test_tmpdir_write(f->dir, "p", "long enough\n");
	_cleanup_(freep) char *words =
		xasprintf("account export le --passphrase-file %s", secret);

	f->rows = rows;
	fixture_call(f, words);
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	assert_string_equal(f->out, "");
}

static const struct {
	const char *name;
	const char *content;
	const char *passphrase;
	const char *words; /* of the error */
} bad_files[] = {
	{ "empty", "", "long enough\n", "no exported account" },
	{ "no account", "Directory: https://ca.example/d\n-----BEGIN X-----\n",
		"long enough\n", "Account: " },
	{ "lines behind the key", "-----BEGIN X-----\n" HEAD, "long enough\n",
		"Directory: " },
	{ "control character", "Directory: https://ca.example/\x1b[m\n",
		"long enough\n", "Directory: " },
	{ "no key", HEAD, "long enough\n", "BEGIN ENCRYPTED PRIVATE KEY" },
	{ "no sealed key", HEAD "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n",
		"long enough\n", "sealed key" },
	{ "no passphrase", HEAD, "\n", "empty" },
};

static void test_bad_files(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad_files); i++) {
		_cleanup_(freep) char *path =
			test_tmpdir_write(f->dir, "file", bad_files[i].content);
		_cleanup_(freep) char *secret =
			test_tmpdir_write(f->dir, "p", bad_files[i].passphrase);
		_cleanup_(freep) char *words = xasprintf(
			"account import le %s --passphrase-file %s", path, secret);

		print_message("%s\n", bad_files[i].name);
		fixture_call(f, words);
		assert_int_equal(f->exit_code, COMMAND_FAILED);
		assert_non_null(strstr(f->err, bad_files[i].words));
	}
	assert_string_equal(f->asked, "");
}

static void test_replace_needs_yes(void **state)
{
	struct fixture *f = *state;

	fixture_call(f, "account import le /nowhere --replace");
	assert_int_equal(f->exit_code, COMMAND_USAGE);
	assert_non_null(strstr(f->err, "--yes"));
	assert_string_equal(f->asked, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_there_and_back),
		fixture_test(test_bad_row),
		fixture_test(test_bad_files),
		fixture_test(test_replace_needs_yes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
