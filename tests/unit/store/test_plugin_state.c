/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/plugin_state.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static void expect(
	struct store *store, const char *plugin, const char *name, const char *value)
{
	_cleanup_(freep) char *got = NULL;
	int r = store_plugin_state_load(store, plugin, name, &got, NULL);

	assert_int_equal(r, value ? 0 : STORE_E_NOT_FOUND);
	if (value)
		assert_string_equal(got, value);
}

static void test_round_trip(void **state)
{
	struct store_fixture *f = *state;
	struct store *s = f->store;

	expect(s, "dns", "a.test", NULL);
	assert_int_equal(store_plugin_state_save(s, "dns", "a.test", "one", NULL), 0);
	assert_int_equal(store_plugin_state_save(s, "dns", "b.test", "", NULL), 0);
	assert_int_equal(store_plugin_state_save(s, "dns", "a.test", "two", NULL), 0);
	store_fixture_reopen(f);
	s = f->store;
	expect(s, "dns", "a.test", "two");
	expect(s, "dns", "b.test", "");
	expect(s, "other", "a.test", NULL);
	assert_int_equal(store_plugin_state_save(s, "dns", "a.test", NULL, NULL), 0);
	assert_int_equal(store_plugin_state_save(s, "dns", "a.test", NULL, NULL), 0);
	expect(s, "dns", "a.test", NULL);
}

static void test_limits(void **state)
{
	struct store_fixture *f = *state;
	struct err err = ERR_INIT;
	_cleanup_(freep) char *text = xcalloc(1, PLUGIN_STATE_BYTES_MAX + 2);
	char *got = NULL;

	memset(text, 'x', PLUGIN_STATE_BYTES_MAX + 1);
	assert_int_equal(
		store_plugin_state_save(f->store, "p", "", text, &err), -E2BIG);
	store_fixture_expect_error(&err, "65537 octets");
	text[PLUGIN_STATE_BYTES_MAX] = '\0';
	assert_int_equal(store_plugin_state_save(f->store, "p", "", text, NULL), 0);
	expect(f->store, "p", "", text);
	store_fixture_sql(f->store, "UPDATE plugin_state SET value = value || 'x'");
	assert_int_equal(
		store_plugin_state_load(f->store, "p", "", &got, &err), -EUCLEAN);
	assert_null(got);
	store_fixture_expect_error(&err, "plugin state 1: value is too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_round_trip),
		test_with_store(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
