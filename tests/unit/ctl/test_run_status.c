/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/ctl/fixture.h"
#include "util/json_view.h"
#include "util/mem.h"

/* clang-format off */
#define SERVED \
	"{\"domain\":\"a.example\",\"names\":[\"a.example\",\"mail.a.example\"]," \
	"\"key_type\":\"ecdsa-p256\",\"state\":\"served\",\"authority\":\"le\"," \
	"\"challenge\":\"http-01 (tls-alpn-01: not offered)\"," \
	"\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":\"2020-04-01T00:00:00Z\"," \
	"\"serial\":\"01\",\"fingerprint\":\"ab\",\"issuer\":\"CA\"," \
	"\"due\":\"2020-03-01T00:00:00Z\",\"attempts\":0,\"error\":null," \
	"\"served\":[{\"target\":\"front\",\"address\":\"127.0.0.1:993\",\"state\":\"proven\",\"error\":null}]}"
#define FAILED \
	"{\"domain\":\"b.example\",\"names\":[\"b.example\"],\"key_type\":\"ecdsa-p256\"," \
	"\"state\":\"failed\",\"challenge\":null,\"attempts\":3," \
	"\"error\":\"the CA said \\u001b[31mno\",\"served\":[]}"
#define SUMMARY(attention) \
	"{\"summary\":{\"domains\":2,\"attention\":" attention ",\"workers\":2," \
	"\"connections\":5,\"uptime_usec\":3720000000,\"longest_turn_usec\":1,\"version\":\"1\"}}"

static const char *const good[] = { SERVED, SUMMARY("0"), NULL };
static const char *const bad[] = { SERVED, FAILED, SUMMARY("1"), NULL };
static const char *const empty[] = { SUMMARY("0"), NULL };
static const char *const held_up[] = {
	"{\"summary\":{\"loop\":{\"worst_hour\":{\"held_usec\":350000,\"source\":\"on_x\"}}}}", NULL };
static const char *const alarm[] = { SERVED,
	"{\"summary\":{\"domains\":1,\"alarms\":[\"the clock is wrong \\u001b[31m\",7]}}", NULL };
static const char *const odd[] = { "{}", "{\"domain\":5,\"served\":[3,{}],\"names\":[7]}", NULL };
static const char *const twice[] = {
	"{\"domain\":\"a.example\",\"key_type\":\"ecdsa-p256\",\"state\":\"due\"}",
	"{\"domain\":\"a.example\",\"key_type\":\"rsa-2048\",\"state\":\"ordering\",\"activity\":\"polling\"}",
	"{\"domain\":\"c.example\",\"key_type\":\"rsa-2048\",\"state\":\"installed\","
	"\"not_after\":\"9998-01-01T00:00:00Z\","
	"\"served\":[{\"state\":\"proven\"},{\"state\":\"wanted\"}]}", NULL };

/* clang-format on */

static void test_lines(void **state)
{
	struct fixture *f = *state;

	f->rows = good;
	fixture_call(f, "status");
	assert_string_equal(f->out,
		"NAME       STATE   EXPIRES               CHALLENGE  DETAIL\n"
		"a.example  served  2020-04-01 (expired)  http-01    renewal "
		"2020-03-01\n"
		"2 domains, 0 want attention; 2 workers, 5 connections; up 1h 2m\n");
	assert_string_equal(f->err, "");
	assert_int_equal(f->exit_code, COMMAND_OK);
	assert_string_equal(f->asked, "status {}");
}

static void test_long_turn(void **state)
{
	struct fixture *f = *state;

	f->rows = held_up;
	fixture_call(f, "status");
	assert_non_null(strstr(f->out,
		"postseald did nothing else for 350 ms within the last hour, in on_x\n"));
}

/* Whatever the daemon's code is, a failed domain is told by ours. */
static void test_attention(void **state)
{
	struct fixture *f = *state;

	f->rows = bad;
	fixture_call(f, "status");
	assert_int_equal(f->exit_code, COMMAND_ATTENTION);
	assert_non_null(strstr(f->out,
		"b.example  failed  -                     -          the CA said "
		"?[31mno (3 tries)\n"));
	f->rows = empty;
	f->code = COMMAND_ATTENTION;
	fixture_call(f, "status");
	assert_int_equal(f->exit_code, COMMAND_ATTENTION);
}

static const char *const happened[] = { SERVED,
	"{\"summary\":{\"domains\":1,\"happenings\":["
	"{\"kind\":\"rolled-back\",\"at\":\"2026-11-23T09:12:01Z\",\"subject\":\"a.test\",\"text\":\"the old one is served again\"},"
	"{\"kind\":\"reload\",\"at\":\"2026-11-22T08:00:00Z\",\"subject\":null,\"text\":\"refused \\u001b[31m\"},"
	"{\"kind\":\"odd\",\"at\":\"x\",\"text\":\"y\"}, 7]}}",
	NULL };

static void test_happenings(void **state)
{
	struct fixture *f = *state;

	f->rows = happened;
	fixture_call(f, "status");
	assert_int_equal(f->exit_code, COMMAND_OK);
	assert_non_null(strstr(f->out,
		"\n2026-11-23 09:12:01 UTC  rolled-back a.test: the old one is served again\n"
		"2026-11-22 08:00:00 UTC  reload: refused ?[31m\n"));
}

static const char *const counted[] = {
	"{\"summary\":{\"listeners\":{"
	"\"imaps\":{\"relayed\":12,\"scanned\":3,\"later\":\"odd\"},"
	"\"https\":{},\"odd\":7,\"odder \\u001b[31m\":{\"x\":1}}}}",
	NULL
};

/* Those of which nothing was counted have no line. */
static void test_listeners(void **state)
{
	struct fixture *f = *state;

	f->rows = counted;
	fixture_call(f, "status");
	assert_non_null(strstr(f->out, "\nlistener imaps: 12 relayed, 3 scanned\n"));
	assert_non_null(strstr(f->out, "\nlistener odder ?[31m: 1 x\n"));
	assert_null(strstr(f->out, "https"));
	assert_null(strstr(f->out, "listener odd:"));
}

static void test_alarm(void **state)
{
	struct fixture *f = *state;

	f->rows = alarm;
	fixture_call(f, "status");
	assert_int_equal(f->exit_code, COMMAND_ATTENTION);
	assert_non_null(
		strstr(f->out, "\nalarm: the clock is wrong ?[31m\nalarm: ?\n"));
}

static void test_nothing(void **state)
{
	struct fixture *f = *state;

	f->rows = empty;
	fixture_call(f, "status");
	assert_string_equal(f->out,
		"2 domains, 0 want attention; 2 workers, 5 connections; up 1h 2m\n");
}

static void test_several_certificates(void **state)
{
	struct fixture *f = *state;

	f->rows = twice;
	fixture_call(f, "status");
	assert_non_null(strstr(f->out, "\na.example (ecdsa-p256)  due "));
	assert_non_null(strstr(f->out, "\na.example (rsa-2048)    ordering "));
	assert_non_null(strstr(f->out, "  polling\n"));
	assert_non_null(
		strstr(f->out, "\nc.example               installed  9998-01-01 ("));
	assert_non_null(strstr(f->out, "seen at 1 of 2 addresses\n"));
}

static void test_full(void **state)
{
	struct fixture *f = *state;

	f->rows = good;
	fixture_call(f, "status mail.a.example");
	assert_string_equal(f->asked, "status {\"name\":\"mail.a.example\"}");
	assert_string_equal(f->out, "domain:       a.example\n"
				    "state:        served\n"
				    "key type:     ecdsa-p256\n"
				    "names:        a.example\n"
				    "              mail.a.example\n"
				    "authority:    le\n"
				    "challenge:    http-01 (tls-alpn-01: not offered)\n"
				    "not before:   2020-01-01T00:00:00Z\n"
				    "not after:    2020-04-01T00:00:00Z\n"
				    "issuer:       CA\n"
				    "serial:       01\n"
				    "fingerprint:  ab\n"
				    "renewal due:  2020-03-01T00:00:00Z\n"
				    "served:       front 127.0.0.1:993: proven\n");
}

static void test_json(void **state)
{
	struct fixture *f = *state;
	_cleanup_(json_view_unrefp) json_t *json = NULL;

	f->rows = bad;
	fixture_call(f, "status --json");
	assert_int_equal(f->exit_code, COMMAND_ATTENTION);
	assert_int_equal(json_view_parse(&json, f->out, strlen(f->out), NULL), 0);
	assert_int_equal(json_array_size(json_view_array(json, "certificates")), 2);
	assert_int_equal(
		json_view_int(json_view_object(json, "summary"), "workers", 0), 2);
	assert_null(strchr(f->out, '\033'));
}

/* A daemon of another version. */
static void test_odd_rows(void **state)
{
	struct fixture *f = *state;

	f->rows = odd;
	fixture_call(f, "status");
	assert_int_equal(f->exit_code, COMMAND_OK);
	fixture_call(f, "status a");
	assert_int_equal(f->exit_code, COMMAND_OK);
	fixture_call(f, "status --json");
	assert_int_equal(f->exit_code, COMMAND_OK);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	f->code = COMMAND_FAILED;
	f->message = "x is no domain of the configuration";
	fixture_call(f, "status x");
	assert_int_equal(f->exit_code, COMMAND_FAILED);
	assert_string_equal(f->out, "");
	assert_string_equal(
		f->err, "postsealctl: x is no domain of the configuration\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_lines),
		fixture_test(test_long_turn),
		fixture_test(test_attention),
		fixture_test(test_alarm),
		fixture_test(test_happenings),
		fixture_test(test_listeners),
		fixture_test(test_nothing),
		fixture_test(test_several_certificates),
		fixture_test(test_full),
		fixture_test(test_json),
		fixture_test(test_odd_rows),
		fixture_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
