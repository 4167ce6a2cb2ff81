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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/wanted/load.h"
#include "core/workers/service.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define UNUSED_PORT 61993

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
	AGAIN,     /* the one before, doubled */
	BOUND,     /* and not listening */
	DATAGRAM,
	LOCAL,
	LOST, /* listening at a file that has gone */
	PIPE,
	CLOSED,
	OURS, /* closed, and its number is taken by something of ours */
};

#define FDS_MAX 3

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

static int open_lost(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/postseal-lost-%d",
		(int)getpid());
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
		abort();
	unlink(at.sun_path);
	return fd;
}

/* -1: none. */
static int open_kind(enum kind kind, int before, unsigned *ret_port)
{
	int fd;

	switch (kind) {
	case CLOSED:
	case OURS:
		return -1;
	case AGAIN:
		return dup(before);
	case LOST:
		return open_lost();
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
	enum kind kind[FDS_MAX];
	unsigned n;
	const char *fdnames; /* LISTEN_FDNAMES; NULL = unset */
	const char *fds;     /* LISTEN_FDS; NULL = n */
	bool is_for_another; /* LISTEN_PID */
	const char *warning; /* NULL: none */
	const char *outcome; /* "at 3" is the first that was handed over; then what systemd
	                      * is told, N being the listener's name in its store */
} rows[] = {
	{ "nothing", { 0 }, 0, NULL, NULL, false, NULL,
	  "prepared 0, bound, +N" },
	{ "one", { LISTENING }, 1, "imaps", NULL, false, NULL,
	  "prepared 0, at 3 nonblocking" },
	{ "one of two", { ELSEWHERE, LISTENING }, 2, "imaps:imaps", NULL, false,
	  "no listener imaps has this address, so nobody answers there",
	  "prepared 0, at 4 nonblocking" },
	{ "kept for nobody", { ELSEWHERE, LISTENING }, 2, "kept/a:kept/b", NULL, false, NULL,
	  "prepared 0, at 4 nonblocking, -kept/b, -kept/a, +N" },
	{ "kept under another name", { LISTENING }, 1, "kept/somewhere", NULL, false, NULL,
	  "prepared 0, at 3 nonblocking, -kept/somewhere, +N" },
	{ "of no listener", { ELSEWHERE }, 1, "pop3s", NULL, false,
	  "no listener pop3s has this address, so nobody answers there",
	  "prepared 0, bound, +N" },
	{ "of another listener", { LISTENING }, 1, "pop3s", NULL, false,
	  "with FileDescriptorName=pop3s: taken for listener imaps",
	  "prepared 0, at 3 nonblocking" },
	{ "without a name", { LISTENING }, 1, NULL, NULL, false,
	  "with FileDescriptorName=unknown: taken for listener imaps",
	  "prepared 0, at 3 nonblocking" },
	{ "a name too few", { PIPE, LISTENING }, 2, "imaps", NULL, false,
	  "FileDescriptorName=unknown: taken for listener imaps",
	  "prepared 0, at 4 nonblocking" },
	{ "names too many", { LISTENING }, 1, "imaps:pop3s:::", NULL, false, NULL,
	  "prepared 0, at 3 nonblocking" },
	{ "another process's", { LISTENING }, 1, "imaps", NULL, true, NULL,
	  "prepared -98" },
	{ "not listening", { BOUND }, 1, "imaps", NULL, false,
	  "what was handed over as imaps is not a listening stream socket: dropped",
	  "prepared 0, bound, +N" },
	{ "a datagram socket", { DATAGRAM }, 1, "imaps", NULL, false,
	  "what was handed over as imaps is not a listening stream socket: dropped",
	  "prepared 0, bound, +N" },
	{ "a connection", { LOCAL }, 1, "imaps", NULL, false,
	  "what was handed over as imaps is not a listening stream socket: dropped",
	  "prepared 0, bound, +N" },
	{ "a file that has gone", { LOST }, 1, "kept/unix__x", NULL, false,
	  "what was handed over as kept/unix__x has lost its file: dropped",
	  "prepared 0, bound, -kept/unix__x, +N" },
	{ "no socket, and kept", { PIPE }, 1, "kept/x", NULL, false,
	  "what was handed over as kept/x is not a listening stream socket: dropped",
	  "prepared 0, bound, -kept/x, +N" },
	{ "a wrong one first", { PIPE, LISTENING }, 2, "fifo:imaps", NULL, false,
	  "what was handed over as fifo is not a listening stream socket: dropped",
	  "prepared 0, at 4 nonblocking" },
	{ "a closed one first", { CLOSED, LISTENING }, 2, "kept/x:imaps", NULL, false,
	  "what was handed over as kept/x is closed: dropped",
	  "prepared 0, at 4 nonblocking, -kept/x" },
	{ "its number is ours now", { OURS, LISTENING }, 2, "kept/x:imaps", NULL, false,
	  "what was handed over as kept/x is closed: dropped",
	  "prepared 0, at 4 nonblocking, -kept/x" },
	{ "all are closed", { CLOSED, CLOSED }, 2, "imaps:imaps", NULL, false,
	  "what was handed over as imaps is closed: dropped",
	  "prepared 0, bound, +N" },
	{ "doubled", { LISTENING, AGAIN }, 2, "imaps:imaps", NULL, false,
	  "was handed over once more, as imaps: dropped",
	  "prepared 0, at 3 nonblocking" },
	{ "doubled under another name", { LISTENING, AGAIN }, 2, "imaps:pop3s", NULL, false,
	  "was handed over once more, as pop3s: dropped",
	  "prepared 0, at 3 nonblocking" },
	{ "doubled in the store", { LISTENING, AGAIN }, 2, "kept/x:kept/x", NULL, false,
	  "was handed over once more, as kept/x: dropped",
	  "prepared 0, at 3 nonblocking, -kept/x, -kept/x, +N" },
	{ "three times", { LISTENING, AGAIN, AGAIN }, 3, "imaps:imaps:kept/x", NULL, false,
	  "was handed over once more, as kept/x: dropped",
	  "prepared 0, at 3 nonblocking, -kept/x" },
	{ "a name that would be a message", { PIPE }, 1, "kept/x\nSTATUS=hacked", NULL, false,
	  "is not a listening stream socket: dropped",
	  "prepared 0, bound, +N" },
	{ "ours without an address", { PIPE }, 1, "kept/", NULL, false,
	  "is not a listening stream socket: dropped",
	  "prepared 0, bound, +N" },
	{ "no number", { LISTENING }, 1, "imaps", "many", false,
	  "LISTEN_FDS=many: not a number up to 4096, nothing that was handed over is taken",
	  "prepared -98" },
	{ "more than can be", { LISTENING }, 1, "imaps", "99999999999999999999", false,
	  "LISTEN_FDS=99999999999999999999: not a number up to 4096",
	  "prepared -98" },
	{ "a negative number", { LISTENING }, 1, "imaps", "-1", false,
	  "LISTEN_FDS=-1: not a number up to 4096", "prepared -98" },
	{ "more than there are", { LISTENING }, 1, "imaps", "5", false,
	  "what was handed over as unknown is closed: dropped",
	  "prepared 0, at 3 nonblocking" },
};

/* clang-format on */

static unsigned open_all(const struct row *row, int *fds)
{
	unsigned port = 0;

	for (unsigned i = 0; i < row->n; i++)
		fds[i] = open_kind(row->kind[i], i > 0 ? fds[i - 1] : -1, &port);
	return port;
}

/* Nothing of ours gets a number below. */
static void raise_floor(void)
{
	for (int fd = FIRST; fd < SPARE; fd++)
		if (fcntl(fd, F_GETFD) < 0 && dup2(STDIN_FILENO, fd) < 0)
			abort();
}

/* In the child: descriptors and environment as systemd leaves them. */
static void hand_over(const struct row *row, const int *fds)
{
	char text[16];

	close_range(FIRST, SPARE - 1, 0);
	for (int i = 0; i < (int)row->n; i++)
		if (fds[i] >= 0 && (dup2(fds[i], FIRST + i) < 0 || close(fds[i]) < 0))
			abort();
	for (int i = 0; i < (int)row->n; i++)
		if (row->kind[i] == OURS &&
			dup3(STDIN_FILENO, FIRST + i, O_CLOEXEC) < 0)
			abort();
	if (row->n == 0)
		return;
	snprintf(text, sizeof(text), "%d", (int)getpid() + row->is_for_another);
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%u", row->n);
	setenv("LISTEN_FDS", row->fds ? row->fds : text, 1);
	if (row->fdnames)
		setenv("LISTEN_FDNAMES", row->fdnames, 1);
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
		port ? port : UNUSED_PORT);
	struct load_params params = { .conf = { .directory = dir } };

	free(test_tmpdir_write(dir, "postseal.conf", text));
	conf_report_init(&report);
	if (loop_new_epoll(&params.loop, NULL) < 0 ||
		load_configuration(loaded, &params, &report) < 0)
		abort();
	return loaded->conf;
}

_printf_(2, 3) static void tell(char *line, const char *fmt, ...)
{
	size_t len = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + len, LINE_MAX - len, fmt, ap);
	va_end(ap);
}

static int on_listener(const struct link_listener *message, int fd,
	const struct address *address, void *userdata)
{
	if (fd >= SPARE)
		tell(userdata, ", bound");
	else
		tell(userdata, ", at %d %s", fd,
			fcntl(fd, F_GETFL) & O_NONBLOCK ? "nonblocking" : "blocking");
	return 0;
}

/* What systemd was told of its store, in its order. */
static void tell_heard(int fd, unsigned port, char *line)
{
	_cleanup_(freep) char *ours = xasprintf("kept/127.0.0.1_%u", port);
	char text[LINE_MAX];
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		const char *name = strstr(text, "FDNAME=");
		bool is_kept = strncmp(text, "FDSTORE=1\n", 10) == 0;

		if (!name)
			abort();
		name += strlen("FDNAME=");
		tell(line, ", %c%s", is_kept ? '+' : '-',
			strcmp(name, ours) == 0 ? "N" : name);
	}
}

static void tell_listeners(
	struct listeners *listeners, const struct conf *conf, char *line)
{
	int r = listeners_prepare(listeners, conf, NULL);

	tell(line, "prepared %d", r);
	if (r < 0)
		return;
	listeners_commit(listeners);
	listeners_each(listeners, on_listener, line);
}

/* Does not return. */
static void run_child(const struct row *row, const char *dir, int out)
{
	struct listeners *listeners = listeners_new(NULL);
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();
	struct loaded loaded = { 0 };
	char line[LINE_MAX] = "";
	int fds[FDS_MAX];

	/* Nothing else may be where systemd puts its own. */
	out = fcntl(out, F_DUPFD, SPARE);
	raise_floor();
	int notify = open_notify(dir);
	unsigned port = open_all(row, fds);
	struct conf *conf = load_conf(&loaded, dir, port);
	listeners_set_service(listeners, service_new(loop));
	hand_over(row, fds);
	service_hold_numbers();
	service_adopt_sockets(listeners, NULL);
	raise_floor();
	tell_listeners(listeners, conf, line);
	tell_heard(notify, port ? port : UNUSED_PORT, line);
	if (row->warning && !test_log_has(LOG_LEVEL_WARNING, row->warning))
		tell(line, ", not warned");
	if (!row->warning && test_log_has(LOG_LEVEL_WARNING, ""))
		tell(line, ", warned");
	if (row->kind[0] == OURS && fcntl(FIRST, F_GETFD) < 0)
		tell(line, ", ours was closed");
	if (getenv("LISTEN_FDS") || getenv("LISTEN_PID") || getenv("LISTEN_FDNAMES"))
		tell(line, ", environment left");
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
