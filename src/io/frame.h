/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Framed messages over a connected unix stream socket: what the link and the control
 * socket are made of.
 *
 *   length  u32 BE  octets that follow this field
 *   type    u16 BE
 *   version u8      FRAME_VERSION
 *   n_fds   u8      descriptors that travel with this frame (at most FRAME_FDS_MAX)
 *   fields  tag u16 BE, length u32 BE, octets — until the end
 *
 * Unknown tags are skipped by who reads. A frame that is longer than the cap, malformed
 * or of another version closes the connection.
 */
#pragma once

#include <stdint.h>

#include "io/loop.h"
#include "util/buf.h"

#define FRAME_VERSION   1
#define FRAME_FDS_MAX   8
#define FRAME_BYTES_MAX (1024 * 1024)

/* A frame to send. */
struct frame {
	uint16_t type;
	struct buf fields;      /* set max_bytes by frame_init */
	int fds[FRAME_FDS_MAX]; /* owned; closed by frame_done and after sending */
	unsigned n_fds;
	int error; /* first failure of an add (-E2BIG); frame_stream_send returns it */
};

void frame_init(struct frame *frame, uint16_t type, unsigned buf_flags);
void frame_done(struct frame *frame);
void frame_add_bytes(struct frame *frame, uint16_t tag, const void *data, size_t len);
/* NULL adds nothing. */
void frame_add_str(struct frame *frame, uint16_t tag, const char *s);
void frame_add_u64(struct frame *frame, uint16_t tag, uint64_t v);
/* Takes the descriptor over. */
void frame_add_fd(struct frame *frame, int fd);

/* A frame that was received; points into the stream's buffer, valid in the callback. */
struct frame_view {
	uint16_t type;
	const uint8_t *fields;
	size_t len;
	int *fds; /* take with TAKE_FD; what is left is closed after the callback */
	unsigned n_fds;
};

/* Next field from *pos (starting at 0). 1: a field; 0: the end; -EPROTO: malformed. */
int frame_view_next(const struct frame_view *view, size_t *pos, uint16_t *ret_tag,
	const uint8_t **ret_data, size_t *ret_len);
/* First field of that tag. Strings: NUL inside is refused; *ret owned by the caller.
 * 0, -ENOENT (absent), -EPROTO. */
int frame_view_get_bytes(const struct frame_view *view, uint16_t tag,
	const uint8_t **ret_data, size_t *ret_len);
int frame_view_get_str(const struct frame_view *view, uint16_t tag, char **ret);
/* Fallback when absent; -EPROTO when not 8 octets. */
int frame_view_get_u64(
	const struct frame_view *view, uint16_t tag, uint64_t fallback, uint64_t *ret);

/*
 * One frame at the beginning of what was received. 1: a whole, well-formed one (its
 * fields walk to the end without error); *ret_n_fds descriptors belong to it, which the
 * caller puts into ret->fds; *ret_used octets are it. 0: more octets are needed.
 * -EPROTO: not a frame, another version, too many descriptors, or longer than max_bytes.
 */
int frame_parse(const uint8_t *data, size_t len, size_t max_bytes,
	struct frame_view *ret, unsigned *ret_n_fds, size_t *ret_used);
/* The eight octets before the fields. */
#define FRAME_HEADER_BYTES 8
void frame_format_header(const struct frame *frame, uint8_t header[FRAME_HEADER_BYTES]);

struct frame_stream;
/* May free the stream. */
typedef void frame_stream_fn(const struct frame_view *view, void *userdata);
/* The peer closed (err empty) or broke the rules; called once; may free the stream. */
typedef void frame_stream_closed_fn(const struct err *err, void *userdata);

struct frame_stream_params {
	size_t max_frame_bytes; /* 0 = FRAME_BYTES_MAX */
	size_t max_queue_bytes; /* unsent; 0 = 64 MiB; beyond it the stream closes */
	frame_stream_fn *on_frame;
	frame_stream_closed_fn *on_closed;
	void *userdata;
};

/* Takes the (non-blocking or not) socket over on success. */
int frame_stream_new(struct frame_stream **ret, struct loop *loop, int fd,
	const struct frame_stream_params *params, struct err *err);
struct frame_stream *frame_stream_free(struct frame_stream *stream);
DEFINE_CLEANUP(struct frame_stream *, frame_stream_free)
/* Queues; empties the frame (fds and fields move). Never calls back from within. */
int frame_stream_send(
	struct frame_stream *stream, struct frame *frame, struct err *err);
/* Octets that are queued. */
size_t frame_stream_get_unsent(const struct frame_stream *stream);
/* True when nothing is queued. */
bool frame_stream_is_flushed(const struct frame_stream *stream);
/* Peer's credentials (SO_PEERCRED). */
int frame_stream_get_peer(const struct frame_stream *stream, pid_t *ret_pid,
	uid_t *ret_uid, gid_t *ret_gid);
