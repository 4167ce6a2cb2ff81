/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables put together. Kinds may be added in any order, so the rows that a kind
 * takes over from its base kind are appended whenever a kind is added; an index of a
 * row never changes once it was given.
 */
#include "conf/schema.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "conf/schema_priv.h"
#include "util/map.h"
#include "util/mem.h"
#include "util/usec.h"

static void view_add_row(struct schema_view *view, const struct conf_setting *row)
{
	view->rows = xreallocarray(view->rows, view->n_rows + 1, sizeof(*view->rows));
	view->rows[view->n_rows++] = row;
	map_set(view->by_name, row->name, (void *)(uintptr_t)view->n_rows);
}

static void view_add_rows(
	struct schema_view *view, const struct conf_setting *settings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert(schema_view_find(view, settings[i].name) < 0);
		view_add_row(view, &settings[i]);
	}
}

static struct schema_view *view_new(struct conf_schema *schema, const char *name,
	const struct conf_setting *settings, size_t n)
{
	struct schema_view *view = xnew(struct schema_view);

	view->name = name;
	view->index = schema->n_views++;
	view->by_name = map_new();
	view_add_rows(view, settings, n);
	view->n_own = n;
	return view;
}

static struct schema_view *view_free(struct schema_view *view)
{
	if (!view)
		return NULL;
	map_free(view->by_name);
	free(view->rows);
	free(view);
	return NULL;
}

static struct schema_kind *kind_free(struct schema_kind *kind)
{
	for (size_t i = 0; i < kind->n_plugins; i++)
		view_free(kind->plugins[i]);
	free(kind->plugins);
	view_free(kind->view);
	free(kind);
	return NULL;
}

struct conf_schema *conf_schema_new(const struct conf_setting *settings, size_t n)
{
	struct conf_schema *schema = xnew(struct conf_schema);

	schema->n_refs = 1;
	schema->root = view_new(schema, NULL, settings, n);
	return schema;
}

struct conf_schema *schema_ref(const struct conf_schema *schema)
{
	/* Counting is all that a snapshot ever does to a schema. */
	struct conf_schema *counted = (struct conf_schema *)schema;

	counted->n_refs++;
	return counted;
}

struct conf_schema *conf_schema_free(struct conf_schema *schema)
{
	if (!schema || --schema->n_refs > 0)
		return NULL;
	for (size_t i = 0; i < schema->n_values; i++)
		free(schema->values[i].value);
	free(schema->values);
	for (size_t i = 0; i < schema->n_kinds; i++)
		kind_free(schema->kinds[i]);
	free(schema->kinds);
	view_free(schema->root);
	free(schema);
	return NULL;
}

/* Takes over from the base kind what the view does not have. */
static bool view_take_over(struct schema_view *view, const struct schema_view *base)
{
	bool is_changed = false;

	for (size_t i = 0; i < base->n_rows; i++) {
		if (schema_view_find(view, base->rows[i]->name) >= 0)
			continue;
		view_add_row(view, base->rows[i]);
		is_changed = true;
	}
	return is_changed;
}

static bool inherit_once(struct conf_schema *schema)
{
	bool is_changed = false;

	for (size_t i = 0; i < schema->n_kinds; i++) {
		struct schema_kind *kind = schema->kinds[i];
		if (!kind->kind.base_kind)
			continue;
		struct schema_kind *base = (struct schema_kind *)schema_find_kind(
			schema, kind->kind.base_kind);
		if (!base || base == kind)
			continue;
		base->is_base = true;
		is_changed |= view_take_over(kind->view, base->view);
	}
	return is_changed;
}

void conf_schema_add_kind(struct conf_schema *schema, const struct conf_kind *kind)
{
	assert(!schema_find_kind(schema, kind->name));
	struct schema_kind *added = xnew(struct schema_kind);

	added->kind = *kind;
	added->index = schema->n_kinds;
	added->view = view_new(schema, kind->name, kind->settings, kind->n_settings);
	added->view->text = kind->text;
	schema->kinds = xreallocarray(
		schema->kinds, schema->n_kinds + 1, sizeof(struct schema_kind *));
	schema->kinds[schema->n_kinds++] = added;
	while (inherit_once(schema))
		;
}

void conf_schema_add_plugin(struct conf_schema *schema, const char *kind,
	const char *plugin, const struct conf_setting *settings, size_t n,
	const char *text)
{
	struct schema_kind *found =
		(struct schema_kind *)schema_find_kind(schema, kind);

	assert(found && (found->kind.flags & CONF_BLOCK_PLUGIN));
	assert(!schema_find_plugin(found, plugin));
	struct schema_view *view = view_new(schema, plugin, settings, n);
	view->text = text;
	view_take_over(view, found->view);
	found->plugins = xreallocarray(
		found->plugins, found->n_plugins + 1, sizeof(struct schema_view *));
	found->plugins[found->n_plugins++] = view;
}

void conf_schema_add_value(struct conf_schema *schema, const char *kind,
	const char *setting, const char *value)
{
	schema->values = xreallocarray(
		schema->values, schema->n_values + 1, sizeof(*schema->values));
	schema->values[schema->n_values++] = (struct schema_value){
		.kind = kind,
		.setting = setting,
		.value = xstrdup(value),
	};
}

const struct schema_kind *schema_find_kind(
	const struct conf_schema *schema, const char *kind)
{
	for (size_t i = 0; i < schema->n_kinds; i++) {
		if (strcmp(schema->kinds[i]->kind.name, kind) == 0)
			return schema->kinds[i];
	}
	return NULL;
}

const struct schema_view *schema_find_plugin(
	const struct schema_kind *kind, const char *plugin)
{
	for (size_t i = 0; i < kind->n_plugins; i++) {
		if (strcmp(kind->plugins[i]->name, plugin) == 0)
			return kind->plugins[i];
	}
	return NULL;
}

int schema_view_find(const struct schema_view *view, const char *name)
{
	return (int)(uintptr_t)map_find(view->by_name, name) - 1;
}

/* A value may be added for the kind whose row it is, and then counts wherever that row
 * was taken over. */
static bool is_kind_or_base(
	const struct conf_schema *schema, const char *kind, const char *wanted)
{
	for (unsigned depth = 0; kind && depth < 8; depth++) {
		if (strcmp(kind, wanted) == 0)
			return true;
		const struct schema_kind *found = schema_find_kind(schema, kind);
		kind = found ? found->kind.base_kind : NULL;
	}
	return false;
}

const char *schema_find_value(const struct conf_schema *schema, const char *kind,
	const char *setting, const char *value)
{
	for (size_t i = 0; i < schema->n_values; i++) {
		const struct schema_value *v = &schema->values[i];
		if (strcmp(v->value, value) != 0 || strcmp(v->setting, setting) != 0)
			continue;
		if (v->kind ? is_kind_or_base(schema, kind, v->kind) : !kind)
			return v->value;
	}
	return NULL;
}

const char **schema_list_settings(const struct schema_view *view)
{
	const char **list = xnew_array(const char *, view->n_rows + 1);

	for (size_t i = 0; i < view->n_rows; i++)
		list[i] = view->rows[i]->name;
	return list;
}

const char **schema_list_kinds(const struct conf_schema *schema)
{
	const char **list = xnew_array(const char *, schema->n_kinds + 1);

	for (size_t i = 0; i < schema->n_kinds; i++)
		list[i] = schema->kinds[i]->kind.name;
	return list;
}

const char **schema_list_plugins(const struct schema_kind *kind)
{
	const char **list = xnew_array(const char *, kind->n_plugins + 1);

	for (size_t i = 0; i < kind->n_plugins; i++)
		list[i] = kind->plugins[i]->name;
	return list;
}

/* clang-format off */
static const char *const type_text[] = {
	[CONF_STRING]    = "text",
	[CONF_STRINGS]   = "list of words",
	[CONF_BOOL]      = "yes or no",
	[CONF_INT]       = "whole number",
	[CONF_DURATION]  = "duration",
	[CONF_SIZE]      = "size",
	[CONF_ENUM]      = "keyword",
	[CONF_ENUMS]     = "list of keywords",
	[CONF_NAME]      = "DNS name",
	[CONF_NAMES]     = "list of DNS names",
	[CONF_REF]       = "block name",
	[CONF_REFS]      = "list of block names",
	[CONF_ADDRESS]   = "address",
	[CONF_ADDRESSES] = "list of addresses",
	[CONF_NETWORKS]  = "list of networks",
	[CONF_URL]       = "https URL",
	[CONF_PATH]      = "absolute path",
	[CONF_EMAIL]     = "mail address",
	[CONF_MODE]      = "octal file mode",
	[CONF_PERCENT]   = "percentage",
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(type_text) == _CONF_TYPE_MAX, "a type without a text");

const char *schema_describe_type(enum conf_type type)
{
	return type_text[type];
}

bool schema_is_list(enum conf_type type)
{
	return type == CONF_STRINGS || type == CONF_ENUMS || type == CONF_NAMES ||
	       type == CONF_REFS || type == CONF_ADDRESSES || type == CONF_NETWORKS;
}

static char *format_size(int64_t bytes)
{
	static const char units[] = { '\0', 'k', 'M', 'G' };
	size_t i = 0;

	for (; bytes != 0 && bytes % 1024 == 0 && i + 1 < ARRAY_SIZE(units); i++)
		bytes /= 1024;
	char unit[] = { units[i], '\0' };
	return xasprintf("%lld%s", (long long)bytes, unit);
}

char *schema_format_limit(const struct conf_setting *row, int64_t limit)
{
	char text[USEC_DURATION_MAX];

	if (row->type == CONF_DURATION)
		return xstrdup(usec_format_duration((usec_t)limit, text, sizeof(text)));
	if (row->type == CONF_MODE)
		return xasprintf("0%llo", (unsigned long long)limit);
	if (row->type == CONF_SIZE)
		return format_size(limit);
	if (row->type == CONF_PERCENT)
		return xasprintf("%lld%%", (long long)limit);
	return xasprintf("%lld", (long long)limit);
}
