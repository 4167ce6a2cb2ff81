/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames as octets: no descriptors are read or written here. */
#include "io/frame.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

#define FIELD_HEADER_BYTES 6
/* type, version and number of descriptors are counted by the length. */
#define COUNTED_HEADER_BYTES (FRAME_HEADER_BYTES - 4)

void frame_init(struct frame *frame, uint16_t type, unsigned buf_flags)
{
	*frame = (struct frame){
		.type = type,
		.fields = {
			.max_bytes = FRAME_BYTES_MAX - COUNTED_HEADER_BYTES,
			.flags = buf_flags,
		},
	};
}

void frame_done(struct frame *frame)
{
	for (unsigned i = 0; i < frame->n_fds; i++)
		closep(&frame->fds[i]);
	frame->n_fds = 0;
	buf_done(&frame->fields);
}

void frame_add_bytes(struct frame *frame, uint16_t tag, const void *data, size_t len)
{
	struct buf *fields = &frame->fields;

	/* A frame that lacks a field must not be sent: the first failure stays. */
	if (frame->error < 0)
		return;
	if (len > FRAME_BYTES_MAX || !buf_reserve(fields, FIELD_HEADER_BYTES + len)) {
		frame->error = -E2BIG;
		return;
	}
	buf_append_be16(fields, tag);
	buf_append_be32(fields, (uint32_t)len);
	buf_append(fields, data, len);
}

void frame_add_str(struct frame *frame, uint16_t tag, const char *s)
{
	if (s)
		frame_add_bytes(frame, tag, s, strlen(s));
}

void frame_add_u64(struct frame *frame, uint16_t tag, uint64_t v)
{
	uint64_t be = htobe64(v);

	frame_add_bytes(frame, tag, &be, sizeof(be));
}

void frame_add_fd(struct frame *frame, int fd)
{
	if (frame->n_fds < FRAME_FDS_MAX) {
		frame->fds[frame->n_fds++] = fd;
		return;
	}
	close(fd);
	if (frame->error == 0)
		frame->error = -E2BIG;
}

static uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

void frame_format_header(const struct frame *frame, uint8_t header[FRAME_HEADER_BYTES])
{
	uint32_t length = htobe32((uint32_t)frame->fields.len + COUNTED_HEADER_BYTES);
	uint16_t type = htobe16(frame->type);

	memcpy(header, &length, sizeof(length));
	memcpy(header + 4, &type, sizeof(type));
	header[6] = FRAME_VERSION;
	header[7] = (uint8_t)frame->n_fds;
}

static bool are_fields_whole(const struct frame_view *view)
{
	size_t pos = 0, len;
	uint16_t tag;
	const uint8_t *data;
	int r;

	do {
		r = frame_view_next(view, &pos, &tag, &data, &len);
	} while (r > 0);
	return r == 0;
}

int frame_parse(const uint8_t *data, size_t len, size_t max_bytes,
	struct frame_view *ret, unsigned *ret_n_fds, size_t *ret_used)
{
	/* The length is looked at as soon as it is here: nobody waits for a frame that
	 * will not be taken. */
	if (len < 4)
		return 0;
	size_t length = get_be32(data);
	if (length < COUNTED_HEADER_BYTES || length > max_bytes)
		return -EPROTO;
	if (len < FRAME_HEADER_BYTES)
		return 0;
	if (data[6] != FRAME_VERSION || data[7] > FRAME_FDS_MAX)
		return -EPROTO;
	if (len - 4 < length)
		return 0;
	struct frame_view view = {
		.type = get_be16(data + 4),
		.fields = data + FRAME_HEADER_BYTES,
		.len = length - COUNTED_HEADER_BYTES,
	};
	if (!are_fields_whole(&view))
		return -EPROTO;
	*ret = view;
	*ret_n_fds = data[7];
	*ret_used = 4 + length;
	return 1;
}

int frame_view_next(const struct frame_view *view, size_t *pos, uint16_t *ret_tag,
	const uint8_t **ret_data, size_t *ret_len)
{
	size_t left = view->len - *pos;
	const uint8_t *p = view->fields + *pos;

	if (left == 0)
		return 0;
	if (left < FIELD_HEADER_BYTES)
		return -EPROTO;
	size_t len = get_be32(p + 2);
	if (len > left - FIELD_HEADER_BYTES)
		return -EPROTO;
	*ret_tag = get_be16(p);
	*ret_data = p + FIELD_HEADER_BYTES;
	*ret_len = len;
	*pos += FIELD_HEADER_BYTES + len;
	return 1;
}

int frame_view_get_bytes(const struct frame_view *view, uint16_t tag,
	const uint8_t **ret_data, size_t *ret_len)
{
	const uint8_t *data;
	size_t pos = 0, len;
	uint16_t found;
	int r;

	do {
		r = frame_view_next(view, &pos, &found, &data, &len);
	} while (r > 0 && found != tag);
	if (r < 0)
		return r;
	if (r == 0)
		return -ENOENT;
	*ret_data = data;
	*ret_len = len;
	return 0;
}

int frame_view_get_str(const struct frame_view *view, uint16_t tag, char **ret)
{
	const uint8_t *data;
	size_t len;
	int r = frame_view_get_bytes(view, tag, &data, &len);

	if (r < 0)
		return r;
	if (memchr(data, '\0', len))
		return -EPROTO;
	*ret = xstrndup((const char *)data, len);
	return 0;
}

int frame_view_get_u64(
	const struct frame_view *view, uint16_t tag, uint64_t fallback, uint64_t *ret)
{
	const uint8_t *data;
	uint64_t be;
	size_t len;
	int r = frame_view_get_bytes(view, tag, &data, &len);

	*ret = fallback;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (len != sizeof(be))
		return -EPROTO;
	memcpy(&be, data, sizeof(be));
	*ret = be64toh(be);
	return 0;
}
