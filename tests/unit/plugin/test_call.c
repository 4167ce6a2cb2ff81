/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "plugin/call.h"
#include "plugin/notify.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/unit/plugin/fixture.h"
#include "util/mem.h"

static void act_complete(struct fixture *f, struct postseal_call *call)
{
	fixture_complete(f, POSTSEAL_OK, NULL);
	/* complete() in the method: the caller has not heard yet. */
	assert_int_equal(f->n_done, 0);
}

static void test_at_once(void **state)
{
	struct fixture f = { .act = act_complete };

	fixture_init(&f, fake_loop_new(), "");
	struct plugin_call *call = fixture_call(&f);
	assert_string_equal(f.notice, "served/-/text/5");
	assert_int_equal(f.n_done, 0);
	assert_true(fake_loop_run_until_idle(f.loop, USEC_PER_HOUR));
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.outcome, POSTSEAL_OK);
	assert_int_equal(f.n_cancels, 0);
	plugin_call_cancel(call);
	assert_int_equal(f.n_cancels, 0);
	fixture_done(&f);
}

static void test_later(void **state)
{
	struct fixture f = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	struct plugin_call *call = fixture_call(&f);
	fake_loop_run_ready(f.loop);
	assert_int_equal(f.n_done, 0);
	fixture_complete(&f, POSTSEAL_REFUSED, "not\nme");
	assert_int_equal(f.n_done, 0);
	fake_loop_run_ready(f.loop);
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.outcome, POSTSEAL_REFUSED);
	assert_string_equal(f.detail, "not?me");
	plugin_call_cancel(call);
	fixture_done(&f);
}

static void test_cancel_in_done(void **state)
{
	struct fixture f = { .act = act_complete, .cancels_in_done = true };

	fixture_init(&f, fake_loop_new(), "");
	fixture_call(&f);
	fake_loop_run_ready(f.loop);
	assert_int_equal(f.n_done, 1);
	assert_null(f.started);
	fixture_done(&f);
}

static void act_twice(struct fixture *f, struct postseal_call *call)
{
	fixture_complete(f, POSTSEAL_OK, NULL);
	fixture_complete(f, POSTSEAL_FAILED, "no");
	fixture_complete(f, POSTSEAL_FAILED, "no");
}

static void test_twice(void **state)
{
	struct fixture f = { .act = act_twice };

	fixture_init(&f, fake_loop_new(), "");
	test_log_expect(LOG_LEVEL_WARNING, "completed twice");
	struct plugin_call *call = fixture_call(&f);
	fake_loop_run_ready(f.loop);
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.outcome, POSTSEAL_OK);
	/* After the end the handle leads nowhere. */
	fixture_complete(&f, POSTSEAL_FAILED, "no");
	plugin_call_cancel(call);
	fixture_complete(&f, POSTSEAL_FAILED, "no");
	fake_loop_run_ready(f.loop);
	assert_int_equal(f.n_done, 1);
	fixture_done(&f);
}

static void test_cancel_is_silent(void **state)
{
	struct fixture f = { .completes_in_cancel = true };

	fixture_init(&f, fake_loop_new(), "");
	struct plugin_call *call = fixture_call(&f);
	f.services->call_set_data(f.call, &f);
	assert_ptr_equal(f.services->call_get_data(f.call), &f);
	assert_null(plugin_call_cancel(call));
	assert_int_equal(f.n_cancels, 1);
	/* A plugin that does not keep still does no harm. */
	fixture_complete(&f, POSTSEAL_OK, NULL);
	f.services->call_set_data(f.call, &f);
	assert_null(f.services->call_get_data(f.call));
	assert_true(fake_loop_run_until_idle(f.loop, USEC_PER_HOUR));
	assert_int_equal(f.n_done, 0);
	fixture_done(&f);
}

/* The old handle must not reach a new call that lies where the old one lay. */
static void test_stale_handle(void **state)
{
	struct fixture f = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	plugin_call_cancel(fixture_call(&f));
	struct postseal_call *stale = f.call;
	struct plugin_call *call = fixture_call(&f);
	struct postseal_call *fresh = f.call;
	f.call = stale;
	fixture_complete(&f, POSTSEAL_FAILED, "stale");
	fake_loop_run_ready(f.loop);
	assert_int_equal(f.n_done, 0);
	f.call = fresh;
	plugin_call_cancel(call);
	fixture_done(&f);
}

static void test_cancel_before_delivery(void **state)
{
	struct fixture f = { .act = act_complete };

	fixture_init(&f, fake_loop_new(), "");
	plugin_call_cancel(fixture_call(&f));
	fake_loop_run_ready(f.loop);
	assert_int_equal(f.n_done, 0);
	/* For the plugin it was over: nothing to cancel. */
	assert_int_equal(f.n_cancels, 0);
	fixture_done(&f);
}

static void test_deadline(void **state)
{
	struct fixture f = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	struct plugin_call *call = fixture_call(&f);
	fake_loop_advance(f.loop, 2 * USEC_PER_MIN - 1);
	assert_int_equal(f.n_done, 0);
	fake_loop_advance(f.loop, 1);
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.n_cancels, 1);
	assert_int_equal(f.outcome, POSTSEAL_FAILED);
	assert_string_equal(f.detail, "the plugin's notify did not end within 2m");
	fixture_complete(&f, POSTSEAL_OK, NULL);
	fake_loop_advance(f.loop, USEC_PER_HOUR);
	assert_int_equal(f.n_done, 1);
	plugin_call_cancel(call);
	fixture_done(&f);
}

static void test_instance_closed(void **state)
{
	struct fixture f = { 0 };

	fixture_init(&f, fake_loop_new(), "");
	struct plugin_call *call = fixture_call(&f);
	f.instance = plugin_instance_close(f.instance);
	assert_int_equal(f.n_cancels, 1);
	assert_int_equal(f.n_closes, 1);
	assert_true(fake_loop_run_until_idle(f.loop, USEC_PER_HOUR));
	assert_int_equal(f.n_done, 0);
	plugin_call_cancel(call);
	assert_int_equal(f.n_cancels, 1);
	fixture_done(&f);
}

static void test_host_freed_first(void **state)
{
	struct fixture f = { 0 };
	const struct postseal_notice notice = { .kind = "k", .text = "t" };
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct plugin_call *again = NULL;

	fixture_init(&f, fake_loop_new(), "");
	struct plugin_call *call = fixture_call(&f);
	f.host = plugin_host_free(f.host);
	assert_int_equal(f.n_cancels, 1);
	assert_int_equal(f.n_closes, 1);
	assert_int_equal(plugin_notify_start(&again, f.instance, &notice,
				 fixture_on_done, &f, &err),
		-ESHUTDOWN);
	assert_null(again);
	plugin_call_cancel(call);
	fixture_done(&f);
	assert_int_equal(f.n_closes, 1);
}

/* --- results ------------------------------------------------------------------------------ */

static char long_text[70000];
static const struct postseal_address good[] = {
	{ "127.0.0.1:993", "mail.example.org" },
	{ "[::1]:25", NULL },
};
static const struct postseal_address no_port[] = { { "127.0.0.1", NULL } };
static const struct postseal_address no_name[] = { { "127.0.0.1:1", "a b" } };
static const struct postseal_address null_address[] = { { NULL, NULL } };

#define RESULT .size = sizeof(struct postseal_result)

static const struct {
	const char *name;
	struct postseal_result result;
	enum postseal_outcome outcome;
	const char *detail;
	usec_t retry_usec;
	size_t n_addresses;
} results[] = {
	{ "ok", { RESULT, .detail = "x" }, POSTSEAL_OK, "", 0, 0 },
	{ "no reason", { RESULT, .outcome = POSTSEAL_FAILED }, POSTSEAL_FAILED,
		"the plugin gives no reason", 0, 0 },
	{ "retry",
		{ RESULT, .outcome = POSTSEAL_NOT_YET, .detail = "no",
			.retry_usec = 9 },
		POSTSEAL_NOT_YET, "no", 9, 0 },
	{ "late retry",
		{ RESULT, .outcome = POSTSEAL_NOT_YET, .detail = "no",
			.retry_usec = UINT64_MAX },
		POSTSEAL_NOT_YET, "no", USEC_PER_DAY, 0 },
	{ "addresses", { RESULT, .addresses = good, .n_addresses = 2 }, POSTSEAL_OK, "",
		0, 2 },
	{ "no port", { RESULT, .addresses = no_port, .n_addresses = 1 },
		POSTSEAL_FAILED, "the plugin names an address that is none", 0, 0 },
	{ "NULL address", { RESULT, .addresses = null_address, .n_addresses = 1 },
		POSTSEAL_FAILED, "the plugin names an address that is none", 0, 0 },
	{ "no name", { RESULT, .addresses = no_name, .n_addresses = 1 },
		POSTSEAL_FAILED, "the plugin names a server name that is none", 0, 0 },
	{ "too many", { RESULT, .addresses = good, .n_addresses = 65 }, POSTSEAL_FAILED,
		"the plugin names too many addresses", 0, 0 },
	{ "no list", { RESULT, .n_addresses = 1 }, POSTSEAL_FAILED,
		"the plugin names too many addresses", 0, 0 },
	{ "too much saved", { RESULT, .saved = long_text }, POSTSEAL_FAILED,
		"the plugin wants too much to be saved", 0, 0 },
	{ "outcome", { RESULT, .outcome = 17 }, POSTSEAL_FAILED,
		"the plugin gives a result that is none", 0, 0 },
	{ "size", { .size = 8 }, POSTSEAL_FAILED,
		"the plugin gives a result that is none", 0, 0 },
};

static void test_results(void **state)
{
	struct fixture f = { .cancels_in_done = true };

	memset(long_text, 'x', sizeof(long_text) - 1);
	fixture_init(&f, fake_loop_new(), "");
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		test_case(results[i].name);
		fixture_call(&f);
		f.services->complete(f.call, &results[i].result);
		fake_loop_run_ready(f.loop);
		assert_int_equal(f.n_done, i + 1);
		assert_int_equal(f.outcome, results[i].outcome);
		assert_string_equal(f.detail, results[i].detail);
		assert_int_equal(f.retry_usec, results[i].retry_usec);
		assert_int_equal(f.n_addresses, results[i].n_addresses);
	}
	fixture_call(&f);
	f.services->complete(f.call, NULL);
	fake_loop_run_ready(f.loop);
	assert_int_equal(f.outcome, POSTSEAL_FAILED);
	fixture_done(&f);
}

static void test_result_is_copied(void **state)
{
	struct fixture f = { .cancels_in_done = true };
	char detail[] = "why", saved[] = "kept", address[] = "127.0.0.1:1",
	     sni[] = "a.b";
	const struct postseal_address named = { address, sni };
	const struct postseal_result result = { RESULT, .outcome = POSTSEAL_NOT_YET,
		.detail = detail, .saved = saved, .addresses = &named,
		.n_addresses = 1 };

	fixture_init(&f, fake_loop_new(), "");
	fixture_call(&f);
	f.services->complete(f.call, &result);
	detail[0] = saved[0] = address[0] = sni[0] = '!';
	fake_loop_run_ready(f.loop);
	assert_string_equal(f.detail, "why");
	assert_string_equal(f.saved, "kept");
	assert_string_equal(f.address, "127.0.0.1:1");
	assert_string_equal(f.sni, "a.b");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_at_once),
		test_with_log(test_later),
		test_with_log(test_cancel_in_done),
		test_with_log(test_twice),
		test_with_log(test_cancel_is_silent),
		test_with_log(test_stale_handle),
		test_with_log(test_cancel_before_delivery),
		test_with_log(test_deadline),
		test_with_log(test_instance_closed),
		test_with_log(test_host_freed_first),
		test_with_log(test_results),
		test_with_log(test_result_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
