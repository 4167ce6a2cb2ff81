/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A value is one word or a list of words, each checked by the row's type. A reason
 * quotes the word that is wrong, unless it may be a secret.
 */
#include "conf/value.h"

#include <string.h>

#include "conf/expand.h"
#include "conf/word.h"
#include "util/dname.h"
#include "util/map.h"
#include "util/mem.h"
#include "util/strtab.h"
#include "util/usec.h"

#define CANDIDATES_MAX 1000 /* a nearest name is looked for among so many */
#define REASON_ENOUGH  400
#define QUOTED_MAX     100 /* octets of a wrong word that a message repeats */

struct parse {
	struct loader *l;
	const struct conf_block *block;
	const struct conf_setting *row;
	bool is_secret;
	bool is_default; /* no block is there yet that it could name */
	char *reason;    /* owned; why it is wrong */
};

char *value_decode(const char *cooked)
{
	char *s = xstrdup(cooked);
	char *to = s;

	for (const char *from = s; *from; from++) {
		if (*from == EXPAND_BLANK)
			*to++ = ' ';
		else if (*from == EXPAND_COMMA)
			*to++ = ',';
		else if (*from != EXPAND_EMPTY)
			*to++ = *from;
	}
	*to = '\0';
	return s;
}

static const char *keep(struct parse *p, const char *s)
{
	return arena_copy(&p->l->conf->arena, s, strlen(s));
}

/* --- reasons ---------------------------------------------------------------------- */

/* Never cuts a character in two. */
static size_t cut_length(const char *word)
{
	size_t len = strlen(word);

	if (len <= QUOTED_MAX)
		return len;
	len = QUOTED_MAX;
	while (len > 0 && ((unsigned char)word[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static bool begins_with_verb(const char *problem)
{
	static const char *const verbs[] = { "is ", "has ", "holds ", "must " };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strncmp(problem, verbs[i], strlen(verbs[i])) == 0)
			return true;
	}
	return false;
}

/* "\"abc\" is not a duration"; false, for the caller to return. In a list each wrong
 * word is told, until it is enough. */
static bool refuse(struct parse *p, const char *word, const char *problem)
{
	size_t len = cut_length(word);
	_cleanup_(freep) char *before = TAKE_PTR(p->reason);
	const char *so_far = before ? before : "";
	const char *joint = begins_with_verb(problem) ? "" : ":";

	if (strlen(so_far) > REASON_ENOUGH)
		p->reason = TAKE_PTR(before);
	else if (p->is_secret)
		p->reason = xasprintf("the value%s %s", joint, problem);
	else
		p->reason = xasprintf("%s%s\"%.*s%s\"%s %s", so_far, before ? "; " : "",
			(int)len, word, word[len] ? "..." : "", joint, problem);
	return false;
}

static bool refuse_unknown(
	struct parse *p, const char *word, const char *what, const char *const *known)
{
	const char *nearest = p->is_secret ? NULL : strtab_nearest(known, word);
	_cleanup_(freep) char *problem =
		nearest ? xasprintf("%s; did you mean \"%s\"?", what, nearest)
			: xstrdup(what);

	return refuse(p, word, problem);
}

/* --- one word --------------------------------------------------------------------- */

static const char *const *list_keywords(struct parse *p, const char ***ret_owned)
{
	size_t n = 0;
	const struct conf_schema *schema = p->l->conf->schema;

	while (p->row->values && p->row->values[n])
		n++;
	const char **list = xnew_array(const char *, n + schema->n_values + 1);
	if (n > 0)
		memcpy(list, p->row->values, n * sizeof(*list));
	for (size_t i = 0; i < schema->n_values; i++) {
		if (strcmp(schema->values[i].setting, p->row->name) == 0)
			list[n++] = schema->values[i].value;
	}
	return *ret_owned = list;
}

static const char *join(const char *const *list, char **ret_owned)
{
	struct buf out = BUF_INIT(1024);

	for (; *list; list++)
		(void)buf_printf(&out, "%s%s", out.len > 0 ? ", " : "", *list);
	return *ret_owned = buf_steal(&out);
}

static const char *kind_name(const struct parse *p)
{
	return p->block->kind ? p->block->kind->kind.name : NULL;
}

static bool parse_keyword(struct parse *p, const char *word, struct conf_value *ret)
{
	for (size_t i = 0; p->row->values && p->row->values[i]; i++) {
		if (strcmp(p->row->values[i], word) != 0)
			continue;
		ret->string = p->row->values[i];
		ret->number = (int64_t)i;
		return true;
	}
	const char *added =
		schema_find_value(p->l->conf->schema, kind_name(p), p->row->name, word);
	if (added) {
		ret->string = keep(p, added);
		ret->number = -1;
		return true;
	}
	_cleanup_(freep) const char **owned = NULL;
	_cleanup_(freep) char *text = NULL;
	const char *const *known = list_keywords(p, &owned);
	_cleanup_(freep) char *what =
		xasprintf("is not one of: %s", join(known, &text));
	return refuse_unknown(p, word, what, known);
}

static const char **list_blocks(struct parse *p, const struct conf_blocks *blocks)
{
	const struct conf_schema *schema = p->l->conf->schema;
	size_t n = blocks->n <= CANDIDATES_MAX ? blocks->n : 0;
	const char **list = xnew_array(const char *, n + schema->n_values + 1);

	for (size_t i = 0; i < n; i++)
		list[i] = conf_block_get_name(blocks->block[i]);
	for (size_t i = 0; i < schema->n_values; i++) {
		if (strcmp(schema->values[i].setting, p->row->name) == 0)
			list[n++] = schema->values[i].value;
	}
	return list;
}

static bool is_broken(struct parse *p, const char *name)
{
	_cleanup_(freep) char *key = xasprintf("%s %s", p->row->refers, name);

	return map_find(p->l->broken, key);
}

static bool parse_ref(struct parse *p, const char *word, struct conf_value *ret)
{
	const struct schema_kind *kind =
		schema_find_kind(p->l->conf->schema, p->row->refers);
	const struct conf_block *block =
		conf_find_block(p->l->conf, p->row->refers, word);

	if (block) {
		ret->string = conf_block_get_name(block);
		return true;
	}
	if (p->is_default || (kind && is_broken(p, word))) {
		ret->string = keep(p, word);
		return true;
	}
	const char *added =
		schema_find_value(p->l->conf->schema, kind_name(p), p->row->name, word);
	if (added) {
		ret->string = keep(p, added);
		return true;
	}
	if (!kind)
		return refuse(p, word, "there is no such block");
	_cleanup_(freep) const char **known =
		list_blocks(p, &p->l->conf->kinds[kind->index]);
	_cleanup_(freep) char *what =
		xasprintf("there is no block \"%s %s\"", p->row->refers, word);
	return refuse_unknown(p, word, what, known);
}

/* The domain that %d stands for in a block; NULL = it stays. A pattern is no name. */
static const char *domain_of(const struct conf_block *block)
{
	if (!block->kind || !(block->kind->kind.flags & CONF_BLOCK_PATTERN))
		return NULL;
	/* The block of a default has no name. */
	if (block->name[0] == '\0' || block->has_bad_name ||
		dname_is_wildcard(block->name))
		return NULL;
	return block->name;
}

static bool parse_name(struct parse *p, const char *word, struct conf_value *ret)
{
	char name[DNAME_MAX + 1];
	unsigned flags = p->row->type == CONF_NAMES ? WORD_NAME_LIST : 0;
	const char *problem =
		word_parse_name(word, flags, domain_of(p->block), name, sizeof(name));

	if (problem)
		return refuse(p, word, problem);
	ret->string = keep(p, name);
	return true;
}

static bool parse_checked(
	struct parse *p, const char *word, const char *problem, struct conf_value *ret)
{
	if (problem)
		return refuse(p, word, problem);
	ret->string = keep(p, word);
	return true;
}

static bool check_limits(struct parse *p, const char *word, int64_t number)
{
	const struct conf_setting *row = p->row;

	if ((row->min == 0 && row->max == 0) ||
		(number >= row->min && number <= row->max))
		return true;
	_cleanup_(freep) char *min = schema_format_limit(row, row->min);
	_cleanup_(freep) char *max = schema_format_limit(row, row->max);
	_cleanup_(freep) char *problem =
		xasprintf("is outside of the limits %s to %s", min, max);
	return refuse(p, word, problem);
}

static bool parse_number(struct parse *p, const char *word, struct conf_value *ret)
{
	const char *problem = NULL;

	if (p->row->type == CONF_BOOL)
		problem = word_parse_bool(word, &ret->number);
	else if (p->row->type == CONF_INT)
		problem = word_parse_int(word, &ret->number);
	else if (p->row->type == CONF_DURATION)
		problem = word_parse_duration(word, &ret->number);
	else if (p->row->type == CONF_SIZE)
		problem = word_parse_size(word, &ret->number);
	else if (p->row->type == CONF_PERCENT)
		problem = word_parse_percent(word, &ret->number);
	else
		problem = word_parse_mode(word, &ret->number);
	if (problem)
		return refuse(p, word, problem);
	return check_limits(p, word, ret->number);
}

static bool parse_word(struct parse *p, const char *word, struct conf_value *ret)
{
	switch (p->row->type) {
	case CONF_STRING:
	case CONF_STRINGS:
		return parse_checked(p, word, NULL, ret);
	case CONF_ENUM:
	case CONF_ENUMS:
		return parse_keyword(p, word, ret);
	case CONF_REF:
	case CONF_REFS:
		return parse_ref(p, word, ret);
	case CONF_NAME:
	case CONF_NAMES:
		return parse_name(p, word, ret);
	case CONF_ADDRESS:
	case CONF_ADDRESSES:
		return parse_checked(p, word, word_check_address(word), ret);
	case CONF_NETWORKS:
		return parse_checked(p, word, word_check_network(word), ret);
	case CONF_URL:
		return parse_checked(p, word, word_check_url(word), ret);
	case CONF_PATH:
		return parse_checked(p, word, word_check_path(word), ret);
	case CONF_EMAIL:
		return parse_checked(p, word, word_check_email(word), ret);
	default:
		return parse_number(p, word, ret);
	}
}

/* --- lists ------------------------------------------------------------------------ */

struct items {
	const char *item[VALUE_ITEMS_MAX + 1];
	size_t n;
};

static bool items_have(const struct items *items, const char *s)
{
	for (size_t i = 0; i < items->n; i++) {
		if (strcmp(items->item[i], s) == 0)
			return true;
	}
	return false;
}

static bool add_item(struct parse *p, struct items *items, const char *word)
{
	struct conf_value value = { 0 };

	if (!parse_word(p, word, &value))
		return false;
	bool is_twice = p->row->type != CONF_STRINGS && items_have(items, value.string);
	/* $names and one of them again: no harm done. */
	if (is_twice && p->row->type == CONF_NAMES)
		return true;
	if (is_twice)
		return refuse(p, word, "is there twice");
	if (items->n == VALUE_ITEMS_MAX)
		return refuse(
			p, word, "is one too many: a list has at most 1024 words");
	items->item[items->n++] = value.string;
	return true;
}

static const char *const *keep_items(struct loader *l, const struct items *items)
{
	size_t bytes = (items->n + 1) * sizeof(items->item[0]);
	const char **list = arena_alloc(&l->conf->arena, bytes);

	memcpy(list, items->item, items->n * sizeof(items->item[0]));
	return list;
}

static bool check_count(struct parse *p, size_t n)
{
	if ((p->row->min == 0 && p->row->max == 0) ||
		((int64_t)n >= p->row->min && (int64_t)n <= p->row->max))
		return true;
	p->reason = xasprintf("takes %lld to %lld words, not %zu",
		(long long)p->row->min, (long long)p->row->max, n);
	return false;
}

static bool parse_list(struct parse *p, const char *cooked, struct conf_value *ret)
{
	struct items items;
	_cleanup_(freep) char *copy = xstrdup(cooked);
	char *rest = copy;
	bool is_good = true;

	items.n = 0;
	for (char *word; (word = strsep(&rest, " ,"));) {
		if (word[0] == '\0')
			continue;
		_cleanup_(secret_freep) char *decoded = value_decode(word);
		is_good &= add_item(p, &items, decoded);
	}
	if (!is_good || !check_count(p, items.n))
		return false;
	if (items.n == 0 && (p->row->flags & CONF_REQUIRED)) {
		p->reason = xstrdup("must not be empty");
		return false;
	}
	ret->list = keep_items(p->l, &items);
	return true;
}

static bool check_length(struct parse *p, const char *word)
{
	int64_t len = (int64_t)strlen(word);

	if ((p->row->min == 0 && p->row->max == 0) ||
		(len >= p->row->min && len <= p->row->max))
		return true;
	p->reason = xasprintf("takes %lld to %lld octets, not %lld",
		(long long)p->row->min, (long long)p->row->max, (long long)len);
	return false;
}

static bool parse_scalar(struct parse *p, const char *cooked, struct conf_value *ret)
{
	_cleanup_(secret_freep) char *word = value_decode(cooked);
	bool is_text = p->row->type == CONF_STRING;

	if (word[0] == '\0' && (!is_text || (p->row->flags & CONF_REQUIRED))) {
		p->reason = xasprintf("has no value; it takes a %s",
			schema_describe_type(p->row->type));
		return false;
	}
	if (is_text && !check_length(p, word))
		return false;
	return parse_word(p, word, ret);
}

bool value_parse(struct loader *l, const struct conf_block *block,
	const struct conf_entry *entry, struct conf_value *ret, char **ret_reason)
{
	struct parse p = {
		.l = l,
		.block = block,
		.row = entry->row,
		.is_secret = entry->is_tainted,
		.is_default = !entry->file,
	};
	struct conf_value value = { 0 };
	bool is_good = schema_is_list(p.row->type)
			       ? parse_list(&p, entry->cooked, &value)
			       : parse_scalar(&p, entry->cooked, &value);

	if (is_good)
		*ret = value;
	else
		*ret_reason = TAKE_PTR(p.reason);
	free(p.reason);
	return is_good;
}

bool value_has_domain(const struct conf_value *value)
{
	for (const char *const *item = value->list; item && *item; item++) {
		if (strstr(*item, "%d"))
			return true;
	}
	return false;
}

bool value_derive(struct loader *l, const struct conf_block *domain,
	const struct conf_value *value, struct conf_value *ret, char **ret_reason)
{
	struct items items;
	char name[DNAME_MAX + 1];

	items.n = 0;
	for (const char *const *item = value->list; *item; item++) {
		const char *problem =
			word_expand_name(*item, domain_of(domain), name, sizeof(name));
		if (problem) {
			*ret_reason = xasprintf(
				"\"%s\" with this domain for %%d %s", *item, problem);
			return false;
		}
		if (!items_have(&items, name))
			items.item[items.n++] =
				arena_copy(&l->conf->arena, name, strlen(name));
	}
	*ret = (struct conf_value){ .list = keep_items(l, &items) };
	return true;
}

/* --- back to text ----------------------------------------------------------------- */

static bool needs_quotes(const char *word, bool is_item)
{
	size_t len = strlen(word);

	if (len == 0 || word[0] == '<' || word[0] == ' ' || word[len - 1] == ' ' ||
		word[len - 1] == '\\')
		return true;
	return strpbrk(word, is_item ? "\"# ," : "\"#");
}

static void put_word(struct buf *out, const char *word, bool is_item)
{
	if (!needs_quotes(word, is_item)) {
		(void)buf_append_str(out, word);
		return;
	}
	(void)buf_append(out, "\"", 1);
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			(void)buf_append(out, "\\", 1);
		(void)buf_append(out, word, 1);
	}
	(void)buf_append(out, "\"", 1);
}

char *value_format(const struct conf_entry *entry)
{
	/* Quoting at most doubles what expansion has let through. */
	_cleanup_(buf_done) struct buf out =
		BUF_INIT_SECRET(4 * EXPAND_BYTES_MAX + 4096);

	if (!entry->value.list && entry->value.string)
		put_word(&out, entry->value.string, false);
	for (const char *const *item = entry->value.list; item && *item; item++) {
		if (out.len > 0)
			(void)buf_append(&out, " ", 1);
		put_word(&out, *item, true);
	}
	if (!entry->value.list && !entry->value.string) {
		_cleanup_(secret_freep) char *word = value_decode(entry->cooked);
		put_word(&out, word, false);
	}
	return buf_steal(&out);
}

static bool list_is_equal(const char *const *a, const char *const *b)
{
	for (; *a && *b; a++, b++) {
		if (strcmp(*a, *b) != 0)
			return false;
	}
	return !*a && !*b;
}

bool value_is_equal(
	enum conf_type type, const struct conf_value *a, const struct conf_value *b)
{
	if (schema_is_list(type))
		return list_is_equal(a->list, b->list);
	if (a->string && b->string)
		return strcmp(a->string, b->string) == 0;
	return !a->string && !b->string && a->number == b->number;
}
