/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wall clock being set, as I/O: a timerfd that never fires and that the kernel cancels
 * (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). Waking from sleep counts, too. */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io/loop_priv.h"
#include "util/mem.h"

struct wall_watch {
	struct loop_wall_watch base;
	int fd;             /* owned */
	struct loop_io *io; /* owned */
	loop_wall_watch_fn *fn;
	void *userdata; /* borrowed */
};

static void on_cancelled(struct loop_io *io, unsigned events, void *userdata)
{
	struct wall_watch *watch = userdata;
	uint64_t n;

	/* Reading says so once, and the timer stands as before. */
	if (read(watch->fd, &n, sizeof(n)) < 0 && errno == ECANCELED)
		watch->fn(watch->userdata);
}

static struct loop_wall_watch *wall_watch_free(struct loop_wall_watch *base)
{
	struct wall_watch *watch = container_of(base, struct wall_watch, base);

	loop_io_free(watch->io);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
	return NULL;
}

static int open_timer(struct wall_watch *watch, struct err *err)
{
	/* As far off as there is: in the year 292277 or so. */
	const struct itimerspec never = { .it_value.tv_sec = INT64_MAX / USEC_PER_SEC };

	watch->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (watch->fd < 0 ||
		timerfd_settime(watch->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
			&never, NULL) < 0)
		return err_set(err, -errno, "timerfd: %s", strerror(errno));
	return loop_io_new(&watch->io, watch->base.loop, watch->fd, LOOP_IN,
		on_cancelled, watch, err);
}

static int wall_watch_new(struct loop_wall_watch **ret, struct loop *loop,
	loop_wall_watch_fn *fn, void *userdata, struct err *err)
{
	struct wall_watch *watch = xnew(struct wall_watch);

	watch->base.loop = loop;
	watch->fd = -1;
	watch->fn = fn;
	watch->userdata = userdata;
	int r = open_timer(watch, err);
	if (r < 0) {
		wall_watch_free(&watch->base);
		return err_wrap(err, r, "watch of the clock");
	}
	*ret = &watch->base;
	return 0;
}

int loop_wall_watch_new(struct loop_wall_watch **ret, struct loop *loop,
	loop_wall_watch_fn *fn, void *userdata, struct err *err)
{
	const struct loop_ops *ops = loop->ops;

	if (ops->wall_watch_new)
		return ops->wall_watch_new(ret, loop, fn, userdata, err);
	return wall_watch_new(ret, loop, fn, userdata, err);
}

struct loop_wall_watch *loop_wall_watch_free(struct loop_wall_watch *watch)
{
	if (!watch)
		return NULL;
	const struct loop_ops *ops = watch->loop->ops;
	return ops->wall_watch_free ? ops->wall_watch_free(watch)
				    : wall_watch_free(watch);
}
