/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fields of a message as rows of a table: packing, unpacking and releasing a struct is
 * then the same code for every message, and so are the limits. Private to this room.
 */
#pragma once

#include "io/frame.h"

enum field_kind {
	FIELD_DNAME,    /* char *: a name in normal form, "*." allowed */
	FIELD_TEXT,     /* char *: at most max octets */
	FIELD_SECRET,   /* the same, overwritten when it is released */
	FIELD_U64,      /* uint64_t or usec_t: at most max; absent is 0 */
	FIELD_UNSIGNED, /* unsigned or an enum: at most max; absent is 0 */
	FIELD_BOOL,     /* bool: absent is false */
	FIELD_BYTES,    /* uint8_t[max]: exactly that many */
	FIELD_LIST,     /* char **: at most max texts of FIELD_ITEM_MAX octets */
};

#define FIELD_ITEM_MAX 255

enum {
	FIELD_REQUIRED = 1 << 0, /* a message without it is refused */
};

struct field {
	const char *name; /* for messages; NULL ends the table */
	uint16_t tag;
	enum field_kind kind;
	unsigned flags;
	size_t offset;
	uint64_t max;
};

#define FIELD_ROW(type, member, tag_, kind_, max_, flags_)                          \
	{                                                                           \
		.name = #member, .tag = (tag_), .kind = FIELD_##kind_,              \
		.flags = (flags_), .offset = offsetof(type, member), .max = (max_), \
	}

void field_pack(const struct field *table, const void *m, struct frame *frame);
/* 0, or -EPROTO with a sentence; *ret is then released and empty. `what` names the
 * message in it. *ret must be zeroed. */
int field_unpack(const struct field *table, const char *what,
	const struct frame_view *view, void *ret, struct err *err);
/* Releases what the fields own. */
void field_done(const struct field *table, void *m);
