/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One table of cases, run over each real loop. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/loop_priv.h"
#include "tests/lib/test.h"
#include "util/mem.h"

#define IO_MAX 4

struct fixture {
	struct loop *loop;
	struct loop_io *io[IO_MAX];
	struct loop_timer *timer[IO_MAX];
	struct loop_defer *defer;
	struct loop_signal *sig;
	struct loop_child *child;
	int fd[IO_MAX][2];
	unsigned n_calls;
	unsigned events;
	int status;
	char order[16];
};

static void fixture_init(struct fixture *f, struct loop *loop)
{
	*f = (struct fixture){ .loop = loop };
	for (size_t i = 0; i < IO_MAX; i++)
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				0, f->fd[i]),
			0);
}

static void fixture_done(struct fixture *f)
{
	for (size_t i = 0; i < IO_MAX; i++) {
		loop_io_free(f->io[i]);
		loop_timer_free(f->timer[i]);
		closep(&f->fd[i][0]);
		closep(&f->fd[i][1]);
	}
	loop_defer_free(f->defer);
	loop_signal_free(f->sig);
	loop_child_free(f->child);
}

static void note(struct fixture *f, char c)
{
	size_t len = strlen(f->order);

	assert_true(len + 1 < sizeof(f->order));
	f->order[len] = c;
}

static void on_end(struct loop_timer *timer, void *userdata)
{
	struct fixture *f = userdata;

	loop_exit(f->loop, 0);
}

/* Runs until a callback ends the loop, at most for that long. */
static int run_for(struct fixture *f, usec_t usec)
{
	_cleanup_(loop_timer_freep) struct loop_timer *timer =
		loop_timer_new(f->loop, on_end, f);

	loop_timer_set_after(timer, usec);
	return loop_run(f->loop, NULL);
}

static void on_read(struct loop_io *io, unsigned events, void *userdata)
{
	struct fixture *f = userdata;
	char c;

	f->n_calls++;
	f->events = events;
	for (size_t i = 0; i < IO_MAX; i++)
		if (f->io[i] == io && read(f->fd[i][0], &c, 1) == 1)
			note(f, c);
	loop_exit(f->loop, 7);
}

static void watch(struct fixture *f, size_t i, unsigned events, loop_io_fn *fn)
{
	assert_int_equal(
		loop_io_new(&f->io[i], f->loop, f->fd[i][0], events, fn, f, NULL), 0);
}

static void test_io(struct fixture *f)
{
	watch(f, 0, LOOP_IN, on_read);
	assert_int_equal(loop_io_get_events(f->io[0]), LOOP_IN);
	assert_int_equal(write(f->fd[0][1], "a", 1), 1);
	assert_int_equal(run_for(f, USEC_PER_SEC), 7);
	assert_int_equal(f->events, LOOP_IN);

	/* Level, not edge; and nothing without interest. */
	assert_int_equal(write(f->fd[0][1], "bc", 2), 2);
	assert_int_equal(run_for(f, USEC_PER_SEC), 7);
	loop_io_set_events(f->io[0], 0);
	assert_int_equal(run_for(f, 5000), 0);
	loop_io_set_events(f->io[0], LOOP_IN);
	assert_int_equal(run_for(f, USEC_PER_SEC), 7);
	assert_string_equal(f->order, "abc");

	loop_io_set_events(f->io[0], LOOP_IN | LOOP_OUT);
	assert_int_equal(run_for(f, USEC_PER_SEC), 7);
	assert_int_equal(f->events, LOOP_OUT);
}

static void test_hang_up_without_interest(struct fixture *f)
{
	watch(f, 0, 0, on_read);
	close(TAKE_FD(f->fd[0][1]));
	assert_int_equal(run_for(f, USEC_PER_SEC), 7);
	assert_int_equal(f->events, LOOP_HUP);
}

static void on_read_free_all(struct loop_io *io, unsigned events, void *userdata)
{
	struct fixture *f = userdata;

	f->n_calls++;
	for (size_t i = 0; i < IO_MAX; i++)
		f->io[i] = loop_io_free(f->io[i]);
}

static void test_free_within_batch(struct fixture *f)
{
	for (size_t i = 0; i < IO_MAX; i++) {
		watch(f, i, LOOP_IN, on_read_free_all);
		assert_int_equal(write(f->fd[i][1], "x", 1), 1);
	}
	assert_int_equal(run_for(f, 5000), 0);
	assert_int_equal(f->n_calls, 1);
}

static void on_read_silence_others(struct loop_io *io, unsigned events, void *userdata)
{
	struct fixture *f = userdata;

	f->n_calls++;
	for (size_t i = 0; i < IO_MAX; i++)
		loop_io_set_events(f->io[i], 0);
}

static void test_interest_lost_within_batch(struct fixture *f)
{
	for (size_t i = 0; i < IO_MAX; i++) {
		watch(f, i, LOOP_IN, on_read_silence_others);
		assert_int_equal(write(f->fd[i][1], "x", 1), 1);
	}
	assert_int_equal(run_for(f, 5000), 0);
	assert_int_equal(f->n_calls, 1);
}

static void test_io_errors(struct fixture *f)
{
	struct err err = ERR_INIT;
	struct loop_io *io = NULL;

	assert_int_equal(
		loop_io_new(&io, f->loop, 9999, LOOP_IN, on_read, f, &err), -EBADF);
	assert_null(io);
	assert_true(err_is_set(&err));
	err_done(&err);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct fixture *f = userdata;

	f->n_calls++;
	assert_false(loop_timer_is_armed(timer));
	for (size_t i = 0; i < IO_MAX; i++)
		if (f->timer[i] == timer)
			note(f, (char)('0' + i));
}

static void make_timers(struct fixture *f, loop_timer_fn *fn)
{
	for (size_t i = 0; i < IO_MAX; i++) {
		f->timer[i] = loop_timer_new(f->loop, fn, f);
		assert_false(loop_timer_is_armed(f->timer[i]));
	}
}

static void test_timers(struct fixture *f)
{
	make_timers(f, on_timer);
	usec_t now_usec = loop_now(f->loop);
	loop_timer_set(f->timer[0], now_usec + 45000);
	loop_timer_set(f->timer[1], now_usec + 15000);
	loop_timer_set_wall(f->timer[2], loop_wall_now(f->loop) + 30000);
	loop_timer_set(f->timer[3], now_usec + 1000);
	loop_timer_disarm(f->timer[3]);
	assert_true(loop_timer_is_armed(f->timer[2]));
	assert_int_equal(run_for(f, 70000), 0);
	assert_string_equal(f->order, "120");

	/* Set again: later, earlier, and from the wall clock to the other one. */
	now_usec = loop_now(f->loop);
	loop_timer_set(f->timer[0], now_usec + 10000);
	loop_timer_set(f->timer[0], now_usec + 40000);
	loop_timer_set(f->timer[1], now_usec + 45000);
	loop_timer_set(f->timer[1], now_usec + 15000);
	loop_timer_set_wall(f->timer[2], loop_wall_now(f->loop) + 1000);
	loop_timer_set(f->timer[2], now_usec + 25000);
	assert_int_equal(run_for(f, 70000), 0);
	assert_string_equal(f->order, "120120");
	loop_timer_set(f->timer[0], USEC_NEVER);
	loop_timer_set_wall(f->timer[1], USEC_NEVER);
	assert_int_equal(run_for(f, 3000), 0);
	assert_int_equal(f->n_calls, 6);
}

static void test_wall_time_passed(struct fixture *f)
{
	make_timers(f, on_timer);
	loop_timer_set_wall(f->timer[0], 0);
	loop_timer_set(f->timer[1], 0);
	assert_int_equal(run_for(f, 5000), 0);
	assert_int_equal(f->n_calls, 2);
}

static void on_wall_set(void *userdata)
{
	struct fixture *f = userdata;

	f->n_calls++;
}

/* Nobody sets the clock here: it is had, stays silent, and goes. */
static void test_wall_watch(struct fixture *f)
{
	_cleanup_(loop_wall_watch_freep) struct loop_wall_watch *watch = NULL;

	assert_int_equal(loop_wall_watch_new(&watch, f->loop, on_wall_set, f, NULL), 0);
	assert_int_equal(run_for(f, 3000), 0);
	assert_int_equal(f->n_calls, 0);
	assert_true(loop_boot_now(f->loop) >= loop_now(f->loop) - USEC_PER_SEC);
}

static void on_timer_again(struct loop_timer *timer, void *userdata)
{
	struct fixture *f = userdata;

	if (++f->n_calls < 1000)
		loop_timer_set(timer, 0);
}

static void test_timer_sets_itself(struct fixture *f)
{
	f->timer[0] = loop_timer_new(f->loop, on_timer_again, f);
	loop_timer_set(f->timer[0], 0);
	watch(f, 0, LOOP_IN, on_read);
	assert_int_equal(write(f->fd[0][1], "x", 1), 1);
	/* Does not starve the rest. */
	assert_int_equal(run_for(f, USEC_PER_SEC), 7);
	assert_string_equal(f->order, "x");
}

static void on_timer_free_all(struct loop_timer *timer, void *userdata)
{
	struct fixture *f = userdata;

	f->n_calls++;
	for (size_t i = 0; i < IO_MAX; i++)
		f->timer[i] = loop_timer_free(f->timer[i]);
}

static void test_timer_frees_all(struct fixture *f)
{
	make_timers(f, on_timer_free_all);
	for (size_t i = 0; i < IO_MAX; i++)
		loop_timer_set(f->timer[i], 0);
	assert_int_equal(run_for(f, 3000), 0);
	assert_int_equal(f->n_calls, 1);
}

static void on_defer(void *userdata)
{
	struct fixture *f = userdata;

	f->n_calls++;
	f->defer = loop_defer_free(f->defer);
	loop_exit(f->loop, 3);
}

static void on_defer_again(void *userdata)
{
	struct fixture *f = userdata;

	loop_defer_free(f->defer);
	f->defer = loop_defer_new(
		f->loop, ++f->n_calls < 5 ? on_defer_again : on_defer, f);
}

static void test_defer(struct fixture *f)
{
	f->defer = loop_defer_new(f->loop, on_defer, f);
	assert_int_equal(f->n_calls, 0);
	assert_int_equal(run_for(f, USEC_PER_SEC), 3);
	f->defer = loop_defer_new(f->loop, on_defer, f);
	f->defer = loop_defer_free(f->defer);
	assert_int_equal(run_for(f, 2000), 0);
	assert_int_equal(f->n_calls, 1);
	f->n_calls = 0;
	f->defer = loop_defer_new(f->loop, on_defer_again, f);
	assert_int_equal(run_for(f, USEC_PER_SEC), 3);
	assert_int_equal(f->n_calls, 6);
}

static void on_signal(int signo, void *userdata)
{
	struct fixture *f = userdata;

	f->status = signo;
	f->sig = loop_signal_free(f->sig);
	loop_exit(f->loop, 4);
}

static void test_signal(struct fixture *f)
{
	assert_int_equal(
		loop_signal_new(&f->sig, f->loop, SIGUSR2, on_signal, f, NULL), 0);
	kill(getpid(), SIGUSR2);
	assert_int_equal(run_for(f, USEC_PER_SEC), 4);
	assert_int_equal(f->status, SIGUSR2);
}

static void on_child(pid_t pid, int status, void *userdata)
{
	struct fixture *f = userdata;

	f->status = status;
	f->child = loop_child_free(f->child);
	loop_exit(f->loop, 5);
}

static void test_child(struct fixture *f)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(23);
	assert_int_equal(loop_child_new(&f->child, f->loop, pid, on_child, f, NULL), 0);
	assert_int_equal(run_for(f, 2 * USEC_PER_SEC), 5);
	assert_true(WIFEXITED(f->status));
	assert_int_equal(WEXITSTATUS(f->status), 23);
	/* Reaped. */
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
}

static void on_slow(void *userdata)
{
	struct fixture *f = userdata;
	struct timespec ts = { .tv_nsec = 3000000 };

	nanosleep(&ts, NULL);
	loop_exit(f->loop, 0);
}

static void test_longest_turn(struct fixture *f)
{
	f->defer = loop_defer_new(f->loop, on_slow, f);
	assert_int_equal(run_for(f, USEC_PER_SEC), 0);
	/* One more turn, so that the slow one is over. */
	assert_int_equal(run_for(f, 1), 0);
	assert_true(loop_longest_turn(f->loop) >= 3000);
}

static void test_exit_before_run(struct fixture *f)
{
	loop_exit(f->loop, 9);
	assert_int_equal(run_for(f, USEC_PER_SEC), 9);
	assert_int_equal(run_for(f, 1000), 0);
}

static const struct {
	const char *name;
	void (*fn)(struct fixture *f);
} cases[] = {
	{ "io", test_io },
	{ "hang-up without interest", test_hang_up_without_interest },
	{ "free within a batch", test_free_within_batch },
	{ "interest lost within a batch", test_interest_lost_within_batch },
	{ "io errors", test_io_errors },
	{ "timers", test_timers },
	{ "a time that has passed", test_wall_time_passed },
	{ "a watch of the clock", test_wall_watch },
	{ "timer sets itself", test_timer_sets_itself },
	{ "timer frees all", test_timer_frees_all },
	{ "defer", test_defer },
	{ "signal", test_signal },
	{ "child", test_child },
	{ "longest turn", test_longest_turn },
	{ "exit before run", test_exit_before_run },
};

static void run_cases(int (*make)(struct loop **ret, struct err *err))
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(loop_freep) struct loop *loop = NULL;
		struct fixture f;

		test_case(cases[i].name);
		assert_int_equal(make(&loop, NULL), 0);
		fixture_init(&f, loop);
		cases[i].fn(&f);
		fixture_done(&f);
	}
}

static void test_sdevent(void **state)
{
	run_cases(loop_new_sdevent);
}

static void test_epoll(void **state)
{
	run_cases(loop_new_epoll);
}

static void test_exclusive(void **state)
{
	_cleanup_(loop_freep) struct loop *epoll = NULL, *sdevent = NULL;
	struct loop_io *io = NULL;
	struct fixture f;

	assert_int_equal(loop_new_epoll(&epoll, NULL), 0);
	assert_int_equal(loop_new_sdevent(&sdevent, NULL), 0);
	fixture_init(&f, epoll);
	assert_int_equal(loop_io_new(&io, sdevent, f.fd[0][0], LOOP_IN | LOOP_EXCLUSIVE,
				 on_read, &f, NULL),
		-ENOTSUP);
	watch(&f, 0, LOOP_IN | LOOP_EXCLUSIVE, on_read);
	assert_int_equal(write(f.fd[0][1], "xy", 2), 2);
	assert_int_equal(run_for(&f, USEC_PER_SEC), 7);
	loop_io_set_events(f.io[0], 0);
	assert_int_equal(run_for(&f, 2000), 0);
	/* It stays exclusive, although nobody says so again. */
	loop_io_set_events(f.io[0], LOOP_IN);
	assert_int_equal(loop_io_get_events(f.io[0]), LOOP_IN | LOOP_EXCLUSIVE);
	assert_int_equal(run_for(&f, USEC_PER_SEC), 7);
	assert_string_equal(f.order, "xy");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sdevent),
		cmocka_unit_test(test_epoll),
		cmocka_unit_test(test_exclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
