/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See rendezvous.h. A unix socket connects at once or not at all. */
#include "front/rendezvous.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "util/mem.h"

#define TRY_USEC (200 * USEC_PER_MSEC)

struct rendezvous {
	struct sockaddr_un address;
	struct loop_timer *timer; /* owned; armed while it seeks */
	rendezvous_found_fn *found;
	void *userdata;
};

static int try_connect(const struct rendezvous *r)
{
	_cleanup_(closep) int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&r->address,
			      sizeof(r->address)) < 0)
		return -1;
	return TAKE_FD(fd);
}

static void on_time(struct loop_timer *timer, void *userdata)
{
	struct rendezvous *r = userdata;
	int fd = try_connect(r);

	if (fd < 0)
		loop_timer_set_after(timer, TRY_USEC);
	else
		r->found(fd, r->userdata);
}

struct rendezvous *rendezvous_new(
	struct loop *loop, const char *path, rendezvous_found_fn *found, void *userdata)
{
	struct rendezvous *r = xnew(struct rendezvous);
	size_t len = MIN(strlen(path), sizeof(r->address.sun_path) - 1);

	r->address.sun_family = AF_UNIX;
	memcpy(r->address.sun_path, path, len);
	r->found = found;
	r->userdata = userdata;
	r->timer = loop_timer_new(loop, on_time, r);
	return r;
}

struct rendezvous *rendezvous_free(struct rendezvous *r)
{
	if (!r)
		return NULL;
	loop_timer_free(r->timer);
	free(r);
	return NULL;
}

void rendezvous_seek(struct rendezvous *r)
{
	loop_timer_set_after(r->timer, TRY_USEC);
}
