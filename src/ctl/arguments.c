/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See arguments.h. What was said is kept as "name=value", with an empty value for an
 * option that takes none. */
#include "ctl/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/strtab.h"

#define OPTIONS_MAX 32

/* One word that is being read. */
struct scan {
	struct arguments *arguments;
	char *const *argv;
	int *pos; /* of the word behind it */
};

static void say(
	struct arguments *a, const struct arguments_option *option, const char *value)
{
	_cleanup_(freep) char *text =
		xasprintf("%s=%s", option->name, value ? value : "");

	strv_append(&a->said, text);
}

/* --- finding -------------------------------------------------------------------------- */

/* The i-th option of all tables, NULL behind the last. */
static const struct arguments_option *get_option(const struct arguments *a, size_t i)
{
	for (size_t t = 0; t < ARGUMENTS_TABLES_MAX; t++) {
		const struct arguments_option *row = a->table[t];

		for (; row && row->name; row++, i--)
			if (i == 0)
				return row;
	}
	return NULL;
}

static const struct arguments_option *find_letter(
	const struct arguments *a, char letter)
{
	const struct arguments_option *row;

	for (size_t i = 0; (row = get_option(a, i)); i++) {
		if (row->letter == letter)
			return row;
	}
	return NULL;
}

static const struct arguments_option *find_name(
	const struct arguments *a, const char *name)
{
	const struct arguments_option *row;

	for (size_t i = 0; (row = get_option(a, i)); i++) {
		if (strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

static const char *nearest_name(const struct arguments *a, const char *name)
{
	const char *names[OPTIONS_MAX + 1] = { NULL };
	const struct arguments_option *row;

	for (size_t i = 0; i < OPTIONS_MAX && (row = get_option(a, i)); i++)
		names[i] = row->name;
	return strtab_nearest(names, name);
}

/* --- reading ---------------------------------------------------------------------------- */

/* The value behind an option, in the same word or in the next one. */
static int take_value(struct scan *scan, const struct arguments_option *option,
	const char *rest, struct err *err)
{
	const char *value = rest ? rest : scan->argv[*scan->pos];

	if (!value)
		return err_set_kind(err, ERR_CONFIG, -EINVAL, "option --%s needs %s",
			option->name, option->value);
	if (!rest)
		++*scan->pos;
	say(scan->arguments, option, value);
	return 0;
}

static int take_long(struct scan *scan, const char *text, struct err *err)
{
	size_t len = strcspn(text, "=");
	const char *rest = text[len] == '=' ? text + len + 1 : NULL;
	_cleanup_(freep) char *name = xstrndup(text, len);
	const struct arguments_option *option = find_name(scan->arguments, name);

	if (!option) {
		const char *nearest = nearest_name(scan->arguments, name);
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"there is no option --%s%s%s%s", name,
			nearest ? "; did you mean --" : "", nearest ? nearest : "",
			nearest ? "?" : "");
	}
	if (option->value)
		return take_value(scan, option, rest, err);
	if (rest)
		return err_set_kind(
			err, ERR_CONFIG, -EINVAL, "option --%s takes no value", name);
	say(scan->arguments, option, NULL);
	return 0;
}

static int take_letters(struct scan *scan, const char *letters, struct err *err)
{
	for (const char *c = letters; *c; c++) {
		const struct arguments_option *option =
			find_letter(scan->arguments, *c);

		if (!option)
			return err_set_kind(err, ERR_CONFIG, -EINVAL,
				"there is no option -%c here", *c);
		if (option->value)
			return take_value(scan, option, c[1] ? c + 1 : NULL, err);
		say(scan->arguments, option, NULL);
	}
	return 0;
}

int arguments_parse(struct arguments *a, char *const *argv, int *pos, unsigned flags,
	struct err *err)
{
	struct scan scan = { .arguments = a, .argv = argv, .pos = pos };
	bool only_words = false;

	while (argv[*pos]) {
		const char *text = argv[*pos];
		bool is_option = !only_words && text[0] == '-' && text[1];
		int r = 0;

		if (!is_option && (flags & ARGUMENTS_STOP_AT_WORD))
			return 0;
		++*pos;
		if (!is_option)
			strv_append(&a->words, text);
		else if (strcmp(text, "--") == 0)
			only_words = true;
		else if (text[1] == '-')
			r = take_long(&scan, text + 2, err);
		else
			r = take_letters(&scan, text + 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void arguments_done(struct arguments *a)
{
	a->words = strv_free(a->words);
	a->said = strv_free(a->said);
}

/* --- asking ------------------------------------------------------------------------------- */

/* The value in "name=value" if that is the name, else NULL. */
static const char *value_of(const char *said, const char *name)
{
	size_t len = strlen(name);

	return strncmp(said, name, len) == 0 && said[len] == '=' ? said + len + 1
								 : NULL;
}

const char *arguments_get(const struct arguments *a, const char *name)
{
	const char *last = NULL;

	for (size_t i = 0; a->said && a->said[i]; i++) {
		const char *value = value_of(a->said[i], name);
		if (value)
			last = value;
	}
	return last;
}

bool arguments_has(const struct arguments *a, const char *name)
{
	return arguments_get(a, name) != NULL;
}

char **arguments_copy_all(const struct arguments *a, const char *name)
{
	char **all = NULL;

	for (size_t i = 0; a->said && a->said[i]; i++) {
		const char *value = value_of(a->said[i], name);
		if (value)
			strv_append(&all, value);
	}
	return all;
}

const char *arguments_word(const struct arguments *a, size_t i)
{
	return i < strv_length(a->words) ? a->words[i] : NULL;
}

int arguments_get_int(const struct arguments *a, const char *name, const long limits[2],
	long *ret, struct err *err)
{
	const char *text = arguments_get(a, name);
	char *end;

	if (!text)
		return 0;
	errno = 0;
	long v = strtol(text, &end, 10);
	if (errno || end == text || *end || v < limits[0] || v > limits[1])
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"--%s: \"%s\" is not a number from %ld to %ld", name, text,
			limits[0], limits[1]);
	*ret = v;
	return 0;
}
