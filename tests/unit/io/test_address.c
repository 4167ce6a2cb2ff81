/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "io/address.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

/* clang-format off */
static const struct {
	const char *text;
	int family; /* 0: refused */
	const char *loopback;
} cases[] = {
	{ "127.0.0.1:993", AF_INET, "127.0.0.1:993" },
	{ "0.0.0.0:65535", AF_INET, "127.0.0.1:65535" },
	{ "[::]:993", AF_INET6, "[::1]:993" },
	{ "[2001:db8::1]:1", AF_INET6, "[2001:db8::1]:1" },
	{ "unix:/run/x.sock", AF_UNIX, "unix:/run/x.sock" },
	{ "", 0, NULL },
	{ "127.0.0.1", 0, NULL },
	{ "127.0.0.1:", 0, NULL },
	{ "127.0.0.1:0", 0, NULL },
	{ "127.0.0.1:65536", 0, NULL },
	{ "127.0.0.1:99999999999", 0, NULL },
	{ "127.0.0.1:+1", 0, NULL },
	{ "127.0.0.1: 1", 0, NULL },
	{ "127.1:993", 0, NULL },
	{ "localhost:993", 0, NULL },
	{ "::1:993", 0, NULL },
	{ "[::1]", 0, NULL },
	{ "[::1:993", 0, NULL },
	{ "[]:993", 0, NULL },
	{ ":993", 0, NULL },
	{ "[127.0.0.1]:993", 0, NULL },
	{ "unix:run/x.sock", 0, NULL },
	{ "unix:", 0, NULL },
	{ "unix:/0123456789012345678901234567890123456789012345678901234567890123456789"
	  "01234567890123456789012345678901234567890123456789", 0, NULL },
};

/* clang-format on */

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct address address, loopback;
		char text[ADDRESS_TEXT_MAX];
		struct err err = ERR_INIT;

		test_case(cases[i].text);
		int r = address_parse(cases[i].text, &address, &err);
		assert_int_equal(r, cases[i].family ? 0 : -EINVAL);
		assert_int_equal(err_is_set(&err), r < 0);
		err_done(&err);
		if (r < 0)
			continue;
		assert_int_equal(address.sa.ss_family, cases[i].family);
		assert_string_equal(
			address_format(&address, text, sizeof(text)), cases[i].text);
		address_to_loopback(&address, &loopback);
		assert_string_equal(address_format(&loopback, text, sizeof(text)),
			cases[i].loopback);
	}
}

/* clang-format off */
static const struct {
	const char *a, *b;
	bool is_same;
} hosts[] = {
	{ "192.0.2.1:1", "192.0.2.1:2", true },
	{ "192.0.2.1:1", "192.0.2.2:1", false },
	{ "192.0.2.1:1", "[::ffff:192.0.2.1]:2", true },
	{ "192.0.2.1:1", "[::192.0.2.1]:1", false },
	{ "[2001:db8::1]:1", "[2001:db8::1]:2", true },
	{ "[2001:db8::1]:1", "[2001:db8::2]:1", false },
	{ "unix:/run/x.sock", "unix:/run/x.sock", false },
};

/* clang-format on */

static void test_same_host(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct address a, b;

		test_case(hosts[i].b);
		assert_int_equal(address_parse(hosts[i].a, &a, NULL), 0);
		assert_int_equal(address_parse(hosts[i].b, &b, NULL), 0);
		assert_int_equal(address_is_same_host(&a, &b), hosts[i].is_same);
		assert_int_equal(address_is_same_host(&b, &a), hosts[i].is_same);
	}
}

static void test_unmap(void **state)
{
	struct address address;
	char text[ADDRESS_TEXT_MAX];

	assert_int_equal(address_parse("[::ffff:192.0.2.1]:993", &address, NULL), 0);
	address_unmap(&address);
	assert_string_equal(
		address_format(&address, text, sizeof(text)), "192.0.2.1:993");
	assert_int_equal(address.len, sizeof(struct sockaddr_in));
	assert_int_equal(address_parse("[2001:db8::1]:993", &address, NULL), 0);
	address_unmap(&address);
	assert_string_equal(
		address_format(&address, text, sizeof(text)), "[2001:db8::1]:993");
}

static bool can_connect(const struct address *address)
{
	_cleanup_(closep) int fd = -1;
	int code = 0;
	socklen_t len = sizeof(code);

	if (address_connect(address, &fd, NULL) < 0)
		return false;
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	poll(&p, 1, 1000);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len);
	return code == 0;
}

static void test_inet(void **state)
{
	struct address address = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *sin = (struct sockaddr_in *)&address.sa;
	struct err err = ERR_INIT;
	int fd = -1, second = -1;

	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(address_listen(&address, 8, &fd, NULL), 0);
	assert_int_equal(
		getsockname(fd, (struct sockaddr *)&address.sa, &address.len), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(can_connect(&address));
	assert_int_equal(address_listen(&address, 8, &second, &err), -EADDRINUSE);
	assert_true(err_is_set(&err));
	err_done(&err);
	close(fd);
	assert_false(can_connect(&address));
}

static void test_unix(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *text = xasprintf("unix:%s/x.sock", dir);
	_cleanup_(freep) char *plain = test_tmpdir_write(dir, "plain", "precious");
	_cleanup_(freep) char *plain_text = xasprintf("unix:%s", plain);
	struct address address, plain_address;
	int fd = -1, second = -1;

	assert_int_equal(address_parse(text, &address, NULL), 0);
	assert_false(can_connect(&address));
	assert_int_equal(address_listen(&address, 8, &fd, NULL), 0);
	assert_true(can_connect(&address));
	/* One that is in use is left alone, a stale one is replaced. */
	assert_int_equal(address_listen(&address, 8, &second, NULL), -EADDRINUSE);
	close(fd);
	assert_int_equal(address_listen(&address, 8, &fd, NULL), 0);
	assert_true(can_connect(&address));
	close(fd);
	/* Never a file that is no socket. */
	assert_int_equal(address_parse(plain_text, &plain_address, NULL), 0);
	assert_int_equal(address_listen(&plain_address, 8, &fd, NULL), -EADDRINUSE);
	assert_int_equal(access(plain, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_same_host),
		cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_inet),
		cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
