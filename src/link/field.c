/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every message of the link goes through here, in both directions. */
#include "link/field.h"

#include <errno.h>
#include <string.h>

#include "util/dname.h"
#include "util/mem.h"

/* The member of a message that a row describes. */
static void *member_of(const struct field *field, void *m)
{
	return (char *)m + field->offset;
}

static const void *const_member_of(const struct field *field, const void *m)
{
	return (const char *)m + field->offset;
}

static void pack_list(const struct field *field, char *const *list, struct frame *frame)
{
	for (size_t i = 0; list && list[i]; i++)
		frame_add_str(frame, field->tag, list[i]);
}

static void pack_one(const struct field *field, const void *p, struct frame *frame)
{
	switch (field->kind) {
	case FIELD_DNAME:
	case FIELD_TEXT:
	case FIELD_SECRET:
		frame_add_str(frame, field->tag, *(char *const *)p);
		break;
	case FIELD_U64:
		frame_add_u64(frame, field->tag, *(const uint64_t *)p);
		break;
	case FIELD_UNSIGNED:
		frame_add_u64(frame, field->tag, *(const unsigned *)p);
		break;
	case FIELD_BOOL:
		frame_add_u64(frame, field->tag, *(const bool *)p);
		break;
	case FIELD_BYTES:
		frame_add_bytes(frame, field->tag, p, field->max);
		break;
	case FIELD_LIST:
		pack_list(field, *(char **const *)p, frame);
		break;
	}
}

void field_pack(const struct field *table, const void *m, struct frame *frame)
{
	for (const struct field *f = table; f->name; f++)
		pack_one(f, const_member_of(f, m), frame);
}

static int copy_text(const uint8_t *data, size_t len, uint64_t max, char **ret)
{
	if (len > max || memchr(data, 0, len))
		return -EPROTO;
	*ret = xstrndup((const char *)data, len);
	return 0;
}

/* 0, -ENOENT (absent) or -EPROTO; the same of all unpack_ functions. */
static int unpack_text(
	const struct field *field, const struct frame_view *view, char **ret)
{
	const uint8_t *data;
	size_t len;

	int r = frame_view_get_bytes(view, field->tag, &data, &len);
	if (r < 0)
		return r;
	uint64_t max = field->kind == FIELD_DNAME ? DNAME_MAX : field->max;
	r = copy_text(data, len, max, ret);
	if (r < 0 || field->kind != FIELD_DNAME)
		return r;
	return dname_is_valid(*ret, DNAME_WILDCARD) ? 0 : -EPROTO;
}

static int unpack_number(
	const struct field *field, const struct frame_view *view, uint64_t *ret)
{
	const uint8_t *data;
	size_t len;

	int r = frame_view_get_bytes(view, field->tag, &data, &len);
	if (r < 0)
		return r;
	r = frame_view_get_u64(view, field->tag, 0, ret);
	if (r < 0)
		return r;
	return *ret <= field->max ? 0 : -EPROTO;
}

static int unpack_bytes(
	const struct field *field, const struct frame_view *view, void *ret)
{
	const uint8_t *data;
	size_t len;

	int r = frame_view_get_bytes(view, field->tag, &data, &len);
	if (r < 0)
		return r;
	if (len != field->max)
		return -EPROTO;
	memcpy(ret, data, len);
	return 0;
}

static int unpack_list(
	const struct field *field, const struct frame_view *view, char ***ret)
{
	size_t pos = 0, len, n = 0;
	const uint8_t *data;
	uint16_t tag;
	int r;

	while ((r = frame_view_next(view, &pos, &tag, &data, &len)) > 0) {
		_cleanup_(freep) char *item = NULL;

		if (tag != field->tag)
			continue;
		if (n++ >= field->max ||
			copy_text(data, len, FIELD_ITEM_MAX, &item) < 0)
			return -EPROTO;
		strv_append(ret, item);
	}
	if (r < 0)
		return r;
	return n > 0 ? 0 : -ENOENT;
}

static int unpack_one(const struct field *field, const struct frame_view *view, void *p)
{
	uint64_t number = 0;
	int r = 0;

	switch (field->kind) {
	case FIELD_DNAME:
	case FIELD_TEXT:
	case FIELD_SECRET:
		return unpack_text(field, view, p);
	case FIELD_BYTES:
		return unpack_bytes(field, view, p);
	case FIELD_LIST:
		return unpack_list(field, view, p);
	case FIELD_U64:
		r = unpack_number(field, view, &number);
		*(uint64_t *)p = number;
		break;
	case FIELD_UNSIGNED:
		r = unpack_number(field, view, &number);
		*(unsigned *)p = (unsigned)number;
		break;
	case FIELD_BOOL:
		r = unpack_number(field, view, &number);
		*(bool *)p = number != 0;
		break;
	}
	return r;
}

int field_unpack(const struct field *table, const char *what,
	const struct frame_view *view, void *ret, struct err *err)
{
	for (const struct field *f = table; f->name; f++) {
		int r = unpack_one(f, view, member_of(f, ret));

		if (r == -ENOENT && !(f->flags & FIELD_REQUIRED))
			continue;
		if (r == 0)
			continue;
		field_done(table, ret);
		return err_set(err, -EPROTO, "message %s: %s: %s", what, f->name,
			r == -ENOENT ? "missing" : "malformed");
	}
	return 0;
}

static void done_one(const struct field *field, void *p)
{
	switch (field->kind) {
	case FIELD_DNAME:
	case FIELD_TEXT:
		free(TAKE_PTR(*(char **)p));
		break;
	case FIELD_SECRET:
		secret_free(TAKE_PTR(*(char **)p));
		break;
	case FIELD_LIST:
		strv_free(TAKE_PTR(*(char ***)p));
		break;
	case FIELD_BYTES:
		/* May be a key. */
		explicit_bzero(p, field->max);
		break;
	case FIELD_U64:
	case FIELD_UNSIGNED:
	case FIELD_BOOL:
		break;
	}
}

void field_done(const struct field *table, void *m)
{
	for (const struct field *f = table; f->name; f++)
		done_one(f, member_of(f, m));
}
