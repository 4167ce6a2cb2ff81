/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Invariants: len <= max_bytes; data is NULL, or size > len and data[len] is NUL.
 * A secret buffer never leaves content behind in memory that it gives back, nor
 * behind data[len].
 */
#include "util/buf.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/mem.h"

#define SIZE_MIN 64

static bool is_secret(const struct buf *buf)
{
	return buf->flags & BUF_SECRET;
}

static void resize(struct buf *buf, size_t size)
{
	if (!is_secret(buf)) {
		buf->data = xreallocarray(buf->data, size, 1);
		buf->size = size;
		return;
	}
	/* realloc would leave a copy behind when it moves. */
	char *data = xcalloc(size, 1);
	if (buf->data) {
		memcpy(data, buf->data, buf->len);
		explicit_bzero(buf->data, buf->size);
		free(buf->data);
	}
	buf->data = data;
	buf->size = size;
}

void *buf_reserve(struct buf *buf, size_t n)
{
	if (n > buf->max_bytes - buf->len)
		return NULL;
	size_t need = buf->len + n + 1;
	if (need > buf->size) {
		/* Doubling, but not beyond what the cap allows. */
		size_t twice = MIN(buf->size * 2, buf->max_bytes);
		resize(buf, MAX(MAX(need, twice), (size_t)SIZE_MIN));
		buf->data[buf->len] = '\0';
	}
	return buf->data + buf->len;
}

void buf_commit(struct buf *buf, size_t n)
{
	assert(buf->data && n < buf->size - buf->len);
	buf->len += n;
	buf->data[buf->len] = '\0';
}

int buf_append(struct buf *buf, const void *data, size_t len)
{
	void *room = buf_reserve(buf, len);

	if (!room)
		return -E2BIG;
	if (len > 0)
		memcpy(room, data, len);
	buf_commit(buf, len);
	return 0;
}

int buf_append_str(struct buf *buf, const char *s)
{
	return buf_append(buf, s, strlen(s));
}

int buf_append_u8(struct buf *buf, uint8_t v)
{
	return buf_append(buf, &v, sizeof(v));
}

int buf_append_be16(struct buf *buf, uint16_t v)
{
	uint16_t be = htobe16(v);

	return buf_append(buf, &be, sizeof(be));
}

int buf_append_be32(struct buf *buf, uint32_t v)
{
	uint32_t be = htobe32(v);

	return buf_append(buf, &be, sizeof(be));
}

int buf_append_be64(struct buf *buf, uint64_t v)
{
	uint64_t be = htobe64(v);

	return buf_append(buf, &be, sizeof(be));
}

int buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -E2BIG;
	char *room = buf_reserve(buf, (size_t)n);
	if (!room)
		return -E2BIG;
	va_start(ap, fmt);
	vsnprintf(room, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_commit(buf, (size_t)n);
	return 0;
}

void buf_consume(struct buf *buf, size_t n)
{
	assert(n <= buf->len);
	if (n == 0)
		return;
	memmove(buf->data, buf->data + n, buf->len - n);
	buf->len -= n;
	if (is_secret(buf))
		explicit_bzero(buf->data + buf->len, n);
	buf->data[buf->len] = '\0';
}

void buf_reset(struct buf *buf)
{
	if (!buf->data)
		return;
	if (is_secret(buf))
		explicit_bzero(buf->data, buf->size);
	buf->len = 0;
	buf->data[0] = '\0';
}

char *buf_steal(struct buf *buf)
{
	char *data = buf->data ? TAKE_PTR(buf->data) : xstrdup("");

	buf->len = buf->size = 0;
	return data;
}

const char *buf_str(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

void buf_done(struct buf *buf)
{
	if (buf->data && is_secret(buf))
		explicit_bzero(buf->data, buf->size);
	free(TAKE_PTR(buf->data));
	buf->len = buf->size = 0;
}
