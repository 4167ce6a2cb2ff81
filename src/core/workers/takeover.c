/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See takeover.h. */
#include "core/workers/takeover.h"

#include <sys/socket.h>
#include <unistd.h>

#include "link/message.h"
#include "util/list.h"
#include "util/mem.h"

struct takeover {
	struct loop *loop;
	int rendezvous_fd; /* borrowed */
	takeover_fn *fn;
	void *userdata;
	struct list peers; /* peer.entry */
	unsigned n_sockets;
};

struct peer {
	struct list entry;
	struct takeover *takeover;   /* borrowed */
	struct frame_stream *stream; /* owned */
};

static void peer_free(struct peer *peer)
{
	list_remove(&peer->entry);
	frame_stream_free(peer->stream);
	free(peer);
}

static void on_frame(const struct frame_view *view, void *userdata)
{
	struct peer *peer = userdata;

	struct takeover *t = peer->takeover;

	if (view->type == LINK_HANDOVER && view->n_fds == 1) {
		t->n_sockets++;
		t->fn(TAKE_FD(view->fds[0]), t->userdata);
	}
	/* One that drains has none: the next may. */
	if (view->type == LINK_HANDOVER_END && t->n_sockets > 0)
		loop_exit(t->loop, 0);
}

static void on_closed(const struct err *err, void *userdata)
{
	peer_free(userdata);
}

static int ask(struct takeover *t, int fd)
{
	struct peer *peer = xnew(struct peer);
	const struct frame_stream_params params = {
		.on_frame = on_frame,
		.on_closed = on_closed,
		.userdata = peer,
	};
	struct frame frame;
	int r = frame_stream_new(&peer->stream, t->loop, fd, &params, NULL);

	if (r < 0) {
		free(peer);
		return r;
	}
	peer->takeover = t;
	list_init(&peer->entry);
	list_append(&t->peers, &peer->entry);
	frame_init(&frame, LINK_HANDOVER_REQUEST, 0);
	if (frame_stream_send(peer->stream, &frame, NULL) < 0)
		peer_free(peer);
	return 0;
}

static bool is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void on_connection(struct loop_io *io, unsigned events, void *userdata)
{
	struct takeover *t = userdata;
	int fd = accept4(t->rendezvous_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 && (!is_ours(fd) || ask(t, fd) < 0))
		close(fd);
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct takeover *t = userdata;

	loop_exit(t->loop, 0);
}

int takeover_run(int rendezvous_fd, usec_t timeout_usec, takeover_fn *fn,
	void *userdata, struct err *err)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(loop_io_freep) struct loop_io *io = NULL;
	struct takeover t = {
		.rendezvous_fd = rendezvous_fd,
		.fn = fn,
		.userdata = userdata,
	};
	struct peer *peer, *next;

	int r = loop_new_epoll(&loop, err);
	if (r < 0)
		return r;
	t.loop = loop;
	list_init(&t.peers);
	_cleanup_(loop_timer_freep) struct loop_timer *deadline =
		loop_timer_new(loop, on_deadline, &t);
	loop_timer_set_after(deadline, timeout_usec);
	r = loop_io_new(&io, loop, rendezvous_fd, LOOP_IN, on_connection, &t, err);
	if (r >= 0)
		r = loop_run(loop, err);
	list_foreach_safe(peer, next, &t.peers, entry)
		peer_free(peer);
	return r;
}
