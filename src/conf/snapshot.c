/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From blocks of raw text to a snapshot. The order matters: the base of each block
 * first, since expansion looks there; then each setting by itself; then what a domain
 * inherits with %d in it; what is required last, since it may come from anywhere.
 */
#include "conf/snapshot.h"

#include <stdarg.h>
#include <string.h>

#include "conf/expand.h"
#include "conf/value.h"
#include "util/dname.h"
#include "util/map.h"
#include "util/mem.h"

#define BASES_MAX 16 /* a longer chain of bases is a circle */

char *snapshot_format_block(const struct conf_block *block)
{
	if (!block->kind)
		return xstrdup("");
	if (!block->plugin)
		return xasprintf("%s%s%s", block->kind->kind.name,
			block->name[0] ? " " : "", block->name);
	return xasprintf("%s %s%s%s", block->kind->kind.name, block->plugin,
		block->instance ? " " : "", block->instance ? block->instance : "");
}

static char *format_subject(const struct conf_block *block, const char *setting)
{
	_cleanup_(freep) char *label = snapshot_format_block(block);

	if (label[0] == '\0')
		return xstrdup(setting);
	return setting ? xasprintf("%s: %s", label, setting) : TAKE_PTR(label);
}

void loader_error(struct loader *l, const struct conf_block *block, const char *setting,
	const char *file, unsigned line, const char *fmt, ...)
{
	_cleanup_(freep) char *subject = format_subject(block, setting);
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *text = xvasprintf(fmt, ap);
	va_end(ap);
	conf_report_error(l->report, file, line, subject, "%s", text);
}

void loader_warning(struct loader *l, const struct conf_block *block,
	const char *setting, const char *file, unsigned line, const char *fmt, ...)
{
	_cleanup_(freep) char *subject = format_subject(block, setting);
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *text = xvasprintf(fmt, ap);
	va_end(ap);
	conf_report_warning(l->report, file, line, subject, "%s", text);
}

void snapshot_append_block(
	struct conf_block ***array, size_t *n, struct conf_block *block)
{
	if ((*n & (*n - 1)) == 0)
		*array = xreallocarray(
			*array, MAX(*n * 2, (size_t)1), sizeof(struct conf_block *));
	(*array)[(*n)++] = block;
}

/* --- look-ups --------------------------------------------------------------------- */

/* A kind may have a row of its own in place of one of its base kind. */
static bool is_same_row(const struct conf_setting *a, const struct conf_setting *b)
{
	return a == b || (a->type == b->type && strcmp(a->name, b->name) == 0);
}

struct conf_entry *snapshot_find_own(
	const struct conf_block *block, const struct conf_setting *row)
{
	for (struct conf_entry *e = block->entries; e; e = e->next) {
		if (is_same_row(e->row, row))
			return e;
	}
	return NULL;
}

struct conf_entry *snapshot_find_said(const struct conf_block *block,
	const struct conf_setting *row, const struct conf_block **ret_block)
{
	bool is_inherited = row->flags & CONF_INHERITED;

	for (; block; block = is_inherited ? block->base : NULL) {
		struct conf_entry *entry = snapshot_find_own(block, row);
		if (!entry)
			continue;
		if (ret_block)
			*ret_block = block;
		return entry;
	}
	return NULL;
}

const struct conf_entry *snapshot_find_effective(
	const struct conf_block *block, size_t row_index)
{
	const struct conf_entry *entry =
		snapshot_find_said(block, block->defaults->view->rows[row_index], NULL);

	if (entry)
		return entry;
	entry = &block->defaults->entry[row_index];
	return entry->raw ? entry : NULL;
}

/* --- one setting ------------------------------------------------------------------ */

/* The text without expansion, where that is what was written. */
static void keep_text(struct loader *l, struct conf_entry *entry)
{
	_cleanup_(secret_freep) char *text = value_format(entry);

	entry->text = strcmp(text, entry->raw) == 0
			      ? entry->raw
			      : arena_copy(&l->conf->arena, text, strlen(text));
}

static bool evaluate(
	struct loader *l, const struct conf_block *block, struct conf_entry *entry)
{
	_cleanup_(freep) char *reason = NULL;

	if (entry->state == ENTRY_VALUED)
		return true;
	if (!expand_entry(l, block, entry))
		return false;
	if (!value_parse(l, block, entry, &entry->value, &reason)) {
		entry->state = ENTRY_FAILED;
		loader_error(l, block, entry->row->name, entry->file, entry->line, "%s",
			reason);
		return false;
	}
	entry->state = ENTRY_VALUED;
	keep_text(l, entry);
	return true;
}

/* --- defaults --------------------------------------------------------------------- */

static void make_default(struct loader *l, const struct schema_kind *kind,
	const struct schema_view *view, struct conf_entry *entry)
{
	struct conf_block block = {
		.kind = kind,
		.name = "",
		.defaults = &l->conf->defaults[view->index],
	};
	_cleanup_(freep) char *reason = NULL;

	entry->raw = entry->row->fallback;
	entry->is_tainted = entry->row->flags & CONF_SECRET;
	entry->cooked = expand_default(l, entry->raw);
	entry->state = ENTRY_VALUED;
	if (!entry->cooked || !value_parse(l, &block, entry, &entry->value, &reason))
		entry->state = ENTRY_FAILED;
	if (entry->state == ENTRY_FAILED)
		conf_report_error(l->report, "schema", 0, entry->row->name,
			"its default is wrong: %s", reason ? reason : entry->raw);
	else
		keep_text(l, entry);
}

static void make_view_defaults(struct loader *l, const struct schema_kind *kind,
	const struct schema_view *view)
{
	struct conf_defaults *defaults = &l->conf->defaults[view->index];

	defaults->view = view;
	defaults->entry = xnew_array(struct conf_entry, view->n_rows);
	for (size_t i = 0; i < view->n_rows; i++) {
		struct conf_entry *entry = &defaults->entry[i];
		entry->row = view->rows[i];
		if (entry->row->fallback)
			make_default(l, kind, view, entry);
	}
}

void snapshot_make_defaults(struct loader *l)
{
	const struct conf_schema *schema = l->conf->schema;

	l->conf->defaults = xnew_array(struct conf_defaults, schema->n_views);
	make_view_defaults(l, NULL, schema->root);
	for (size_t i = 0; i < schema->n_kinds; i++) {
		const struct schema_kind *kind = schema->kinds[i];
		make_view_defaults(l, kind, kind->view);
		for (size_t j = 0; j < kind->n_plugins; j++)
			make_view_defaults(l, kind, kind->plugins[j]);
	}
}

/* --- bases ------------------------------------------------------------------------ */

static const struct conf_block *find_default_base(
	struct loader *l, const struct conf_block *block)
{
	const struct conf_block *base =
		conf_find_block(l->conf, block->kind->kind.base_kind, "default");

	return base != block ? base : NULL;
}

static void find_base(struct loader *l, struct conf_block *block)
{
	const struct conf_kind *kind = &block->kind->kind;

	if (!kind->base_kind || !schema_find_kind(l->conf->schema, kind->base_kind))
		return;
	int i = kind->base_setting
			? schema_view_find(block->defaults->view, kind->base_setting)
			: -1;
	struct conf_entry *entry =
		i >= 0 ? snapshot_find_own(block, block->defaults->view->rows[i])
		       : NULL;
	if (!entry) {
		block->base = find_default_base(l, block);
		return;
	}
	if (evaluate(l, block, entry))
		block->base =
			conf_find_block(l->conf, kind->base_kind, entry->value.string);
	block->has_bad_base = !block->base;
}

static void check_base_circle(struct loader *l, struct conf_block *block)
{
	unsigned depth = 0;

	for (const struct conf_block *b = block->base; b; b = b->base) {
		if (++depth <= BASES_MAX)
			continue;
		loader_error(l, block, block->kind->kind.base_setting, block->file,
			block->line,
			"inherits from itself, or through too many blocks");
		block->base = NULL;
		block->has_bad_base = true;
		return;
	}
}

/* --- what a domain inherits ------------------------------------------------------- */

static void derive_row(struct loader *l, struct conf_block *block, size_t row_index)
{
	const struct conf_entry *origin = snapshot_find_effective(block, row_index);
	_cleanup_(freep) char *reason = NULL;

	if (!origin || origin->state != ENTRY_VALUED ||
		!value_has_domain(&origin->value))
		return;
	struct conf_entry *entry = arena_alloc(&l->conf->arena, sizeof(*entry));
	*entry = *origin;
	entry->next = NULL;
	entry->origin = origin;
	/* What the operator has to look at is where it was said. */
	const char *file = origin->file ? origin->file : block->file;
	unsigned line = origin->file ? origin->line : block->line;
	if (value_derive(l, block, &origin->value, &entry->value, &reason)) {
		keep_text(l, entry);
	} else {
		entry->state = ENTRY_FAILED;
		loader_error(l, block, entry->row->name, file, line, "%s", reason);
	}
	if (block->last)
		block->last->next = entry;
	else
		block->entries = entry;
	block->last = entry;
}

static void derive(struct loader *l, struct conf_block *block)
{
	const struct schema_view *view = block->defaults->view;

	if (!(block->kind->kind.flags & CONF_BLOCK_PATTERN) || block->has_bad_name ||
		dname_is_wildcard(block->name))
		return;
	for (size_t i = 0; i < view->n_rows; i++) {
		if (view->rows[i]->type == CONF_NAMES)
			derive_row(l, block, i);
	}
}

/* --- all of it -------------------------------------------------------------------- */

/* A row that others inherit is asked for in them, not in the base. */
static bool is_asked_for(const struct conf_block *block, const struct conf_setting *row)
{
	if (!(row->flags & CONF_REQUIRED))
		return false;
	if (!(row->flags & CONF_INHERITED))
		return true;
	return !block->has_bad_base && !(block->kind && block->kind->is_base);
}

/* A default was parsed without a look at the blocks; this one is in use. */
static void check_default_refs(
	struct loader *l, const struct conf_block *block, struct conf_entry *entry)
{
	_cleanup_(freep) char *reason = NULL;
	struct conf_value value;
	struct conf_entry said = *entry;

	if (entry->row->type != CONF_REF && entry->row->type != CONF_REFS)
		return;
	if (entry->is_checked || entry->state != ENTRY_VALUED)
		return;
	entry->is_checked = true;
	said.file = block->file;
	if (!value_parse(l, block, &said, &value, &reason))
		loader_error(l, block, entry->row->name, block->file, block->line,
			"it is not set, and its default is %s", reason);
}

static void check_rows(struct loader *l, struct conf_block *block)
{
	const struct schema_view *view = block->defaults->view;

	for (size_t i = 0; i < view->n_rows; i++) {
		const struct conf_setting *row = view->rows[i];
		struct conf_entry *fallback = &block->defaults->entry[i];
		if (snapshot_find_said(block, row, NULL))
			continue;
		if (fallback->raw)
			check_default_refs(l, block, fallback);
		else if (is_asked_for(block, row))
			loader_error(l, block, row->name, block->file, block->line,
				"must be set");
	}
}

static void evaluate_block(struct loader *l, struct conf_block *block)
{
	for (struct conf_entry *e = block->entries; e; e = e->next)
		evaluate(l, block, e);
}

/* One after the other, each over all blocks: the next relies on the one before. */
static const struct pass {
	void (*do_block)(struct loader *l, struct conf_block *block);
	bool has_root; /* it is a matter of the root, too */
} passes[] = {
	{ find_base, false },
	{ check_base_circle, false },
	{ evaluate_block, true },
	{ derive, false },
	{ check_rows, true },
};

bool snapshot_check_step(struct loader *l)
{
	if (l->i_pass == ARRAY_SIZE(passes))
		return false;
	const struct pass *pass = &passes[l->i_pass];
	size_t i = l->i_block++;

	if (i > l->n_blocks) {
		l->i_pass++;
		l->i_block = 0;
	} else if (i > 0) {
		pass->do_block(l, l->blocks[i - 1]);
	} else if (pass->has_root) {
		pass->do_block(l, &l->conf->root);
	}
	return true;
}
