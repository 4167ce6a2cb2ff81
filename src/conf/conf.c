/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading, in the order in which it happens, and the getters. */
#include "conf/conf.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "conf/override.h"
#include "conf/parser.h"
#include "conf/report_priv.h"
#include "conf/snapshot.h"
#include "conf/value.h"
#include "util/map.h"
#include "util/mem.h"

static struct conf *conf_new(const struct conf_schema *schema)
{
	struct conf *conf = xnew(struct conf);

	conf->n_refs = 1;
	conf->schema = schema_ref(schema);
	conf->root.name = NULL;
	conf->kinds = xnew_array(struct conf_blocks, schema->n_kinds);
	for (size_t i = 0; i < schema->n_kinds; i++)
		conf->kinds[i].by_name = map_new();
	return conf;
}

struct conf *conf_ref(struct conf *conf)
{
	conf->n_refs++;
	return conf;
}

struct conf *conf_unref(struct conf *conf)
{
	if (!conf || --conf->n_refs > 0)
		return NULL;
	for (size_t i = 0; i < conf->schema->n_kinds; i++) {
		map_free(conf->kinds[i].by_name);
		free(conf->kinds[i].block);
	}
	free(conf->kinds);
	for (size_t i = 0; conf->defaults && i < conf->schema->n_views; i++)
		free(conf->defaults[i].entry);
	free(conf->defaults);
	arena_done(&conf->arena);
	conf_schema_free(conf->schema);
	free(conf);
	return NULL;
}

/* --- loading ---------------------------------------------------------------------- */

enum phase {
	PHASE_OPEN,      /* the main file */
	PHASE_FILES,     /* it, and what it includes, line by line */
	PHASE_OVERRIDES, /* each as if it stood behind them */
	PHASE_CHECK,     /* block by block, several times */
	PHASE_END,
};

struct conf_loading {
	struct loader l;
	char *path;                   /* owned; NULL when a text is read */
	const char *const *overrides; /* borrowed; those that are left, or NULL */
	size_t n_before;              /* entries and errors of the report */
	size_t n_errors_before;
	enum phase phase;
};

static struct conf_loading *loading_new(
	const struct conf_schema *schema, struct conf_report *report)
{
	struct conf_loading *loading = xnew(struct conf_loading);
	struct loader *l = &loading->l;

	l->conf = conf_new(schema);
	l->report = report;
	l->files = map_new();
	l->broken = map_new();
	loading->n_before = report->n;
	loading->n_errors_before = report->n_errors;
	snapshot_make_defaults(l);
	l->conf->root.defaults = &l->conf->defaults[schema->root->index];
	return loading;
}

struct conf_loading *conf_loading_new(const struct conf_schema *schema,
	const struct conf_params *params, struct conf_report *report)
{
	struct conf_loading *loading = loading_new(schema, report);
	const char *file = params->file ? params->file : "postseal.conf";

	loading->path = file[0] == '/' ? xstrdup(file)
				       : xasprintf("%s/%s", params->directory, file);
	loading->overrides = params->overrides;
	loading->l.may_read = true;
	return loading;
}

static enum phase step_overrides(struct conf_loading *loading)
{
	if (!loading->overrides || !*loading->overrides)
		return PHASE_CHECK;
	override_apply(&loading->l, *loading->overrides++);
	return PHASE_OVERRIDES;
}

static enum phase step(struct conf_loading *loading)
{
	struct loader *l = &loading->l;

	switch (loading->phase) {
	case PHASE_OPEN:
		return parser_open_main(l, loading->path) ? PHASE_FILES : PHASE_END;
	case PHASE_FILES:
		return parser_step(l) ? PHASE_FILES : PHASE_OVERRIDES;
	case PHASE_OVERRIDES:
		return step_overrides(loading);
	case PHASE_CHECK:
		return snapshot_check_step(l) ? PHASE_CHECK : PHASE_END;
	case PHASE_END:
		break;
	}
	return PHASE_END;
}

bool conf_loading_step(struct conf_loading *loading)
{
	loading->phase = step(loading);
	return loading->phase != PHASE_END;
}

int conf_loading_finish(struct conf_loading **loading, struct conf **ret)
{
	struct conf_loading *ended = TAKE_PTR(*loading);
	struct loader *l = &ended->l;
	bool is_good = l->report->n_errors == ended->n_errors_before;

	assert(ended->phase == PHASE_END);
	report_sort(l->report, ended->n_before, l->files);
	if (is_good)
		*ret = TAKE_PTR(l->conf);
	conf_loading_free(ended);
	return is_good ? 0 : -EINVAL;
}

struct conf_loading *conf_loading_free(struct conf_loading *loading)
{
	if (!loading)
		return NULL;
	struct loader *l = &loading->l;

	parser_close(l);
	map_free(l->files);
	map_free(l->broken);
	free(l->blocks);
	arena_done(&l->scratch);
	conf_unref(l->conf);
	free(loading->path);
	free(loading);
	return NULL;
}

static int load(struct conf_loading *loading, struct conf **ret)
{
	while (conf_loading_step(loading))
		;
	return conf_loading_finish(&loading, ret);
}

int conf_load(struct conf **ret, const struct conf_schema *schema,
	const struct conf_params *params, struct conf_report *report)
{
	return load(conf_loading_new(schema, params, report), ret);
}

int conf_load_text(struct conf **ret, const struct conf_schema *schema,
	const char *file, const char *text, struct conf_report *report)
{
	struct conf_loading *loading = loading_new(schema, report);

	parser_open_text(&loading->l, file, text, strlen(text));
	loading->phase = PHASE_FILES;
	return load(loading, ret);
}

/* --- blocks ----------------------------------------------------------------------- */

static const struct conf_blocks *find_blocks(const struct conf *conf, const char *kind)
{
	const struct schema_kind *found = schema_find_kind(conf->schema, kind);

	return found ? &conf->kinds[found->index] : NULL;
}

const struct conf_block *conf_get_root(const struct conf *conf)
{
	return &conf->root;
}

const struct conf_block *conf_get_block(
	const struct conf *conf, const char *kind, size_t i)
{
	const struct conf_blocks *blocks = find_blocks(conf, kind);

	return blocks && i < blocks->n ? blocks->block[i] : NULL;
}

const struct conf_block *conf_find_block(
	const struct conf *conf, const char *kind, const char *name)
{
	const struct conf_blocks *blocks = find_blocks(conf, kind);

	return blocks ? map_find(blocks->by_name, name) : NULL;
}

const struct conf_block *conf_match_block(
	const struct conf *conf, const char *kind, const char *name)
{
	const struct conf_block *block = conf_find_block(conf, kind, name);
	const char *rest = strchr(name, '.');

	if (block || !rest || rest == name)
		return block;
	_cleanup_(freep) char *pattern = xasprintf("*%s", rest);
	return conf_find_block(conf, kind, pattern);
}

size_t conf_count_blocks(const struct conf *conf, const char *kind)
{
	const struct conf_blocks *blocks = find_blocks(conf, kind);

	return blocks ? blocks->n : 0;
}

const char *conf_block_get_kind(const struct conf_block *block)
{
	return block->kind ? block->kind->kind.name : NULL;
}

const char *conf_block_get_name(const struct conf_block *block)
{
	return block->name;
}

const char *conf_block_get_plugin(const struct conf_block *block)
{
	return block->plugin;
}

const char *conf_block_get_file(const struct conf_block *block)
{
	return block->file;
}

unsigned conf_block_get_line(const struct conf_block *block)
{
	return block->line;
}

const struct conf_block *conf_block_get_base(const struct conf_block *block)
{
	return block->base;
}

const struct conf_setting *conf_block_find_setting(
	const struct conf_block *block, const char *setting)
{
	const struct schema_view *view = block->defaults->view;
	int i = schema_view_find(view, setting);

	return i < 0 ? NULL : view->rows[i];
}

const struct conf_setting *conf_block_get_setting(
	const struct conf_block *block, size_t i)
{
	const struct schema_view *view = block->defaults->view;

	return i < view->n_rows ? view->rows[i] : NULL;
}

/* --- settings --------------------------------------------------------------------- */

/* The effective entry, or NULL when unset; the row must be there and of a right type. */
static const struct conf_entry *get_entry(
	const struct conf_block *block, const char *setting, uint32_t types)
{
	const struct schema_view *view = block->defaults->view;
	int i = schema_view_find(view, setting);

	assert(i >= 0);
	assert(types & (UINT32_C(1) << view->rows[i]->type));
	return snapshot_find_effective(block, (size_t)i);
}

#define TYPE(t) (UINT32_C(1) << (t))

enum {
	TYPES_LIST = TYPE(CONF_STRINGS) | TYPE(CONF_ENUMS) | TYPE(CONF_NAMES) |
		     TYPE(CONF_REFS) | TYPE(CONF_ADDRESSES) | TYPE(CONF_NETWORKS),
	TYPES_STRING = TYPE(CONF_STRING) | TYPE(CONF_NAME) | TYPE(CONF_REF) |
		       TYPE(CONF_ADDRESS) | TYPE(CONF_URL) | TYPE(CONF_PATH) |
		       TYPE(CONF_EMAIL) | TYPE(CONF_ENUM),
	TYPES_INT = TYPE(CONF_INT) | TYPE(CONF_SIZE) | TYPE(CONF_MODE) |
		    TYPE(CONF_ENUM) | TYPE(CONF_PERCENT),
	TYPES_ALL = TYPE(_CONF_TYPE_MAX) - 1,
};

bool conf_is_set(const struct conf_block *block, const char *setting)
{
	const struct conf_entry *entry = get_entry(block, setting, TYPES_ALL);

	return entry && entry->file;
}

const char *conf_get_string(const struct conf_block *block, const char *setting)
{
	const struct conf_entry *entry = get_entry(block, setting, TYPES_STRING);

	return entry ? entry->value.string : NULL;
}

char *const *conf_get_list(const struct conf_block *block, const char *setting)
{
	static char *const none[] = { NULL };
	const struct conf_entry *entry = get_entry(block, setting, TYPES_LIST);

	/* The words belong to the snapshot, which nobody changes. */
	return entry ? (char *const *)entry->value.list : none;
}

bool conf_get_bool(const struct conf_block *block, const char *setting)
{
	const struct conf_entry *entry = get_entry(block, setting, TYPE(CONF_BOOL));

	return entry && entry->value.number != 0;
}

int64_t conf_get_int(const struct conf_block *block, const char *setting)
{
	const struct conf_entry *entry = get_entry(block, setting, TYPES_INT);

	return entry ? entry->value.number : 0;
}

usec_t conf_get_duration(const struct conf_block *block, const char *setting)
{
	const struct conf_entry *entry = get_entry(block, setting, TYPE(CONF_DURATION));

	return entry ? (usec_t)entry->value.number : 0;
}

void conf_get_place(const struct conf_block *block, const char *setting,
	const char **ret_file, unsigned *ret_line)
{
	const struct conf_entry *entry = get_entry(block, setting, TYPES_ALL);

	*ret_file = entry ? entry->file : NULL;
	*ret_line = entry ? entry->line : 0;
}

const char *conf_get_text(const struct conf_block *block, const char *setting)
{
	const struct conf_entry *entry = get_entry(block, setting, TYPES_ALL);

	return entry ? entry->text : NULL;
}

/* --- comparing -------------------------------------------------------------------- */

/* Every row of a is a row of b, with the same effective value. */
static bool is_within(const struct conf_block *a, const struct conf_block *b)
{
	const struct schema_view *view = a->defaults->view;
	const struct schema_view *other = b->defaults->view;

	for (size_t i = 0; i < view->n_rows; i++) {
		const struct conf_setting *row = view->rows[i];
		int j = view == other ? (int)i : schema_view_find(other, row->name);
		if (j < 0 || other->rows[j]->type != row->type)
			return false;
		const struct conf_entry *x = snapshot_find_effective(a, i);
		const struct conf_entry *y = snapshot_find_effective(b, (size_t)j);
		if (!x != !y || (x && !value_is_equal(row->type, &x->value, &y->value)))
			return false;
	}
	return true;
}

bool conf_block_is_equal(const struct conf_block *a, const struct conf_block *b)
{
	if (!a->kind != !b->kind || !str_is_same(a->name, b->name) ||
		!str_is_same(a->plugin, b->plugin))
		return false;
	if (a->kind && strcmp(a->kind->kind.name, b->kind->kind.name) != 0)
		return false;
	return a->defaults->view->n_rows == b->defaults->view->n_rows &&
	       is_within(a, b);
}
