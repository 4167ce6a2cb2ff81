/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "plugins/deploy-files/template.h"
#include "plugins/postseal-plugin.h"
#include "tests/lib/fake_host.h"
#include "tests/lib/test.h"
#include "util/macro.h"

static const struct postseal_bundle bundle = {
	.size = sizeof(bundle),
	.domain = "example.org",
	.key_type = "ecdsa-p256",
	.chain_pem = "CHAIN\n",
	.key_pem = "KEY\n",
};

/* Settings by pairs; ends with NULL. */
static struct fake_host *new_host(const char *const *settings)
{
	struct fake_host *host = fake_host_new(&postseal_plugin);

	for (size_t i = 0; settings[i]; i += 2)
		fake_host_set(host, settings[i], settings[i + 1]);
	return host;
}

static struct fake_host *open_host(const char *const *settings)
{
	struct fake_host *host = new_host(settings);

	assert_int_equal(fake_host_open(host), 0);
	return host;
}

#define SETTINGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_files(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host(
		SETTINGS("combined_file", "/c/%d-%k.pem", "key_file", "/k/%d.pem",
			"chain_file", "/x/100%%.pem", "owner", "me", "group", "mail"));

	struct fake_call *call = fake_host_install(host, &bundle);
	assert_true(call->is_done);
	assert_int_equal(call->outcome, POSTSEAL_OK);
	assert_null(call->addresses[0]);
	assert_string_equal(fake_host_get_line(host, 0),
		"file /c/example.org-ecdsa-p256.pem 0640 me mail KEY\nCHAIN\n");
	assert_string_equal(fake_host_get_line(host, 1),
		"file /k/example.org.pem 0640 me mail KEY\n");
	assert_string_equal(
		fake_host_get_line(host, 2), "file /x/100%.pem 0644 me mail CHAIN\n");
	assert_null(fake_host_get_line(host, 3));
}

static void test_key_without_line_end(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host =
		open_host(SETTINGS("combined_file", "/c", "mode", "0600", "prove",
			"127.0.0.1:993 [::1]:25"));
	struct postseal_bundle other = bundle;

	other.key_pem = "KEY";
	struct fake_call *call = fake_host_install(host, &other);
	assert_string_equal(
		fake_host_get_line(host, 0), "file /c 0600 - - KEY\nCHAIN\n");
	assert_string_equal(call->addresses[0], "127.0.0.1:993");
	assert_string_equal(call->addresses[1], "[::1]:25");
	assert_null(call->addresses[2]);
}

static void test_reload(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host(SETTINGS(
		"combined_file", "/c", "reload", "/bin/kick it", "prove", "[::1]:25"));

	struct fake_call *call = fake_host_install(host, &bundle);
	assert_false(call->is_done);
	assert_non_null(strstr(fake_host_get_line(host, 0), "file /c "));
	assert_string_equal(fake_host_get_line(host, 1), "exec /bin/kick it |");
	fake_host_end_exec(host, 0, "", NULL);
	assert_int_equal(call->outcome, POSTSEAL_OK);
	assert_string_equal(call->addresses[0], "[::1]:25");

	call = fake_host_install(host, &bundle);
	fake_host_end_exec(
		host, 3, "x\nline 7: wrong \r\n \n", "kick ended with status 3");
	assert_int_equal(call->outcome, POSTSEAL_FAILED);
	assert_string_equal(
		call->detail, "reload: kick ended with status 3: line 7: wrong");
	assert_null(call->addresses[0]);

	call = fake_host_install(host, &bundle);
	fake_host_end_exec(host, -1, "", "kick did not end");
	assert_string_equal(call->detail, "reload: kick did not end");
}

static void test_not_written(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host =
		open_host(SETTINGS("combined_file", "/c", "reload", "/bin/kick it"));

	fake_host_fail_next(host);
	struct fake_call *call = fake_host_install(host, &bundle);
	assert_int_equal(call->outcome, POSTSEAL_FAILED);
	assert_string_equal(call->detail, "the disk is full");
	/* Nobody is told to read what is not there. */
	assert_null(fake_host_get_line(host, 0));
}

static void test_cancel(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host =
		open_host(SETTINGS("combined_file", "/c", "reload", "/bin/kick it"));

	fake_host_cancel(host, fake_host_install(host, &bundle));
	assert_true(fake_host_has_line(host, "cancel exec"));
}

static void test_wrong_domain(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host =
		open_host(SETTINGS("combined_file", "/c/%d"));
	struct postseal_bundle other = bundle;

	other.domain = "../etc/passwd";
	struct fake_call *call = fake_host_install(host, &other);
	assert_int_equal(call->outcome, POSTSEAL_FAILED);
	assert_null(fake_host_get_line(host, 0));
}

static const struct {
	const char *name;
	const char *const *settings;
	const char *detail;
} wrong[] = {
	{ "nothing", SETTINGS("mode", "0600"), "has to be set" },
	{ "template", SETTINGS("combined_file", "/c/%n"), "combined_file: after %" },
	{ "template's end", SETTINGS("key_file", "/c/%"), "key_file: after %" },
	{ "one file", SETTINGS("key_file", "/c", "chain_file", "/c"), "are one file" },
	{ "reload", SETTINGS("key_file", "/c", "reload", "kick it"), "reload: has to" },
};

static void test_wrong_settings(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_(fake_host_freep) struct fake_host *host =
			new_host(wrong[i].settings);

		test_case(wrong[i].name);
		assert_int_equal(fake_host_open(host), -EINVAL);
		assert_non_null(strstr(fake_host_get_detail(host), wrong[i].detail));
	}
}

static const struct {
	const char *template, *domain, *key_type, *path; /* NULL = refused */
} expansions[] = {
	{ "/a/%d", "example.org", "rsa-2048", "/a/example.org" },
	{ "/a/%d.%k", "*.example.org", "rsa-2048", "/a/_.example.org.rsa-2048" },
	{ "/a/%%d", "x", "y", "/a/%d" },
	{ "/a/%d", "a/b", "y", NULL },
	{ "/a/%d", "..", "y", NULL },
	{ "/a/%d", ".a", "y", NULL },
	{ "/a/%d", "", "y", NULL },
	{ "/a/%d", NULL, "y", NULL },
	{ "/a/%d", "a b", "y", NULL },
	{ "/a/%d", "a\n", "y", NULL },
	{ "/a/%k", "a", "../y", NULL },
	{ "/a/%x", "a", "y", NULL },
	{ "/a/0123456789012345678", "a", "y", NULL },
	{ "/a/%d", "0123456789012345678", "y", NULL },
};

static void test_expand(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(expansions); i++) {
		char path[28] = "";

		test_case(expansions[i].domain ? expansions[i].domain : "NULL");
		bool ok = template_expand(expansions[i].template, expansions[i].domain,
			expansions[i].key_type, path, expansions[i].path ? 28 : 20);
		assert_int_equal(ok, expansions[i].path != NULL);
		if (ok)
			assert_string_equal(path, expansions[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_key_without_line_end),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_not_written),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_wrong_domain),
		cmocka_unit_test(test_wrong_settings),
		cmocka_unit_test(test_expand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
