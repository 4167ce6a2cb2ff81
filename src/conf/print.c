/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `postsealctl conf` prints: settings as they could stand in a file. Without -x a
 * value is shown as it was written; one that a block inherits, and that holds `$`, is
 * shown expanded all the same, since its names belong to where it was said.
 */
#include <errno.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/snapshot.h"
#include "util/mem.h"

#define HIDDEN "#hidden_use-P_to_show#"

struct printer {
	const struct conf *conf;
	unsigned flags;
	struct buf *out;
	bool is_full;
};

static void put(struct printer *p, const char *s)
{
	if (buf_append_str(p->out, s) < 0)
		p->is_full = true;
}

/* Expanded text is written so that reading it again leaves it alone. */
static void put_expanded(struct printer *p, const char *text)
{
	for (; *text; text++) {
		char s[] = { *text, *text == '$' ? '$' : '\0', '\0' };
		put(p, s);
	}
}

static bool is_hidden(
	const struct printer *p, const struct conf_entry *entry, bool is_expanded)
{
	if (p->flags & CONF_PRINT_SECRETS)
		return false;
	/* Where a secret lies is none. */
	if (entry->raw[0] == '<' && !is_expanded)
		return false;
	return is_expanded ? entry->is_tainted : entry->row->flags & CONF_SECRET;
}

static void put_value(struct printer *p, const struct conf_block *block,
	const struct conf_entry *entry)
{
	bool is_own = snapshot_find_own(block, entry->row) == entry && !entry->origin;
	bool is_expanded = (p->flags & CONF_PRINT_EXPANDED) || !entry->file ||
			   (!is_own && strchr(entry->raw, '$'));

	if (is_hidden(p, entry, is_expanded))
		put(p, HIDDEN);
	else if (is_expanded)
		put_expanded(p, entry->text);
	else
		put(p, entry->raw);
}

static void put_setting(struct printer *p, const struct conf_block *block,
	const struct conf_setting *row, const struct conf_entry *entry)
{
	if (!(p->flags & CONF_PRINT_VALUES)) {
		put(p, block->kind ? "\t" : "");
		put(p, row->name);
		put(p, entry ? " = " : " =");
	}
	if (entry)
		put_value(p, block, entry);
	put(p, "\n");
}

/* The entry that the flags ask for, or NULL. */
static const struct conf_entry *select_entry(
	const struct printer *p, const struct conf_block *block, size_t row_index)
{
	const struct conf_entry *entry = snapshot_find_effective(block, row_index);

	if (p->flags & CONF_PRINT_DEFAULTS) {
		entry = &block->defaults->entry[row_index];
		return entry->raw ? entry : NULL;
	}
	if (!(p->flags & CONF_PRINT_CHANGED))
		return entry;
	entry = snapshot_find_own(block, block->defaults->view->rows[row_index]);
	return entry && !entry->origin ? entry : NULL;
}

static void put_settings(struct printer *p, const struct conf_block *block)
{
	const struct schema_view *view = block->defaults->view;

	for (size_t i = 0; i < view->n_rows; i++) {
		const struct conf_entry *entry = select_entry(p, block, i);
		if (entry)
			put_setting(p, block, view->rows[i], entry);
	}
}

static void put_block(struct printer *p, const struct conf_block *block)
{
	bool has_frame = !(p->flags & CONF_PRINT_VALUES);
	_cleanup_(freep) char *header = snapshot_format_block(block);

	if (has_frame) {
		put(p, header);
		put(p, " {\n");
	}
	put_settings(p, block);
	if (has_frame)
		put(p, "}\n");
}

static void put_all(struct printer *p)
{
	const struct conf_schema *schema = p->conf->schema;
	bool has_frame = !(p->flags & CONF_PRINT_VALUES);

	put_settings(p, &p->conf->root);
	for (size_t i = 0; i < schema->n_kinds; i++) {
		const struct conf_blocks *blocks = &p->conf->kinds[i];
		for (size_t j = 0; j < blocks->n; j++) {
			put(p, has_frame && p->out->len > 0 ? "\n" : "");
			put_block(p, blocks->block[j]);
		}
	}
}

/* Of a setting asked for by name alone, -n may leave nothing to print. */
static int put_one(
	struct printer *p, const struct conf_block *block, const char *setting)
{
	int i = schema_view_find(block->defaults->view, setting);

	if (i < 0)
		return -ENOENT;
	const struct conf_entry *entry = select_entry(p, block, (size_t)i);
	if (entry || !(p->flags & CONF_PRINT_CHANGED))
		put_setting(p, block, block->defaults->view->rows[i], entry);
	return 0;
}

/* "kind name" or "kind name/setting". */
static int put_named_block(struct printer *p, const char *name)
{
	size_t kind_len = strcspn(name, " ");
	_cleanup_(freep) char *kind = xstrndup(name, kind_len);
	const char *rest = name + kind_len + strspn(name + kind_len, " ");
	const char *slash = strrchr(rest, '/');
	_cleanup_(freep) char *block_name =
		xstrndup(rest, slash ? (size_t)(slash - rest) : strlen(rest));
	const struct conf_block *block = conf_find_block(p->conf, kind, block_name);

	if (!block)
		return -ENOENT;
	if (slash)
		return put_one(p, block, slash + 1);
	put_block(p, block);
	return 0;
}

int conf_print(
	const struct conf *conf, unsigned flags, const char *name, struct buf *out)
{
	struct printer p = { .conf = conf, .flags = flags, .out = out };
	int r = 0;

	if (!name)
		put_all(&p);
	else if (strchr(name, ' '))
		r = put_named_block(&p, name);
	else
		r = put_one(&p, &conf->root, name);
	return r < 0 ? r : p.is_full ? -E2BIG : 0;
}
