/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reference part of postseal.conf(5), from the same rows that the parser reads. */
#include <errno.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/schema_priv.h"
#include "util/mem.h"

struct manual {
	const struct conf_schema *schema;
	struct buf *out;
	bool is_full;
};

_printf_(2, 3) static void put(struct manual *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *s = xvasprintf(fmt, ap);
	va_end(ap);
	if (buf_append_str(m->out, s) < 0)
		m->is_full = true;
}

/* The blank at `s`, which is not the first octet of its text. */
static bool is_between_sentences(const char *s)
{
	return s[-1] == '.' && s[0] == ' ' && s[1] >= 'A' && s[1] <= 'Z';
}

/* Text from a table: no backslash is an escape, no line a request, and a sentence begins
 * a line. As an argument of a macro a word must not be taken for another macro either. */
static char *escape(const char *s, bool is_argument)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT(64 * 1024);
	const char *text = s;
	bool is_start = true;

	for (; *s; s++) {
		if (is_start && (is_argument || *s == '.' || *s == '\''))
			(void)buf_append_str(&out, "\\&");
		is_start = is_argument && *s == ' ';
		if (*s == '\\')
			(void)buf_append_str(&out, "\\e");
		else if (*s == '"')
			(void)buf_append_str(&out, "\\(dq");
		else if (!is_argument && s > text && is_between_sentences(s))
			(void)buf_append_str(&out, "\n");
		else
			(void)buf_append(&out, s, 1);
	}
	return buf_steal(&out);
}

static void put_text(struct manual *m, const char *text)
{
	_cleanup_(freep) char *escaped = escape(text ? text : "", false);

	if (escaped[0] != '\0')
		put(m, "%s\n", escaped);
}

static void put_literals(struct manual *m, const char *const *values)
{
	for (size_t i = 0; values[i]; i++) {
		_cleanup_(freep) char *escaped = escape(values[i], true);
		put(m, ".Ql %s%s\n", escaped, !values[i + 1] ? " ." : " ,");
	}
}

static const char *unit_of(const struct conf_setting *row)
{
	if (row->unit)
		return row->unit;
	if (row->type == CONF_STRING)
		return "octets";
	return schema_is_list(row->type) ? "words" : NULL;
}

static void put_limits(struct manual *m, const struct conf_setting *row)
{
	if (row->min == 0 && row->max == 0)
		return;
	const char *unit = unit_of(row);
	_cleanup_(freep) char *min = schema_format_limit(row, row->min);
	_cleanup_(freep) char *max = schema_format_limit(row, row->max);
	put(m, "From %s to %s%s%s.\n", min, max, unit ? " " : "", unit ? unit : "");
}

static void put_flags(struct manual *m, const struct conf_setting *row)
{
	if (row->flags & CONF_REQUIRED)
		put(m, "Has to be set.\n");
	if (row->flags & CONF_SECRET)
		put(m, "A secret: best read from a file by\n"
		       ".Ql </path .\n");
	if (row->flags & CONF_AT_START)
		put(m, "A change takes effect at the next start.\n");
}

/* What conf_schema_add_value has added to a row of a kind. */
static void put_added(
	struct manual *m, const char *kind, const struct conf_setting *row)
{
	_cleanup_(freep) const char **list =
		xnew_array(const char *, m->schema->n_values + 1);
	size_t n = 0;

	for (size_t i = 0; i < m->schema->n_values; i++) {
		const char *value = m->schema->values[i].value;
		if (schema_find_value(m->schema, kind, row->name, value) == value)
			list[n++] = value;
	}
	if (n == 0)
		return;
	put(m, row->refers ? "Or, without such a block,\n" : "Known are\n");
	put_literals(m, list);
}

static void put_setting(
	struct manual *m, const char *kind, const struct conf_setting *row)
{
	put(m, ".It Ic %s No = Ar \\&%s\n", row->name, schema_describe_type(row->type));
	put_text(m, row->text);
	if (row->values && row->values[0]) {
		put(m, "One%s of\n", schema_is_list(row->type) ? " or more" : "");
		put_literals(m, row->values);
	}
	if (row->refers)
		put(m, "Names%s\n.Ic %s\nblock%s.\n",
			schema_is_list(row->type) ? "" : " a", row->refers,
			schema_is_list(row->type) ? "s" : "");
	put_added(m, kind, row);
	put_limits(m, row);
	if (row->unit && row->min == 0 && row->max == 0)
		put(m, "In %s.\n", row->unit);
	put_flags(m, row);
	if (row->fallback && row->fallback[0] != '\0') {
		_cleanup_(freep) char *fallback = escape(row->fallback, true);
		put(m, "Default:\n.Ql %s .\n", fallback);
	}
}

static void put_view(struct manual *m, const char *kind, const struct schema_view *view)
{
	put_text(m, view->text);
	if (view->n_own == 0)
		return;
	put(m, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < view->n_own; i++)
		put_setting(m, kind, view->rows[i]);
	put(m, ".El\n");
}

static void put_base(struct manual *m, const struct conf_kind *kind)
{
	if (!kind->base_kind)
		return;
	put(m, ".Pp\nWhat it does not say is taken from");
	if (kind->base_setting)
		put(m, " the\n.Ic %s\nblock that\n.Ic %s\nnames, or from",
			kind->base_kind, kind->base_setting);
	put(m, "\n.Ic %s No default ,\nif there is one.\n", kind->base_kind);
	if (strcmp(kind->base_kind, kind->name) != 0)
		put(m, "All settings of a\n.Ic %s\nblock may also stand here.\n",
			kind->base_kind);
}

static void put_kind(struct manual *m, const struct schema_kind *kind)
{
	const char *name = kind->kind.name;
	bool has_plugins = kind->kind.flags & CONF_BLOCK_PLUGIN;

	put(m, ".Ss %s %s\n", name, has_plugins ? "PLUGIN [INSTANCE]\\&" : "NAME");
	put_view(m, name, kind->view);
	put_base(m, &kind->kind);
	for (size_t i = 0; i < kind->n_plugins; i++) {
		put(m, ".Ss %s %s\n", name, kind->plugins[i]->name);
		put_view(m, name, kind->plugins[i]);
	}
}

int conf_schema_format_manual(const struct conf_schema *schema, struct buf *out)
{
	struct manual m = { .schema = schema, .out = out };

	put(&m, ".Sh SETTINGS\n.Ss Outside of all blocks\n");
	put_view(&m, NULL, schema->root);
	for (size_t i = 0; i < schema->n_kinds; i++)
		put_kind(&m, schema->kinds[i]);
	return m.is_full ? -E2BIG : 0;
}
