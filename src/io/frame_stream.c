/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames over a unix stream socket.
 *
 * Descriptors travel with the first octet of their frame. The kernel ends a recvmsg()
 * behind the piece that brought descriptors, so they arrive in the order of the frames
 * that own them and wait in a queue of their own until their frame is whole. Since a
 * frame before may still be incomplete then, the queue holds those of two frames.
 *
 * Callbacks may free the stream: its memory stays until the outermost of our functions
 * has returned.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/frame.h"
#include "util/list.h"
#include "util/mem.h"

#define QUEUE_BYTES_DEFAULT (64 * 1024 * 1024)
#define READ_BYTES          (16 * 1024)
/* Others on the loop have their turn too. */
#define READS_PER_TURN 16
/* What a peer may have said before it went away. */
#define READS_AT_END 4096

struct outgoing {
	struct list link;
	struct frame frame; /* owned; its descriptors go with the first octet */
	uint8_t header[FRAME_HEADER_BYTES];
	size_t sent;
};

struct frame_stream {
	struct frame_stream_params params;
	int fd;             /* owned */
	struct loop_io *io; /* owned; NULL once closed */
	struct buf in;
	int in_fds[2 * FRAME_FDS_MAX]; /* owned */
	unsigned n_in_fds;
	struct list queue; /* of outgoing */
	size_t queue_bytes;
	bool has_overflowed;
	bool is_busy; /* one of our functions that call back is on the stack */
	bool is_dead; /* freed while busy */
};

static struct outgoing *outgoing_free(struct frame_stream *stream, struct outgoing *out)
{
	list_remove(&out->link);
	stream->queue_bytes -= FRAME_HEADER_BYTES + out->frame.fields.len;
	frame_done(&out->frame);
	free(out);
	return NULL;
}

static void stream_close(struct frame_stream *stream)
{
	stream->io = loop_io_free(stream->io);
	closep(&stream->fd);
	stream->fd = -1;
	while (!list_is_empty(&stream->queue))
		outgoing_free(
			stream, list_entry(stream->queue.next, struct outgoing, link));
	for (unsigned i = 0; i < stream->n_in_fds; i++)
		closep(&stream->in_fds[i]);
	stream->n_in_fds = 0;
}

static void stream_release(struct frame_stream *stream)
{
	buf_done(&stream->in);
	free(stream);
}

struct frame_stream *frame_stream_free(struct frame_stream *stream)
{
	if (!stream)
		return NULL;
	stream_close(stream);
	stream->is_dead = true;
	if (!stream->is_busy)
		stream_release(stream);
	return NULL;
}

/* --- in ---------------------------------------------------------------------------- */

enum read_outcome {
	READ_MORE,  /* some octets came */
	READ_AGAIN, /* nothing there now */
	READ_END,
	READ_FAILED,
};

/* Appends what came to the queue; false: more than a peer that keeps the rules sends. */
static bool take_fds(struct frame_stream *stream, struct msghdr *msg)
{
	bool fits = !(msg->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (stream->n_in_fds < ARRAY_SIZE(stream->in_fds)) {
				stream->in_fds[stream->n_in_fds++] = fd;
				continue;
			}
			close(fd);
			fits = false;
		}
	}
	return fits;
}

static enum read_outcome read_some(struct frame_stream *stream, struct err *err)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * FRAME_FDS_MAX)];
	} control;
	/* The buffer's cap leaves room for this beside any frame. */
	struct iovec iov = {
		.iov_base = buf_reserve(&stream->in, READ_BYTES),
		.iov_len = READ_BYTES,
	};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n = recvmsg(stream->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return READ_AGAIN;
	/* A peer that closes with something unread. */
	if (n < 0 && errno == ECONNRESET)
		return READ_END;
	if (n < 0) {
		err_set_kind(err, ERR_NETWORK, -errno, "receive: %s", strerror(errno));
		return READ_FAILED;
	}
	if (!take_fds(stream, &msg)) {
		err_set(err, -EPROTO, "more descriptors than a frame may have");
		return READ_FAILED;
	}
	if (n == 0)
		return READ_END;
	buf_commit(&stream->in, (size_t)n);
	return READ_MORE;
}

/* Hands one frame up. False: it claims descriptors that did not come. */
static bool deliver(
	struct frame_stream *stream, struct frame_view *view, unsigned n_fds)
{
	int fds[FRAME_FDS_MAX];

	if (n_fds > stream->n_in_fds)
		return false;
	memcpy(fds, stream->in_fds, n_fds * sizeof(int));
	stream->n_in_fds -= n_fds;
	memmove(stream->in_fds, stream->in_fds + n_fds, stream->n_in_fds * sizeof(int));
	view->fds = fds;
	view->n_fds = n_fds;
	stream->params.on_frame(view, stream->params.userdata);
	for (unsigned i = 0; i < n_fds; i++)
		closep(&fds[i]);
	return true;
}

/* Delivers all that is whole. */
static int deliver_all(struct frame_stream *stream, struct err *err)
{
	size_t used = 0;
	int r;

	do {
		struct frame_view view;
		unsigned n_fds;
		size_t n = 0;

		r = frame_parse((const uint8_t *)buf_str(&stream->in) + used,
			stream->in.len - used, stream->params.max_frame_bytes, &view,
			&n_fds, &n);
		if (r > 0 && !deliver(stream, &view, n_fds))
			r = -EPROTO;
		used += n;
	} while (r > 0 && stream->io);
	if (!stream->io)
		return 0;
	buf_consume(&stream->in, used);
	/* Descriptors wait for a frame that has begun, at most those of one. */
	if (stream->n_in_fds > (stream->in.len > 0 ? FRAME_FDS_MAX : 0))
		r = -EPROTO;
	return r < 0 ? err_set(err, r, "malformed frame") : 0;
}

/* Reads until there is nothing more, at most max times. */
static enum read_outcome read_frames(
	struct frame_stream *stream, unsigned max, struct err *err)
{
	enum read_outcome outcome = READ_MORE;

	for (unsigned i = 0; i < max && outcome == READ_MORE && stream->io; i++) {
		outcome = read_some(stream, err);
		if (outcome == READ_MORE && deliver_all(stream, err) < 0)
			outcome = READ_FAILED;
	}
	if (outcome == READ_END && stream->in.len > 0) {
		err_set_kind(err, ERR_NETWORK, -ECONNRESET, "closed within a frame");
		outcome = READ_FAILED;
	}
	return outcome;
}

/* --- out --------------------------------------------------------------------------- */

static void attach_fds(struct msghdr *msg, const struct frame *frame)
{
	msg->msg_controllen = CMSG_SPACE(sizeof(int) * frame->n_fds);
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * frame->n_fds);
	memcpy(CMSG_DATA(c), frame->fds, sizeof(int) * frame->n_fds);
}

static ssize_t send_some(struct frame_stream *stream, struct outgoing *out)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * FRAME_FDS_MAX)];
	} control = { .space = { 0 } };

	size_t of_header = MIN(out->sent, (size_t)FRAME_HEADER_BYTES);
	size_t of_fields = out->sent - of_header;
	struct iovec iov[] = {
		{ .iov_base = out->header + of_header,
			.iov_len = FRAME_HEADER_BYTES - of_header },
		{ .iov_base = out->frame.fields.data + of_fields,
			.iov_len = out->frame.fields.len - of_fields },
	};
	struct msghdr msg = {
		.msg_iov = iov,
		.msg_iovlen = out->frame.fields.len > 0 ? 2 : 1,
		.msg_control = control.space,
	};

	if (out->sent == 0 && out->frame.n_fds > 0)
		attach_fds(&msg, &out->frame);
	else
		msg.msg_control = NULL;
	return sendmsg(stream->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void outgoing_advance(
	struct frame_stream *stream, struct outgoing *out, size_t n)
{
	/* They are the peer's now. */
	for (unsigned i = 0; i < out->frame.n_fds; i++)
		closep(&out->frame.fds[i]);
	out->frame.n_fds = 0;
	out->sent += n;
	if (out->sent == FRAME_HEADER_BYTES + out->frame.fields.len)
		outgoing_free(stream, out);
}

/* 0: all was sent, or the socket is full. */
static int flush(struct frame_stream *stream)
{
	while (!list_is_empty(&stream->queue)) {
		struct outgoing *out =
			list_entry(stream->queue.next, struct outgoing, link);
		ssize_t n = send_some(stream, out);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		outgoing_advance(stream, out, (size_t)n);
	}
	return 0;
}

static void update_interest(struct frame_stream *stream)
{
	bool is_flushed = list_is_empty(&stream->queue);

	loop_io_set_events(stream->io, LOOP_IN | (is_flushed ? 0u : LOOP_OUT));
}

/* The loop then reads the end, and reports it. */
static void stream_overflow(struct frame_stream *stream)
{
	stream->has_overflowed = true;
	shutdown(stream->fd, SHUT_RDWR);
}

int frame_stream_send(struct frame_stream *stream, struct frame *frame, struct err *err)
{
	size_t bytes = FRAME_HEADER_BYTES + frame->fields.len;
	int r = frame->error;

	if (r == 0 && !stream->io)
		r = -EPIPE;
	if (r == 0 && bytes > stream->params.max_queue_bytes - stream->queue_bytes)
		r = -ENOBUFS;
	if (r < 0) {
		frame_done(frame);
		if (r == -ENOBUFS)
			stream_overflow(stream);
		return err_set(err, r, "send a frame: %s", strerror(-r));
	}
	struct outgoing *out = xnew(struct outgoing);
	frame_format_header(frame, out->header);
	out->frame = *frame;
	*frame = (struct frame){ .type = frame->type };
	list_init(&out->link);
	list_append(&stream->queue, &out->link);
	stream->queue_bytes += bytes;
	/* A failure is found again, and reported, from the loop. */
	if (stream->queue.next == &out->link)
		flush(stream);
	update_interest(stream);
	return 0;
}

size_t frame_stream_get_unsent(const struct frame_stream *stream)
{
	return stream->queue_bytes;
}

bool frame_stream_is_flushed(const struct frame_stream *stream)
{
	return list_is_empty(&stream->queue);
}

/* --- both -------------------------------------------------------------------------- */

static enum read_outcome exchange(struct frame_stream *stream, struct err *err)
{
	enum read_outcome outcome = read_frames(stream, READS_PER_TURN, err);

	if (!stream->io || outcome > READ_AGAIN)
		return outcome;
	int r = flush(stream);
	if (r == 0)
		return outcome;
	/* The peer is gone; what it said before is still heard. */
	outcome = read_frames(stream, READS_AT_END, err);
	if (!stream->io || outcome > READ_AGAIN)
		return outcome;
	err_set_kind(err, ERR_NETWORK, r, "send: %s", strerror(-r));
	return READ_FAILED;
}

static void on_io(struct loop_io *io, unsigned events, void *userdata)
{
	struct frame_stream *stream = userdata;
	struct err err = ERR_INIT;

	stream->is_busy = true;
	enum read_outcome outcome = exchange(stream, &err);
	if (stream->has_overflowed)
		err_set_kind(&err, ERR_NETWORK, -ENOBUFS,
			"too slow: more than %zu octets are unsent",
			stream->params.max_queue_bytes);
	if (stream->io && outcome > READ_AGAIN) {
		stream_close(stream);
		stream->params.on_closed(&err, stream->params.userdata);
	} else if (stream->io) {
		update_interest(stream);
	}
	stream->is_busy = false;
	err_done(&err);
	if (stream->is_dead)
		stream_release(stream);
}

int frame_stream_new(struct frame_stream **ret, struct loop *loop, int fd,
	const struct frame_stream_params *params, struct err *err)
{
	_cleanup_(freep) struct frame_stream *stream = xnew(struct frame_stream);
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_set(err, -errno, "socket %d: %s", fd, strerror(errno));
	stream->params = *params;
	if (!params->max_frame_bytes)
		stream->params.max_frame_bytes = FRAME_BYTES_MAX;
	if (!params->max_queue_bytes)
		stream->params.max_queue_bytes = QUEUE_BYTES_DEFAULT;
	/* A whole frame, its length, and what one read may bring beyond it. */
	stream->in = (struct buf)BUF_INIT_SECRET(
		stream->params.max_frame_bytes + 4 + READ_BYTES);
	list_init(&stream->queue);
	int r = loop_io_new(&stream->io, loop, fd, LOOP_IN, on_io, stream, err);
	if (r < 0)
		return r;
	stream->fd = fd;
	*ret = TAKE_PTR(stream);
	return 0;
}

int frame_stream_get_peer(const struct frame_stream *stream, pid_t *ret_pid,
	uid_t *ret_uid, gid_t *ret_gid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(stream->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*ret_pid = cred.pid;
	*ret_uid = cred.uid;
	*ret_gid = cred.gid;
	return 0;
}
