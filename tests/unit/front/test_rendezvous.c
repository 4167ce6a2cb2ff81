/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The search for a new manager, on a virtual clock. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "front/rendezvous.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define TRY_USEC (200 * USEC_PER_MSEC)

struct fixture {
	struct loop *loop;
	char *dir, *path;
	struct rendezvous *rendezvous;
	unsigned n_found;
	bool is_connected;
};

static void on_found(int fd, void *userdata)
{
	struct fixture *f = userdata;
	struct sockaddr_un peer;
	socklen_t len = sizeof(peer);

	f->n_found++;
	f->is_connected = getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .loop = fake_loop_new(), .dir = test_tmpdir_new() };
	f->path = xasprintf("%s/link", f->dir);
	f->rendezvous = rendezvous_new(f->loop, f->path, on_found, f);
}

static void teardown(struct fixture *f)
{
	rendezvous_free(f->rendezvous);
	loop_free(f->loop);
	free(f->path);
	test_tmpdir_free(f->dir);
}

static int listen_there(const struct fixture *f, int backlog)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", f->path);
	unlink(at.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void test_found(void **state)
{
	struct fixture f;

	setup(&f);
	_cleanup_(closep) int fd = listen_there(&f, 5);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(f.n_found, 0); /* nobody seeks */
	rendezvous_seek(f.rendezvous);
	assert_int_equal(f.n_found, 0);
	fake_loop_advance(f.loop, TRY_USEC);
	assert_int_equal(f.n_found, 1);
	assert_true(f.is_connected);
	/* once, until it is sought anew */
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(f.n_found, 1);
	rendezvous_seek(f.rendezvous);
	rendezvous_seek(f.rendezvous);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(f.n_found, 2);
	teardown(&f);
}

/* However long it takes, and whoever was there meanwhile. */
static void test_comes_late(void **state)
{
	struct fixture f;

	setup(&f);
	rendezvous_seek(f.rendezvous);
	fake_loop_advance(f.loop, USEC_PER_DAY);
	assert_int_equal(f.n_found, 0);
	/* the file of one that was killed */
	close(listen_there(&f, 5));
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(f.n_found, 0);
	_cleanup_(closep) int fd = listen_there(&f, 5);
	fake_loop_advance(f.loop, TRY_USEC);
	assert_int_equal(f.n_found, 1);
	teardown(&f);
}

static void test_freed_while_it_seeks(void **state)
{
	struct fixture f;

	setup(&f);
	rendezvous_seek(f.rendezvous);
	f.rendezvous = rendezvous_free(f.rendezvous);
	_cleanup_(closep) int fd = listen_there(&f, 5);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(f.n_found, 0);
	teardown(&f);
}

/* One that is too busy to accept holds nobody up, and is found when it has time. */
static void test_busy(void **state)
{
	struct fixture f;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int others[16];
	unsigned n = 0;

	setup(&f);
	_cleanup_(closep) int fd = listen_there(&f, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", f.path);
	for (; n < ARRAY_SIZE(others); n++) {
		others[n] =
			socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(others[n], (struct sockaddr *)&at, sizeof(at)) < 0)
			break;
	}
	assert_true(n < ARRAY_SIZE(others));
	rendezvous_seek(f.rendezvous);
	fake_loop_advance(f.loop, USEC_PER_SEC);
	assert_int_equal(f.n_found, 0);
	for (unsigned i = 0; i < n; i++)
		close(accept(fd, NULL, NULL));
	fake_loop_advance(f.loop, TRY_USEC);
	assert_int_equal(f.n_found, 1);
	for (unsigned i = 0; i <= n; i++)
		close(others[i]);
	teardown(&f);
}

static void test_no_socket(void **state)
{
	struct fixture f;

	setup(&f);
	free(test_tmpdir_write(f.dir, "link", "no socket"));
	rendezvous_seek(f.rendezvous);
	fake_loop_advance(f.loop, USEC_PER_SEC);
	assert_int_equal(unlink(f.path), 0);
	assert_int_equal(mkdir(f.path, 0700), 0);
	fake_loop_advance(f.loop, USEC_PER_SEC);
	assert_int_equal(f.n_found, 0);
	teardown(&f);
}

/* A path that no address can hold is never found, and harms nobody. */
static void test_long_path(void **state)
{
	struct fixture f;
	char path[4096];

	setup(&f);
	f.rendezvous = rendezvous_free(f.rendezvous);
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	f.rendezvous = rendezvous_new(f.loop, path, on_found, &f);
	rendezvous_seek(f.rendezvous);
	fake_loop_advance(f.loop, USEC_PER_SEC);
	f.rendezvous = rendezvous_free(f.rendezvous);
	f.rendezvous = rendezvous_new(f.loop, "", on_found, &f);
	rendezvous_seek(f.rendezvous);
	fake_loop_advance(f.loop, USEC_PER_SEC);
	assert_int_equal(f.n_found, 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_comes_late),
		cmocka_unit_test(test_freed_while_it_seeks),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_no_socket),
		cmocka_unit_test(test_long_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
