/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the octets of a file to logical lines: comments are gone, lines that end in a
 * backslash are joined to the next, blanks at both ends are cut.
 */
#pragma once

#include "util/buf.h"

#define LEXER_LINE_BYTES_MAX (64 * 1024)

struct lexer {
	const char *data; /* borrowed */
	size_t len;
	size_t pos;
	unsigned line;   /* the physical line that `pos` is in */
	struct buf text; /* of the logical line that was read last */
};

struct lexer_line {
	const char *text;    /* empty only if wrong; valid until the next call */
	unsigned line;       /* where it starts */
	const char *problem; /* static: why it cannot be used as it stands; or NULL */
};

void lexer_init(struct lexer *lexer, const char *data, size_t len);
void lexer_done(struct lexer *lexer);

/* Looks at one line of the file, or at those that are joined to it. Only if there is more
 * on it than blanks and a comment *ret is filled. */
enum lexer_found {
	LEXER_END,
	LEXER_NOTHING,
	LEXER_LINE,
};

enum lexer_found lexer_step(struct lexer *lexer, struct lexer_line *ret);
/* The next line with something on it. False at the end. */
bool lexer_next(struct lexer *lexer, struct lexer_line *ret);
