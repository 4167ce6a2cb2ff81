/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A growing octet buffer with a cap: for everything whose size the outside decides.
 * The content is always followed by a NUL that is not counted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/macro.h"

enum {
	BUF_SECRET = 1 << 0, /* overwritten before it is freed or moved */
};

struct buf {
	char *data; /* owned; NULL while empty */
	size_t len;
	size_t size;      /* allocated */
	size_t max_bytes; /* content may not grow beyond this */
	unsigned flags;
};

#define BUF_INIT(max)              \
	{                          \
		.max_bytes = (max) \
	}
#define BUF_INIT_SECRET(max)                            \
	{                                               \
		.max_bytes = (max), .flags = BUF_SECRET \
	}

/* 0, or -E2BIG (nothing appended) when the cap would be passed. */
int buf_append(struct buf *buf, const void *data, size_t len);
int buf_append_str(struct buf *buf, const char *s);
int buf_append_u8(struct buf *buf, uint8_t v);
int buf_append_be16(struct buf *buf, uint16_t v);
int buf_append_be32(struct buf *buf, uint32_t v);
int buf_append_be64(struct buf *buf, uint64_t v);
_printf_(2, 3) int buf_printf(struct buf *buf, const char *fmt, ...);

/* Room for at least n more octets behind data+len; NULL when the cap forbids it. Then
 * buf_commit what was written there. */
void *buf_reserve(struct buf *buf, size_t n);
void buf_commit(struct buf *buf, size_t n);

/* Removes n octets from the front. */
void buf_consume(struct buf *buf, size_t n);
/* Empties it and keeps the memory. */
void buf_reset(struct buf *buf);
/* The content as a malloc'ed NUL-terminated string (never NULL); empties the buffer. */
char *buf_steal(struct buf *buf);
/* The content, "" when empty. */
const char *buf_str(const struct buf *buf);
/* Releases the memory; usable again afterwards. */
void buf_done(struct buf *buf);
