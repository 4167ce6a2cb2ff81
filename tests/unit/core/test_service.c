/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What systemd hears (an own socket as NOTIFY_SOCKET) and what it hands over. Descriptors
 * are handed over from 3 on, where a test program may have its own: each such case has a
 * process of its own, which tells in one line what came out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/load.h"
#include "core/service.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define FIRST    3
#define SPARE    100 /* descriptors from here on are nobody's */
#define LINE_MAX 1024
#define FILL_MAX 100000

/* --- what systemd hears ------------------------------------------------------------------- */

static int open_notify(const char *dir)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", at.sun_path, 1), 0);
	return fd;
}

static void assert_heard(int fd, const char *expected)
{
	char text[LINE_MAX];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void test_notify(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(closep) int fd = open_notify(dir);
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
	_cleanup_(service_freep) struct service *service = service_new(loop);
	_cleanup_(freep) char *ready =
		xasprintf("READY=1\nSTATUS=1 of 2 certificates served\nMAINPID=%d",
			(int)getpid());

	service_ready(service, "1 of 2 certificates served");
	assert_heard(fd, ready);
	service_reloading(service, 123456789);
	assert_heard(fd,
		"RELOADING=1\nMONOTONIC_USEC=123456789\nSTATUS=reading the configuration");
	service_status(service, "2 of 2 certificates served");
	assert_heard(fd, "STATUS=2 of 2 certificates served");
	service_keep_socket(service, "kept/[__]_993", fd);
	assert_heard(fd, "FDSTORE=1\nFDNAME=kept/[__]_993");
	service_forget_socket(service, "kept/[__]_993");
	assert_heard(fd, "FDSTOREREMOVE=1\nFDNAME=kept/[__]_993");
	service_stopping(service, "waiting for live sessions to end");
	assert_heard(fd, "STOPPING=1\nSTATUS=waiting for live sessions to end");
}

static void test_without_systemd(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(closep) int fd = open_notify(dir);
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
	_cleanup_(service_freep) struct service *service = NULL;
	char byte;

	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	service = service_new(loop);
	service_ready(service, "without systemd");
	service_feed_watchdog(service);
	service_stopping(service, "without systemd");
	assert_int_equal(fake_loop_count(loop), 0);
	assert_true(recv(fd, &byte, 1, 0) < 0);
}

/* A reader that is busy holds nobody up. What matters arrives later, in its order; a
 * status neither takes the place of a later one nor goes into its line. */
static void test_busy_reader(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(closep) int fd = open_notify(dir);
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
	_cleanup_(service_freep) struct service *service = service_new(loop);
	char text[LINE_MAX];
	unsigned n = 0;

	while (fake_loop_count(loop) == 0 && n++ < FILL_MAX)
		service_reloading(service, 1);
	assert_true(n < FILL_MAX);
	service_status(service, "dropped");
	service_keep_socket(service, "kept/[__]_993", fd);
	service_stopping(service, "waiting");
	while (n-- > 0) {
		assert_true(recv(fd, text, sizeof(text), 0) > 0);
		fake_loop_advance(loop, USEC_PER_SEC);
	}
	assert_heard(fd, "FDSTORE=1\nFDNAME=kept/[__]_993");
	assert_heard(fd, "STOPPING=1\nSTATUS=waiting");
	assert_true(recv(fd, text, sizeof(text), 0) < 0);
	assert_int_equal(fake_loop_count(loop), 0);
}

static void test_watchdog(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(closep) int fd = open_notify(dir);
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
	_cleanup_(service_freep) struct service *service = service_new(loop);
	char byte;

	assert_int_equal(setenv("WATCHDOG_USEC", "4000000", 1), 0);
	service_feed_watchdog(service);
	unsetenv("WATCHDOG_USEC");
	assert_heard(fd, "WATCHDOG=1");
	fake_loop_advance(loop, 999 * USEC_PER_MSEC);
	assert_true(recv(fd, &byte, 1, 0) < 0);
	fake_loop_advance(loop, USEC_PER_MSEC);
	assert_heard(fd, "WATCHDOG=1");
}

/* --- what it hands over --------------------------------------------------------------------- */

enum kind {
	LISTENING,
	ELSEWHERE, /* listening at an address of no listener */
	BOUND,     /* and not listening */
	DATAGRAM,
	LOCAL,
	PIPE,
};

static int open_tcp(int type, unsigned *ret_port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		abort();
	if (ret_port)
		*ret_port = ntohs(at.sin_port);
	return fd;
}

/* Half of a pair. */
static int open_other(enum kind kind)
{
	int fds[2];
	int r = kind == PIPE ? pipe(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds);

	if (r < 0)
		abort();
	return fds[0];
}

static int open_kind(enum kind kind, unsigned *ret_port)
{
	int fd;

	switch (kind) {
	case LISTENING:
	case ELSEWHERE:
		fd = open_tcp(SOCK_STREAM, kind == LISTENING ? ret_port : NULL);
		if (listen(fd, 1) < 0)
			abort();
		return fd;
	case BOUND:
		return open_tcp(SOCK_STREAM, ret_port);
	case DATAGRAM:
		return open_tcp(SOCK_DGRAM, ret_port);
	case LOCAL:
	case PIPE:
		return open_other(kind);
	}
	abort();
}

/* clang-format off */
static const struct row {
	const char *name;
	enum kind kind[2];
	unsigned n;
	const char *fdnames; /* LISTEN_FDNAMES; NULL = unset */
	const char *fds;     /* LISTEN_FDS; NULL = n */
	bool is_for_another; /* LISTEN_PID */
	const char *outcome;
} rows[] = {
	{ "nothing", { 0 }, 0, NULL, NULL, false,
	  "adopted 0 () prepared 0" },
	{ "one", { LISTENING }, 1, "imaps", NULL, false,
	  "adopted 0 () prepared 0, ours at 3 nonblocking" },
	{ "one of two", { ELSEWHERE, LISTENING }, 2, "imaps:imaps", NULL, false,
	  "adopted 0 () prepared 0, ours at 4 nonblocking, warned" },
	{ "kept by a dead manager", { LISTENING }, 1, "kept/somewhere", NULL, false,
	  "adopted 0 () prepared 0, ours at 3 nonblocking" },
	{ "kept for nobody", { ELSEWHERE, LISTENING }, 2, "kept/a:kept/b", NULL, false,
	  "adopted 0 () prepared 0, ours at 4 nonblocking" },
	{ "of no listener", { ELSEWHERE }, 1, "pop3s", NULL, false,
	  "adopted 0 () prepared 0, warned" },
	{ "of another listener", { LISTENING }, 1, "pop3s", NULL, false,
	  "adopted 0 () prepared -98" },
	{ "without a name", { LISTENING }, 1, NULL, NULL, false,
	  "adopted 0 () prepared -98" },
	{ "another process's", { LISTENING }, 1, "imaps", NULL, true,
	  "adopted 0 () prepared -98" },
	{ "not listening", { BOUND }, 1, "imaps", NULL, false,
	  "adopted -88 (imaps, handed over to us, is not a listening stream socket)" },
	{ "a datagram socket", { DATAGRAM }, 1, "imaps", NULL, false,
	  "adopted -88 (imaps, handed over to us, is not a listening stream socket)" },
	{ "a connection", { LOCAL }, 1, "imaps", NULL, false,
	  "adopted -88 (imaps, handed over to us, is not a listening stream socket)" },
	{ "no socket", { PIPE }, 1, "fifo", NULL, false,
	  "adopted -88 (fifo, handed over to us, is not a listening stream socket)" },
	{ "a wrong one first", { PIPE, LISTENING }, 2, "fifo:imaps", NULL, false,
	  "adopted -88 (fifo, handed over to us, is not a listening stream socket)" },
	{ "a name too few", { LISTENING, LISTENING }, 2, "imaps", NULL, false,
	  "adopted -22 (sockets from systemd: Invalid argument)" },
	{ "no number", { LISTENING }, 1, "imaps", "many", false,
	  "adopted -22 (sockets from systemd: Invalid argument)" },
};

/* clang-format on */

/* In the child: descriptors and environment as systemd leaves them. */
static unsigned hand_over(const struct row *row)
{
	unsigned port = 0;
	int fds[ARRAY_SIZE(row->kind)];
	char text[16];

	for (unsigned i = 0; i < row->n; i++)
		fds[i] = fcntl(open_kind(row->kind[i], &port), F_DUPFD, SPARE);
	for (int i = 0; i < (int)row->n; i++)
		if (dup2(fds[i], FIRST + i) < 0 || close(fds[i]) < 0)
			abort();
	/* What we bind ourselves must not look like systemd's. */
	for (unsigned i = row->n; i < ARRAY_SIZE(fds); i++)
		if (dup2(STDIN_FILENO, FIRST + (int)i) < 0)
			abort();
	if (row->n == 0)
		return 0;
	snprintf(text, sizeof(text), "%d", (int)getpid() + row->is_for_another);
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%u", row->n);
	setenv("LISTEN_FDS", row->fds ? row->fds : text, 1);
	if (row->fdnames)
		setenv("LISTEN_FDNAMES", row->fdnames, 1);
	return port;
}

/* One listener, imaps, at that port (0: one that the kernel finds). */
static struct conf *load_conf(struct loaded *loaded, const char *dir, unsigned port)
{
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(freep) char *text = xasprintf("plugin_directory = /\n"
						"listener imaps {\n"
						"    address = 127.0.0.1:%u\n"
						"    protocol = imap\n"
						"    backend = 127.0.0.1:9\n"
						"}\n",
		port ? port : 61993);
	struct load_params params = { .conf = { .directory = dir } };

	free(test_tmpdir_write(dir, "postseal.conf", text));
	conf_report_init(&report);
	if (loop_new_epoll(&params.loop, NULL) < 0 ||
		load_configuration(loaded, &params, &report) < 0)
		abort();
	return loaded->conf;
}

static int on_listener(const struct link_listener *message, int fd,
	const struct address *address, void *userdata)
{
	char *line = userdata;
	size_t len = strlen(line);

	if (fd < FIRST + (int)ARRAY_SIZE(rows[0].kind))
		snprintf(line + len, LINE_MAX - len, ", ours at %d %s", fd,
			fcntl(fd, F_GETFL) & O_NONBLOCK ? "nonblocking" : "blocking");
	return 0;
}

static void tell_listeners(
	struct listeners *listeners, const struct conf *conf, char *line)
{
	int r = listeners_prepare(listeners, conf, NULL);
	size_t len = strlen(line);

	snprintf(line + len, LINE_MAX - len, " prepared %d", r);
	if (r < 0)
		return;
	test_log_expect(LOG_LEVEL_WARNING, "so nobody answers there");
	listeners_commit(listeners);
	listeners_each(listeners, on_listener, line);
	if (test_log_has(LOG_LEVEL_WARNING, "so nobody answers there"))
		strncat(line, ", warned", LINE_MAX - strlen(line) - 1);
}

/* Does not return. */
static void run_child(const struct row *row, const char *dir, int out)
{
	struct listeners *listeners = listeners_new(NULL);
	struct loaded loaded = { 0 };
	struct err err = ERR_INIT;
	char line[LINE_MAX];

	/* Nothing else may be where systemd puts its own. */
	out = fcntl(out, F_DUPFD, SPARE);
	close_range(FIRST, SPARE - 1, 0);
	unsigned port = hand_over(row);
	int r = service_adopt_sockets(listeners, &err);
	_cleanup_(freep) char *text = r < 0 ? err_format(&err) : xstrdup("");
	snprintf(line, sizeof(line), "adopted %d (%s)", r, text);
	if (r >= 0)
		tell_listeners(listeners, load_conf(&loaded, dir, port), line);
	_exit(write(out, line, strlen(line)) < 0);
}

static void read_line(int fd, char *line)
{
	ssize_t n = read(fd, line, LINE_MAX - 1);

	line[n > 0 ? n : 0] = '\0';
}

static void test_adopt(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
		char line[LINE_MAX];
		int fds[2], status;

		test_case(rows[i].name);
		assert_int_equal(pipe(fds), 0);
		pid_t pid = fork();
		if (pid == 0)
			run_child(&rows[i], dir, fds[1]);
		close(fds[1]);
		read_line(fds[0], line);
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_string_equal(line, rows[i].outcome);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_notify),
		test_with_log(test_without_systemd),
		test_with_log(test_busy_reader),
		test_with_log(test_watchdog),
		test_with_log(test_adopt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
