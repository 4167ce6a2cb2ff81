/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening sockets over reloads, good and bad. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/workers/listeners.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/core/notes.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	struct plugin_host *host;
	struct listeners *listeners;
	char *directory;
};

static void setup(struct fixture *f)
{
	f->loop = fake_loop_new();
	f->host = notes_new_host(f->loop);
	f->listeners = listeners_new(NULL);
	f->directory = test_tmpdir_new();
}

static void teardown(struct fixture *f)
{
	listeners_free(f->listeners);
	plugin_host_free(f->host);
	loop_free(f->loop);
	test_tmpdir_free(f->directory);
}

/* A listening socket at the next port of that host that is free. */
static int bind_any(const char *host, unsigned *ret_port)
{
	struct address address;
	int fd = -1;

	for (unsigned port = 20000 + (unsigned)getpid() % 20000; fd < 0; port++) {
		_cleanup_(freep) char *wanted = xasprintf("%s:%u", host, port);
		assert_int_equal(address_parse(wanted, &address, NULL), 0);
		if (address_listen(&address, 1, &fd, NULL) < 0)
			fd = -1;
		*ret_port = port;
	}
	return fd;
}

static unsigned free_port(const char *host)
{
	unsigned port;

	close(bind_any(host, &port));
	return port;
}

static int prepare(struct fixture *f, const char *text, struct err *err)
{
	struct conf *conf = notes_load(f->host, text);
	int r = listeners_prepare(f->listeners, conf, err);

	conf_unref(conf);
	return r;
}

static void use(struct fixture *f, const char *text)
{
	assert_int_equal(prepare(f, text, NULL), 0);
	listeners_commit(f->listeners);
}

/* --- what is there ---------------------------------------------------------------------------- */

struct found {
	const char *name; /* looked for */
	int fd;           /* borrowed; -1: not there */
	char *backend;
	unsigned n;
};

static int on_listener(const struct link_listener *message, int fd,
	const struct address *address, void *userdata)
{
	struct found *found = userdata;

	found->n++;
	if (!found->name || strcmp(message->name, found->name) != 0)
		return 0;
	found->fd = fd;
	xstrset(&found->backend, message->backend);
	assert_int_equal(message->fd, -1);
	return 0;
}

static int find_fd(struct fixture *f, const char *name)
{
	struct found found = { .name = name, .fd = -1 };

	assert_int_equal(listeners_each(f->listeners, on_listener, &found), 0);
	free(found.backend);
	return found.fd;
}

static unsigned count(struct fixture *f)
{
	struct found found = { .fd = -1 };

	listeners_each(f->listeners, on_listener, &found);
	return found.n;
}

static bool is_listening(const char *text)
{
	_cleanup_(closep) int fd = -1;
	struct address address;

	assert_int_equal(address_parse(text, &address, NULL), 0);
	fd = socket(address.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fd, (struct sockaddr *)&address.sa, address.len) == 0;
}

static char *format_listener(const char *name, const char *address, const char *more)
{
	return xasprintf("listener %s {\n address = %s\n protocol = imap\n"
			 " backend = 127.0.0.1:10143\n%s}\n",
		name, address, more);
}

/* --- bind ---------------------------------------------------------------------------------------- */

static void test_bind(void **state)
{
	struct fixture f;
	_cleanup_(freep) char *a = NULL, *b = NULL, *list = NULL, *text = NULL;

	setup(&f);
	a = xasprintf("127.0.0.1:%u", free_port("127.0.0.1"));
	b = xasprintf("unix:%s/b", f.directory);
	list = xasprintf("%s %s", a, b);
	text = format_listener("imaps", list, "");
	assert_int_equal(prepare(&f, text, NULL), 0);
	assert_int_equal(count(&f), 0); /* not yet in force */
	listeners_commit(f.listeners);
	assert_int_equal(count(&f), 2);
	assert_true(find_fd(&f, "imaps") >= 0);
	assert_true(find_fd(&f, "imaps#2") >= 0);
	assert_true(is_listening(a));
	assert_true(is_listening(b));
	use(&f, "");
	assert_int_equal(count(&f), 0);
	assert_false(is_listening(a));
	teardown(&f);
}

static void test_abandon(void **state)
{
	struct fixture f;
	_cleanup_(freep) char *a = NULL, *text = NULL;

	setup(&f);
	a = xasprintf("127.0.0.1:%u", free_port("127.0.0.1"));
	text = format_listener("imaps", a, "");
	assert_int_equal(prepare(&f, text, NULL), 0);
	listeners_abandon(f.listeners);
	assert_false(is_listening(a));
	assert_int_equal(count(&f), 0);
	use(&f, text);
	assert_true(is_listening(a));
	teardown(&f);
}

/* --- reload ---------------------------------------------------------------------------------------- */

static void test_kept_over_a_reload(void **state)
{
	struct fixture f;
	struct found found = { .name = "pop3s", .fd = -1 };
	_cleanup_(freep) char *a = NULL, *text = NULL;
	int fd;

	setup(&f);
	a = xasprintf("127.0.0.1:%u", free_port("127.0.0.1"));
	text = format_listener("imaps", a, "");
	use(&f, text);
	fd = find_fd(&f, "imaps");
	use(&f, text);
	assert_int_equal(find_fd(&f, "imaps"), fd);
	/* all may be otherwise but the address */
	free(text);
	text = format_listener("pop3s", a, " backend = 127.0.0.1:10110\n");
	use(&f, text);
	listeners_each(f.listeners, on_listener, &found);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.fd, fd);
	assert_string_equal(found.backend, "127.0.0.1:10110");
	free(found.backend);
	teardown(&f);
}

static void test_spelled_otherwise(void **state)
{
	struct fixture f;
	_cleanup_(freep) char *a = NULL, *b = NULL, *text = NULL;
	unsigned port = free_port("[::1]");
	int fd;

	setup(&f);
	a = xasprintf("[::1]:%u", port);
	b = xasprintf("[0:0:0:0:0:0:0:1]:%u", port);
	text = format_listener("imaps", a, "");
	use(&f, text);
	fd = find_fd(&f, "imaps");
	free(text);
	text = format_listener("imaps", b, "");
	use(&f, text);
	assert_int_equal(find_fd(&f, "imaps"), fd);
	teardown(&f);
}

static void test_conflict_changes_nothing(void **state)
{
	struct fixture f;
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *a = NULL, *b = NULL, *taken = NULL;
	_cleanup_(freep) char *first = NULL, *second = NULL, *both = NULL;
	_cleanup_(closep) int stranger = -1;
	unsigned port;

	setup(&f);
	a = xasprintf("127.0.0.1:%u", free_port("127.0.0.1"));
	first = format_listener("imaps", a, "");
	use(&f, first);
	int fd = find_fd(&f, "imaps");
	stranger = bind_any("127.0.0.1", &port);
	taken = xasprintf("127.0.0.1:%u", port);
	b = xasprintf("127.0.0.1:%u", free_port("127.0.0.1"));
	/* the old one goes, one that can be bound, and one that cannot */
	second = format_listener("submissions", b, "");
	both = format_listener("pop3s", taken, "");
	_cleanup_(freep) char *text = xasprintf("%s%s", second, both);
	assert_int_equal(prepare(&f, text, &err), -EADDRINUSE);
	_cleanup_(freep) char *why = err_format(&err);
	assert_non_null(strstr(why, "t.conf line 6: listener pop3s"));
	assert_non_null(strstr(why, taken));
	assert_int_equal(count(&f), 1);
	assert_int_equal(find_fd(&f, "imaps"), fd);
	assert_true(is_listening(a));
	assert_false(is_listening(b));
	/* and when the stranger has gone, it is taken */
	close(TAKE_FD(stranger));
	use(&f, text);
	assert_false(is_listening(a));
	assert_true(is_listening(b));
	assert_true(is_listening(taken));
	teardown(&f);
}

/* --- systemd's -------------------------------------------------------------------------------------- */

static void test_adopt(void **state)
{
	struct fixture f;
	_cleanup_(freep) char *a = NULL, *text = NULL;
	unsigned port;
	int fd;

	setup(&f);
	fd = bind_any("127.0.0.1", &port);
	a = xasprintf("127.0.0.1:%u", port);
	text = format_listener("imaps", a, "");
	/* somebody else's name: nobody could bind it anew */
	listeners_adopt(f.listeners, "pop3s", fd);
	test_log_expect(LOG_LEVEL_WARNING, "taken for listener imaps");
	use(&f, text);
	assert_int_equal(find_fd(&f, "imaps"), fd);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	listeners_free(f.listeners);
	f.listeners = listeners_new(NULL);
	listeners_adopt(f.listeners, "imaps", fd);
	use(&f, text);
	assert_int_equal(find_fd(&f, "imaps"), fd);
	use(&f, text);
	assert_int_equal(find_fd(&f, "imaps"), fd);
	assert_true(is_listening(a));
	teardown(&f);
}

static void test_adopted_outlives_a_failure(void **state)
{
	struct fixture f;
	_cleanup_(freep) char *a = NULL, *b = NULL;
	_cleanup_(freep) char *first = NULL, *second = NULL, *text = NULL;
	_cleanup_(closep) int stranger = -1;
	unsigned port, taken;

	setup(&f);
	int fd = bind_any("127.0.0.1", &port);
	stranger = bind_any("127.0.0.1", &taken);
	a = xasprintf("127.0.0.1:%u", port);
	b = xasprintf("127.0.0.1:%u", taken);
	first = format_listener("imaps", a, "");
	second = format_listener("pop3s", b, "");
	text = xasprintf("%s%s", first, second);
	listeners_adopt(f.listeners, "imaps", fd);
	assert_int_equal(prepare(&f, text, NULL), -EADDRINUSE);
	assert_true(is_listening(a));
	use(&f, first);
	assert_int_equal(find_fd(&f, "imaps"), fd);
	teardown(&f);
}

/* --- where our own probes go ---------------------------------------------------------------------------- */

static void test_addresses(void **state)
{
	struct fixture f;
	unsigned tls = free_port("0.0.0.0");
	_cleanup_(freep) char *text = NULL, *wanted = NULL;
	_cleanup_(strv_freep) char **list = NULL;

	setup(&f);
	list = listeners_format_tls_addresses(f.listeners);
	assert_int_equal(strv_length(list), 0);
	assert_null(listeners_format_http_address(f.listeners));
	assert_null(listeners_format_acme_address(f.listeners));
	strv_free(list);
	text = xasprintf(
		"listener imaps {\n address = 0.0.0.0:%u\n protocol = imap\n"
		" backend = 127.0.0.1:1\n}\n"
		"listener web {\n address = unix:%s/http\n protocol = http\n}\n"
		"listener https {\n address = unix:%s/https\n protocol = https\n"
		" backend = 127.0.0.1:2\n}\n",
		tls, f.directory, f.directory);
	use(&f, text);
	wanted = xasprintf("127.0.0.1:%u", tls);
	list = listeners_format_tls_addresses(f.listeners);
	assert_int_equal(strv_length(list), 2);
	assert_string_equal(list[0], wanted);
	_cleanup_(freep) char *http = listeners_format_http_address(f.listeners);
	_cleanup_(freep) char *acme = listeners_format_acme_address(f.listeners);
	assert_non_null(strstr(http, "/http"));
	assert_string_equal(acme, list[1]);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_bind),
		test_with_log(test_abandon),
		test_with_log(test_kept_over_a_reload),
		test_with_log(test_spelled_otherwise),
		test_with_log(test_conflict_changes_nothing),
		test_with_log(test_adopt),
		test_with_log(test_adopted_outlives_a_failure),
		test_with_log(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
