/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules, in the order in which they meet a physical line:
 *
 * - Between quotes nothing is special but \" and \\ and a backslash that ends the line.
 *   A quote opens where a word may begin: at the start, behind a blank, comma or '='.
 * - `#` at the start or behind a blank begins a comment, to the end of the line.
 * - A backslash at the end joins the next line, with one blank for all blanks around.
 *   Lines that are comment alone are skipped while joining; an empty line ends it.
 */
#include "conf/lexer.h"

#include <string.h>

#include "conf/utf8.h"

struct scan {
	struct lexer *lexer;
	bool is_quoted;
	bool goes_on;    /* the physical line ended in a backslash */
	bool is_comment; /* there was a comment on it */
	bool is_too_long;
};

void lexer_init(struct lexer *lexer, const char *data, size_t len)
{
	static const char mark[] = "\xef\xbb\xbf";

	*lexer = (struct lexer){
		.data = data,
		.len = len,
		.line = 1,
		.text = BUF_INIT_SECRET(LEXER_LINE_BYTES_MAX),
	};
	/* Some editors put a byte order mark in front of UTF-8. */
	if (len >= 3 && memcmp(data, mark, 3) == 0)
		lexer->pos = 3;
}

void lexer_done(struct lexer *lexer)
{
	buf_done(&lexer->text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next physical line without its end. */
static bool next_physical(struct lexer *lexer, const char **ret, size_t *ret_len)
{
	if (lexer->pos >= lexer->len)
		return false;
	const char *start = lexer->data + lexer->pos;
	size_t left = lexer->len - lexer->pos;
	const char *end = memchr(start, '\n', left);
	size_t len = end ? (size_t)(end - start) : left;

	lexer->pos += end ? len + 1 : len;
	if (len > 0 && start[len - 1] == '\r')
		len--;
	*ret = start;
	*ret_len = len;
	return true;
}

static char last_char(const struct lexer *lexer)
{
	return lexer->text.len > 0 ? lexer->text.data[lexer->text.len - 1] : ' ';
}

static void cut_blanks(struct lexer *lexer)
{
	struct buf *text = &lexer->text;

	while (text->len > 0 && is_blank(text->data[text->len - 1]))
		text->data[--text->len] = '\0';
}

static void put_run(struct scan *scan, const char *s, size_t len)
{
	if (buf_append(&scan->lexer->text, s, len) < 0)
		scan->is_too_long = true;
}

static void put(struct scan *scan, char c)
{
	put_run(scan, &c, 1);
}

/* How many octets from here on are special nowhere. */
static size_t run_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] != '\\' && s[n] != '"' && s[n] != '#' && s[n] != '\t')
		n++;
	return n;
}

/* Is there nothing behind a backslash but blanks, or a comment after blanks? */
static bool is_rest_empty(const struct scan *scan, const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && is_blank(s[i]))
		i++;
	return i == len || (i > 0 && s[i] == '#' && !scan->is_quoted);
}

/* One octet, or an escaped pair; returns how many. */
static size_t scan_quoted(struct scan *scan, const char *s, size_t len)
{
	put(scan, s[0]);
	if (s[0] == '\\' && len > 1 && (s[1] == '"' || s[1] == '\\')) {
		put(scan, s[1]);
		return 2;
	}
	if (s[0] == '"')
		scan->is_quoted = false;
	return 1;
}

static void scan_plain(struct scan *scan, char c)
{
	char before = last_char(scan->lexer);

	if (c == '"' && (is_blank(before) || before == ',' || before == '='))
		scan->is_quoted = true;
	put(scan, c == '\t' ? ' ' : c);
}

static bool is_escaped_pair(const struct scan *scan, const char *s, size_t len)
{
	return scan->is_quoted && len > 1 && (s[1] == '"' || s[1] == '\\');
}

static void scan_physical(struct scan *scan, const char *s, size_t len)
{
	size_t i = 0;

	scan->goes_on = scan->is_comment = false;
	while (i < len) {
		size_t run = run_length(s + i, len - i);
		if (run > 0) {
			put_run(scan, s + i, run);
			i += run;
			continue;
		}
		if (s[i] == '\\' && !is_escaped_pair(scan, s + i, len - i) &&
			is_rest_empty(scan, s + i + 1, len - i - 1)) {
			scan->goes_on = true;
			return;
		}
		if (scan->is_quoted) {
			i += scan_quoted(scan, s + i, len - i);
			continue;
		}
		if (s[i] == '#' && (i == 0 || is_blank(s[i - 1]))) {
			scan->is_comment = true;
			return;
		}
		scan_plain(scan, s[i++]);
	}
}

/* Reads on while lines are joined. False: the file ended in the middle. */
static bool scan_joined(struct scan *scan)
{
	struct lexer *lexer = scan->lexer;
	const char *s;
	size_t len;

	cut_blanks(lexer);
	if (!next_physical(lexer, &s, &len))
		return false;
	lexer->line++;
	while (len > 0 && is_blank(*s)) {
		s++;
		len--;
	}
	size_t before = lexer->text.len;
	if (len > 0 && before > 0)
		put(scan, ' ');
	scan_physical(scan, s, len);
	/* Nothing but a comment: what it interrupts goes on. */
	if (scan->is_comment && lexer->text.len <= before + 1)
		scan->goes_on = true;
	return true;
}

/* Leaves nothing in the text that a terminal or a log would stumble over. */
static const char *mask_bad(struct buf *text)
{
	const char *problem = NULL;
	size_t i = 0;

	for (;;) {
		i += utf8_find_bad(text->data + i, text->len - i);
		if (i == text->len)
			return problem;
		if (!problem)
			problem =
				(unsigned char)text->data[i] >= 0x80
					? "holds a character that is not printable UTF-8"
					: "holds a control character";
		text->data[i++] = '?';
	}
}

/* Reads one logical line, maybe an empty one. */
static void scan_logical(
	struct scan *scan, const char *s, size_t len, struct lexer_line *ret)
{
	struct lexer *lexer = scan->lexer;

	buf_reset(&lexer->text);
	ret->line = lexer->line;
	ret->problem = NULL;
	while (len > 0 && is_blank(*s)) {
		s++;
		len--;
	}
	scan_physical(scan, s, len);
	while (scan->goes_on) {
		if (!scan_joined(scan)) {
			ret->problem = "the file ends behind a backslash";
			break;
		}
	}
	if (!scan->is_quoted)
		cut_blanks(lexer);
	else if (!ret->problem)
		ret->problem = "a quote is not closed";
	if (scan->is_too_long)
		ret->problem = "the line is longer than 65536 octets";
	const char *bad = lexer->text.len > 0 ? mask_bad(&lexer->text) : NULL;
	if (bad)
		ret->problem = bad;
}

enum lexer_found lexer_step(struct lexer *lexer, struct lexer_line *ret)
{
	struct scan scan = { .lexer = lexer };
	const char *s;
	size_t len;

	if (!next_physical(lexer, &s, &len))
		return LEXER_END;
	scan_logical(&scan, s, len, ret);
	lexer->line++;
	if (lexer->text.len == 0 && !ret->problem)
		return LEXER_NOTHING;
	ret->text = buf_str(&lexer->text);
	return LEXER_LINE;
}

bool lexer_next(struct lexer *lexer, struct lexer_line *ret)
{
	enum lexer_found found;

	do
		found = lexer_step(lexer, ret);
	while (found == LEXER_NOTHING);
	return found == LEXER_LINE;
}
