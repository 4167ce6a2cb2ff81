/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known of a block decides how much of it is looked at: one of an unknown kind
 * or plugin has no table and its settings are passed over, so that one mistake is one
 * message. References to a block that was wrong are not reported again.
 */
#include "conf/block.h"

#include <string.h>

#include "conf/snapshot.h"
#include "conf/word.h"
#include "util/dname.h"
#include "util/map.h"
#include "util/mem.h"
#include "util/strtab.h"

#define NAME_MAX_BYTES 64
#define WORDS_MAX      3

struct words {
	char *word[WORDS_MAX];
	size_t n;
};

static void split(char *s, struct words *ret)
{
	ret->n = 0;
	for (char *word; ret->n < WORDS_MAX && (word = strsep(&s, " "));) {
		if (word[0] != '\0')
			ret->word[ret->n++] = word;
	}
}

static const char *keep(struct loader *l, const char *s)
{
	return s ? arena_copy(&l->conf->arena, s, strlen(s)) : NULL;
}

static bool is_plain_name(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "0123456789_.-");

	return s[len] == '\0' && len > 0 && len <= NAME_MAX_BYTES && s[0] != '.' &&
	       s[0] != '-';
}

static void add_broken(struct loader *l, const char *kind_name, const char *name)
{
	_cleanup_(freep) char *key = xasprintf("%s %s", kind_name, name);

	map_set(l->broken, key, l);
}

_printf_(4, 5) static void header_error(struct loader *l,
	const struct conf_block *block, const char *label, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *text = xvasprintf(fmt, ap);
	va_end(ap);
	conf_report_error(l->report, block->file, block->line, label, "%s", text);
}

/* --- names ------------------------------------------------------------------------ */

/* Fills name, plugin and instance. False: reported. */
static bool name_pattern(struct loader *l, struct conf_block *block, const char *label,
	const struct words *words)
{
	char name[DNAME_MAX + 1];

	if (words->n != 1 || strstr(words->word[0], "%d") ||
		word_parse_name(
			words->word[0], WORD_NAME_LIST, NULL, name, sizeof(name))) {
		header_error(l, block, label,
			words->n == 0
				? "the domain's name is missing"
				: "the name is not a DNS name, nor \"*.\" and one");
		return false;
	}
	/* With no domain given the name comes back as it was, but for its letters. */
	char checked[DNAME_MAX + 1];
	dname_normalise(name, strlen(name), DNAME_WILDCARD, checked, sizeof(checked));
	block->name = keep(l, checked);
	return true;
}

static bool name_plugin(struct loader *l, struct conf_block *block, const char *label,
	const struct words *words)
{
	bool is_good = words->n == 1 || words->n == 2;

	for (size_t i = 0; i < words->n; i++)
		is_good &= is_plain_name(words->word[i]);
	if (!is_good) {
		header_error(l, block, label, "%s",
			words->n == 0 ? "the plugin's name is missing"
				      : "write the plugin's name, or that and a second "
					"one of letters, digits, '-', '_' and '.'");
		return false;
	}
	block->plugin = keep(l, words->word[0]);
	block->instance = keep(l, words->n == 2 ? words->word[1] : NULL);
	block->name = block->instance ? block->instance : block->plugin;
	return true;
}

static bool name_plain(struct loader *l, struct conf_block *block, const char *label,
	const struct words *words)
{
	if (words->n != 1 || !is_plain_name(words->word[0])) {
		header_error(l, block, label, "%s",
			words->n == 0 ? "the block's name is missing"
				      : "the name is one word of letters, digits, '-', "
					"'_' and '.', at most 64");
		return false;
	}
	block->name = keep(l, words->word[0]);
	return true;
}

static bool set_name(struct loader *l, struct conf_block *block, const char *label,
	const struct words *words)
{
	unsigned flags = block->kind->kind.flags;

	if (flags & CONF_BLOCK_PATTERN)
		return name_pattern(l, block, label, words);
	if (flags & CONF_BLOCK_PLUGIN)
		return name_plugin(l, block, label, words);
	return name_plain(l, block, label, words);
}

/* --- registering ------------------------------------------------------------------ */

static bool set_view(struct loader *l, struct conf_block *block, const char *label)
{
	const struct schema_view *view = block->kind->view;

	if (block->plugin) {
		view = schema_find_plugin(block->kind, block->plugin);
		if (!view) {
			_cleanup_(freep) const char **known =
				schema_list_plugins(block->kind);
			const char *nearest = strtab_nearest(known, block->plugin);
			header_error(l, block, label,
				"there is no %s plugin \"%s\"%s%s%s",
				block->kind->kind.name, block->plugin,
				nearest ? "; did you mean \"" : "",
				nearest ? nearest : "", nearest ? "\"?" : "");
			return false;
		}
	}
	block->defaults = &l->conf->defaults[view->index];
	return true;
}

static void refuse_twice(struct loader *l, const struct conf_block *block,
	const char *label, const struct conf_block *first)
{
	_cleanup_(freep) char *other = snapshot_format_block(first);

	if (strcmp(other, label) == 0)
		header_error(l, block, label, "is there already, in %s line %u",
			first->file, first->line);
	else
		header_error(l, block, label,
			"its name is that of \"%s\" already, in %s line %u", other,
			first->file, first->line);
}

/* An instance is found by its own name, and by the plugin's and its own. */
static void register_block(
	struct loader *l, struct conf_block *block, const char *label)
{
	struct conf_blocks *blocks = &l->conf->kinds[block->kind->index];
	const struct conf_block *first = map_find(blocks->by_name, block->name);

	if (first) {
		refuse_twice(l, block, label, first);
		return;
	}
	map_set(blocks->by_name, block->name, block);
	if (block->instance) {
		_cleanup_(freep) char *full =
			xasprintf("%s %s", block->plugin, block->instance);
		map_set(blocks->by_name, full, block);
	}
	snapshot_append_block(&blocks->block, &blocks->n, block);
}

static void set_up(struct loader *l, struct conf_block *block,
	const struct words *words, const char *written)
{
	if (!set_name(l, block, written, words)) {
		for (size_t i = 0; i < words->n; i++)
			add_broken(l, block->kind->kind.name, words->word[i]);
		block->has_bad_name = true;
		block->name = keep(l, words->n > 0 ? words->word[0] : "");
		if (block->kind->kind.flags & CONF_BLOCK_PLUGIN)
			return;
		block->defaults = &l->conf->defaults[block->kind->view->index];
		return;
	}
	_cleanup_(freep) char *label = snapshot_format_block(block);
	if (!set_view(l, block, label))
		add_broken(l, block->kind->kind.name, block->name);
	else
		register_block(l, block, label);
}

static void refuse_kind(struct loader *l, const struct conf_block *block,
	const char *kind_name, const char *label)
{
	_cleanup_(freep) const char **known = schema_list_kinds(l->conf->schema);
	const char *nearest = strtab_nearest(known, kind_name);

	header_error(l, block, label, "unknown kind of block \"%s\"%s%s%s", kind_name,
		nearest ? "; did you mean \"" : "", nearest ? nearest : "",
		nearest ? "\"?" : "");
}

struct conf_block *block_new(struct loader *l, const struct schema_kind *kind,
	const char *kind_name, const char *names, const char *file, unsigned line)
{
	struct conf_block *block = arena_alloc(&l->conf->arena, sizeof(*block));
	_cleanup_(freep) char *copy = xstrdup(names);
	_cleanup_(freep) char *label = xasprintf(
		"%s%s%s", kind_name, names[0] ? " " : "", names + strspn(names, " "));
	struct words words;

	block->kind = kind;
	block->file = file;
	block->line = line;
	split(copy, &words);
	if (!kind) {
		refuse_kind(l, block, kind_name, label);
		for (size_t i = 0; i < words.n; i++)
			add_broken(l, kind_name, words.word[i]);
		return block;
	}
	set_up(l, block, &words, label);
	if (block->defaults)
		snapshot_append_block(&l->blocks, &l->n_blocks, block);
	return block;
}

struct conf_block *block_new_ignored(struct loader *l)
{
	return arena_alloc(&l->scratch, sizeof(struct conf_block));
}

/* --- settings --------------------------------------------------------------------- */

/* Where a setting that is not known here would be right; NULL = nowhere. */
static char *find_right_place(
	struct loader *l, const struct conf_block *block, const char *name)
{
	const struct conf_schema *schema = l->conf->schema;

	if (block->kind && schema_view_find(schema->root, name) >= 0)
		return xstrdup("outside of all blocks");
	for (size_t i = 0; i < schema->n_kinds; i++) {
		if (schema_view_find(schema->kinds[i]->view, name) >= 0)
			return xasprintf(
				"into a %s block", schema->kinds[i]->kind.name);
	}
	return NULL;
}

static void refuse_setting(struct loader *l, const struct conf_block *block,
	const char *name, const char *file, unsigned line)
{
	_cleanup_(freep) char *place = find_right_place(l, block, name);
	_cleanup_(freep) const char **known =
		schema_list_settings(block->defaults->view);
	const char *nearest = place ? NULL : strtab_nearest(known, name);

	if (place)
		loader_error(l, block, name, file, line,
			"unknown setting here; it belongs %s", place);
	else if (nearest)
		loader_error(l, block, name, file, line,
			"unknown setting; did you mean \"%s\"?", nearest);
	else
		loader_error(l, block, name, file, line, "unknown setting");
}

static struct conf_entry *find_or_add(
	struct loader *l, struct conf_block *block, const struct conf_setting *row)
{
	struct conf_entry *entry = snapshot_find_own(block, row);

	if (entry)
		return entry;
	entry = arena_alloc(&l->conf->arena, sizeof(*entry));
	entry->row = row;
	if (block->last)
		block->last->next = entry;
	else
		block->entries = entry;
	block->last = entry;
	return entry;
}

static void warn_twice(struct loader *l, const struct conf_block *block,
	const struct conf_entry *entry, const char *file, unsigned line)
{
	bool is_same_file = strcmp(entry->file, file) == 0;

	loader_warning(l, block, entry->row->name, file, line,
		"is said twice; this one counts, and not %s%sline %u",
		is_same_file ? "" : entry->file, is_same_file ? "" : " ", entry->line);
}

void block_say(
	struct loader *l, struct conf_block *block, const struct block_line *said)
{
	if (!block->defaults)
		return;
	int i = schema_view_find(block->defaults->view, said->name);
	if (i < 0) {
		refuse_setting(l, block, said->name, said->file, said->line);
		return;
	}
	struct conf_entry *entry =
		find_or_add(l, block, block->defaults->view->rows[i]);
	if (entry->raw && said->line > 0)
		warn_twice(l, block, entry, said->file, said->line);
	entry->file = said->file;
	entry->line = said->line;
	entry->raw = keep(l, said->value);
	entry->state = said->problem ? ENTRY_FAILED : ENTRY_NEW;
	if (said->problem)
		loader_error(l, block, said->name, said->file, said->line, "%s",
			said->problem);
}

struct conf_block *block_find_override(
	struct loader *l, const char *where, char **ret_reason)
{
	_cleanup_(freep) char *copy = xstrdup(where);
	struct words words;

	split(copy, &words);
	const struct schema_kind *kind =
		words.n > 0 ? schema_find_kind(l->conf->schema, words.word[0]) : NULL;
	if (!kind || words.n < 2) {
		*ret_reason = xstrdup("there is no such kind of block");
		return NULL;
	}
	const struct conf_blocks *blocks = &l->conf->kinds[kind->index];
	_cleanup_(freep) char *name =
		words.n == 2 ? xstrdup(words.word[1])
			     : xasprintf("%s %s", words.word[1], words.word[2]);
	struct conf_block *block = map_find(blocks->by_name, name);
	if (!block)
		*ret_reason = xstrdup("there is no such block");
	return block;
}

char *block_unquote(const char *text)
{
	size_t len = strlen(text);

	if (text[0] != '"')
		return strchr(text, '"') ? NULL : xstrdup(text);
	if (len < 2 || text[len - 1] != '"')
		return NULL;
	char *s = xstrndup(text + 1, len - 2);
	char *to = s;
	for (const char *from = s; *from; from++) {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return s;
}
