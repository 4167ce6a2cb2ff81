/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expansion is lazy, as in main.cf: $name stands for the value that counts in the end,
 * wherever in the files it is said. It is looked for in the block, in the blocks that
 * this one inherits from, outside of all blocks, and then among the defaults. A setting
 * that names itself in a block adds to what the next of these places says
 * (`names = $names shop.%d`); any other circle is an error. Each setting is expanded
 * once, so that a chain of doublings costs no more than its cap.
 */
#include "conf/expand.h"

#include <string.h>

#include "conf/file.h"
#include "conf/snapshot.h"
#include "conf/utf8.h"
#include "conf/value.h"
#include "util/mem.h"
#include "util/strtab.h"

#define DEPTH_MAX 32

struct expansion {
	struct loader *l;
	const struct conf_block *block;
	struct conf_entry *entry;
	struct buf out;
	unsigned depth;
	bool is_quoted;
	bool is_default; /* `$` is no more than itself */
	char *reason;    /* owned; why it fails; "" = was reported elsewhere */
};

static bool expand_at_depth(struct loader *l, const struct conf_block *block,
	struct conf_entry *entry, unsigned depth);

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

static bool put(struct expansion *x, const char *s, size_t len)
{
	if (buf_append(&x->out, s, len) == 0)
		return true;
	x->reason = xasprintf("its value is longer than %d octets", EXPAND_BYTES_MAX);
	return false;
}

/* One octet, marked when it would split a word that is protected. */
static bool put_protected(struct expansion *x, char c)
{
	if (c == ' ')
		c = EXPAND_BLANK;
	else if (c == ',')
		c = EXPAND_COMMA;
	return put(x, &c, 1);
}

static bool put_cooked(struct expansion *x, const char *s)
{
	if (!x->is_quoted)
		return put(x, s, strlen(s));
	for (; *s; s++) {
		if (!put_protected(x, *s))
			return false;
	}
	return true;
}

/* --- $name ------------------------------------------------------------------------ */

struct found {
	struct conf_entry *entry;
	const struct conf_block *block; /* in which it is expanded */
};

/* What a block or its bases say under a name; `skip` is not it. */
static bool find_said(const struct conf_block *block, const char *name,
	const struct conf_entry *skip, struct found *ret)
{
	int i = schema_view_find(block->defaults->view, name);
	const struct conf_block *where = block;

	if (i < 0)
		return false;
	const struct conf_setting *row = block->defaults->view->rows[i];
	ret->entry = snapshot_find_said(block, row, &where);
	if (skip && ret->entry == skip) {
		if (!block->base || !(row->flags & CONF_INHERITED))
			return false;
		where = block->base;
		ret->entry = snapshot_find_said(block->base, row, &where);
	}
	ret->block = where;
	return ret->entry;
}

static bool find_default(
	const struct conf_block *block, const char *name, struct found *ret)
{
	int i = schema_view_find(block->defaults->view, name);

	if (i < 0 || !block->defaults->entry[i].raw)
		return false;
	ret->entry = &block->defaults->entry[i];
	ret->block = block;
	return true;
}

static bool find_setting(struct expansion *x, const char *name, struct found *ret)
{
	const struct conf_block *root = &x->l->conf->root;
	bool is_self = strcmp(x->entry->row->name, name) == 0;

	if (x->block == root)
		return find_said(root, name, NULL, ret) ||
		       find_default(root, name, ret);
	return find_said(x->block, name, is_self ? x->entry : NULL, ret) ||
	       find_said(root, name, NULL, ret) || find_default(x->block, name, ret) ||
	       find_default(root, name, ret);
}

static void explain_undefined(struct expansion *x, const char *name)
{
	const struct conf_block *root = &x->l->conf->root;
	_cleanup_(freep) const char **here =
		schema_list_settings(x->block->defaults->view);
	const char *nearest = strtab_nearest(here, name);
	_cleanup_(freep) const char **outside =
		schema_list_settings(root->defaults->view);

	if (!nearest)
		nearest = strtab_nearest(outside, name);
	if (nearest && strcmp(nearest, name) != 0)
		x->reason = xasprintf(
			"$%s is not defined; did you mean $%s?", name, nearest);
	else
		x->reason = xasprintf("$%s is not defined", name);
}

static bool put_setting(struct expansion *x, const char *name)
{
	struct found found;

	if (!find_setting(x, name, &found)) {
		explain_undefined(x, name);
		return false;
	}
	if (found.entry->state == ENTRY_BUSY) {
		x->reason = xasprintf("$%s leads back to itself", name);
		return false;
	}
	if (!expand_at_depth(x->l, found.block, found.entry, x->depth + 1)) {
		x->reason = xstrdup("");
		return false;
	}
	x->entry->is_tainted |= found.entry->is_tainted;
	return put_cooked(x, found.entry->cooked);
}

/* At a dollar sign; returns how many octets it took, 0 on failure. */
static size_t expand_dollar(struct expansion *x, const char *s)
{
	size_t brace = s[1] == '{';
	size_t start = 1 + brace;
	size_t len = 0;

	if (s[1] == '$')
		return put(x, "$", 1) ? 2 : 0;
	while (is_name_char(s[start + len]))
		len++;
	if (len == 0) {
		x->reason = xstrdup(
			s[1] == '(' ? "$(name) is not known here; write ${name}"
				    : "a '$' stands alone; write $$ for a dollar sign");
		return 0;
	}
	if (brace && s[start + len] != '}') {
		x->reason = xstrdup("'${' needs a name and '}'");
		return 0;
	}
	_cleanup_(freep) char *name = xstrndup(s + start, len);
	return put_setting(x, name) ? start + len + brace : 0;
}

/* --- quotes ----------------------------------------------------------------------- */

static bool is_separator(char c)
{
	return c == ' ' || c == ',';
}

/* From the octet behind the opening quote; returns what it took up to and with the
 * closing one, 0 on failure. */
static size_t expand_quoted(struct expansion *x, const char *s)
{
	size_t before = x->out.len;
	size_t i = 0;

	x->is_quoted = true;
	while (s[i] != '"') {
		bool is_escape = s[i] == '\\' && (s[i + 1] == '"' || s[i + 1] == '\\');
		if (s[i] == '\0') {
			x->reason = xstrdup("a quote is not closed");
			return 0;
		}
		size_t n = 1;
		if (s[i] == '$' && !x->is_default) {
			n = expand_dollar(x, s + i);
			if (n == 0)
				return 0;
		} else if (!put_protected(x, s[i + is_escape])) {
			return 0;
		}
		i += n + is_escape;
	}
	x->is_quoted = false;
	if (s[i + 1] != '\0' && !is_separator(s[i + 1])) {
		x->reason =
			xstrdup("a blank or comma is missing behind a closing quote");
		return 0;
	}
	const char empty = EXPAND_EMPTY;
	if (x->out.len == before && !put(x, &empty, 1))
		return 0;
	return i + 1;
}

static bool expand_text(struct expansion *x, const char *s)
{
	const char *start = s;

	while (*s) {
		size_t n = strcspn(s, x->is_default ? "\"" : "\"$");
		if (n > 0) {
			if (!put(x, s, n))
				return false;
			s += n;
			continue;
		}
		if (*s == '"' && s > start && !is_separator(s[-1])) {
			x->reason =
				xstrdup("a quote within a word; quote the whole word, "
					"and write \\\" for a quote in it");
			return false;
		}
		if (*s == '"') {
			n = expand_quoted(x, s + 1);
			n += n > 0;
		} else {
			n = expand_dollar(x, s);
		}
		if (n == 0)
			return false;
		s += n;
	}
	return true;
}

/* --- </path ----------------------------------------------------------------------- */

static bool check_content(
	struct expansion *x, const char *path, const struct buf *content)
{
	size_t len = content->len;

	if (len == 0)
		x->reason = xasprintf("%s is empty", path);
	else if (memchr(content->data, '\n', len))
		x->reason = xasprintf("%s holds more than one line", path);
	else if (utf8_find_bad(content->data, len) < len)
		x->reason =
			xasprintf("%s holds a control character or is not UTF-8", path);
	return !x->reason;
}

/* The content is taken as it is: no quotes, no `$`; a list is split all the same. */
static bool put_content(struct expansion *x, const char *path)
{
	_cleanup_(buf_done) struct buf content = BUF_INIT_SECRET(EXPAND_BYTES_MAX);
	_cleanup_(freep) char *reason = NULL;

	if (conf_file_read_secret(path, &content, &reason) < 0) {
		x->reason = xasprintf("cannot read %s: %s", path, reason);
		return false;
	}
	if (content.len > 0 && content.data[content.len - 1] == '\n')
		content.data[--content.len] = '\0';
	if (!check_content(x, path, &content))
		return false;
	x->is_quoted = !schema_is_list(x->entry->row->type);
	return put_cooked(x, content.data);
}

static bool expand_file(struct expansion *x, const char *raw)
{
	if (!x->l->may_read) {
		x->reason = xstrdup("a value cannot be read from a file here");
		return false;
	}
	raw += 1 + strspn(raw + 1, " ");
	if (!expand_text(x, raw))
		return false;
	_cleanup_(freep) char *path = value_decode(buf_str(&x->out));
	buf_reset(&x->out);
	if (path[0] != '/') {
		x->reason = xstrdup("the path behind '<' has to begin with '/'; "
				    "quote a value that begins with '<'");
		return false;
	}
	x->entry->is_tainted = true;
	return put_content(x, path);
}

/* --- the whole -------------------------------------------------------------------- */

static const char *keep(struct loader *l, const struct buf *out)
{
	const char *s = buf_str(out);
	size_t len = out->len;

	while (len > 0 && *s == ' ') {
		s++;
		len--;
	}
	while (len > 0 && s[len - 1] == ' ')
		len--;
	return arena_copy(&l->scratch, s, len);
}

static void fail(struct expansion *x)
{
	struct conf_entry *entry = x->entry;

	entry->state = ENTRY_FAILED;
	if (x->reason[0] != '\0')
		loader_error(x->l, x->block, entry->row->name, entry->file, entry->line,
			"%s", x->reason);
}

static bool expand_at_depth(struct loader *l, const struct conf_block *block,
	struct conf_entry *entry, unsigned depth)
{
	if (entry->state == ENTRY_FAILED)
		return false;
	if (entry->state != ENTRY_NEW)
		return true;
	struct expansion x = {
		.l = l,
		.block = block,
		.entry = entry,
		.depth = depth,
		.out = BUF_INIT_SECRET(EXPAND_BYTES_MAX),
	};
	entry->state = ENTRY_BUSY;
	entry->is_tainted = entry->row->flags & CONF_SECRET;
	bool is_good = false;
	if (depth > DEPTH_MAX)
		x.reason =
			xasprintf("more than %d settings name each other", DEPTH_MAX);
	else if (entry->raw[0] == '<')
		is_good = expand_file(&x, entry->raw);
	else
		is_good = expand_text(&x, entry->raw);
	if (is_good) {
		entry->cooked = keep(l, &x.out);
		entry->state = ENTRY_EXPANDED;
	} else {
		fail(&x);
	}
	buf_done(&x.out);
	free(x.reason);
	return is_good;
}

bool expand_entry(
	struct loader *l, const struct conf_block *block, struct conf_entry *entry)
{
	return expand_at_depth(l, block, entry, 0);
}

const char *expand_default(struct loader *l, const char *text)
{
	struct expansion x = {
		.l = l,
		.is_default = true,
		.out = BUF_INIT(EXPAND_BYTES_MAX),
	};
	const char *cooked = expand_text(&x, text) ? keep(l, &x.out) : NULL;

	buf_done(&x.out);
	free(x.reason);
	return cooked;
}
