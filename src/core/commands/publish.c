/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See publish.h. What is said of the names is what served_follow would do. */
#include "core/commands/publish.h"

#include <stdlib.h>
#include <string.h>

#include "store/order.h"
#include "util/map.h"
#include "util/mem.h"

/* Names in one row: it has to fit into a frame, and there may be many. */
#define NAMES_PER_ROW 1000

struct publish {
	struct publish_params in;
	struct map *before, *after; /* owned; names served now, and names wanted */
	struct map *
		answers; /* owned; "a or b" to how many names wait for these challenges */
	size_t phase;
	size_t i; /* the next domain or entry in this phase */
};

/* --- names --------------------------------------------------------------------------------- */

struct name_list {
	const char **name; /* owned; the names are borrowed */
	size_t n;
};

static void name_list_done(struct name_list *list)
{
	free(list->name);
}

static void add_name(struct name_list *list, const char *name)
{
	if ((list->n & (list->n - 1)) == 0)
		list->name = xreallocarray(
			list->name, MAX(list->n * 2, (size_t)1), sizeof(*list->name));
	list->name[list->n++] = name;
}

static void on_served_name(const char *name, void *userdata)
{
	map_set(userdata, name, userdata);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Those of a that b has not. */
static void tell_names(
	struct publish *p, const char *action, const struct map *a, const struct map *b)
{
	_cleanup_(name_list_done) struct name_list list = { 0 };
	const char *name;
	void *value;
	size_t pos;

	map_foreach(a, pos, name, value)
		if (!map_find(b, name))
			add_name(&list, name);
	if (list.n > 0)
		qsort(list.name, list.n, sizeof(*list.name), compare_names);
	for (size_t i = 0; i < list.n; i += NAMES_PER_ROW) {
		json_t *names = json_array();

		for (size_t k = i; k < MIN(list.n, i + NAMES_PER_ROW); k++)
			json_array_append_new(names, json_string(list.name[k]));
		control_request_row(
			p->in.request, json_pack("{s:{s:s, s:o}}", "publish_names",
					       "action", action, "names", names));
	}
}

static int list_served(struct publish *p, struct err *err)
{
	served_each_name(on_served_name, p->before, p->in.manager->served);
	return 0;
}

static int list_some_wanted(struct publish *p, struct err *err)
{
	const struct conf_block *domain = conf_get_block(p->in.conf, "domain", p->i++);

	if (!domain)
		return 0;
	char *const *list = conf_get_list(domain, "names");
	for (size_t i = 0; list[i]; i++)
		map_set(p->after, list[i], p);
	return 1;
}

static int tell_added(struct publish *p, struct err *err)
{
	tell_names(p, "add", p->after, p->before);
	return 0;
}

static int tell_removed(struct publish *p, struct err *err)
{
	tell_names(p, "remove", p->before, p->after);
	return 0;
}

/* --- listeners ------------------------------------------------------------------------------- */

static void tell_listener(
	struct publish *p, const char *action, const struct conf_block *listener)
{
	control_request_row(p->in.request,
		json_pack("{s:{s:s, s:s, s:s}}", "publish_listener", "action", action,
			"name", conf_block_get_name(listener), "address",
			conf_get_text(listener, "address")));
}

static int tell_listeners(struct publish *p, struct err *err)
{
	const struct conf *before = p->in.manager->loaded.conf;
	const struct conf_block *block;

	for (size_t i = 0; (block = conf_get_block(p->in.conf, "listener", i)); i++) {
		const struct conf_block *was =
			conf_find_block(before, "listener", conf_block_get_name(block));

		if (!was || !conf_block_is_equal(was, block))
			tell_listener(p, was ? "change" : "add", block);
	}
	for (size_t i = 0; (block = conf_get_block(before, "listener", i)); i++)
		if (!conf_find_block(
			    p->in.conf, "listener", conf_block_get_name(block)))
			tell_listener(p, "remove", block);
	return 0;
}

/* --- answers to challenges -------------------------------------------------------------------- */

static const struct plan_entry *find_given_up(const struct plan *plan, int64_t slot_id)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_entry *e = &plan->entry[i];

		if (e->slot.id == slot_id &&
			(e->is_reorder || e->action == PLAN_REMOVE))
			return e;
	}
	return NULL;
}

static int on_presented(const struct store_authorization *a, void *userdata)
{
	struct publish *p = userdata;
	_cleanup_(store_order_done) struct store_order order = { 0 };

	if (store_order_load(p->in.manager->store, a->order_id, &order, NULL) != 0 ||
		order.finished || !find_given_up(p->in.plan, order.slot_id))
		return 0;
	control_request_row(p->in.request,
		json_pack("{s:{s:s, s:s, s:s?}}", "publish_answer", "action", "remove",
			"name", a->name, "challenge", a->challenge));
	return 0;
}

static int tell_given_up(struct publish *p, struct err *err)
{
	return store_authorization_each_presented(
		p->in.manager->store, on_presented, p, err);
}

/* "a or b": those that an order of the domain may be answered by, in their order; owned
 * by the caller. */
static char *format_challenges(struct publish *p, const struct conf_block *domain)
{
	struct buf text = BUF_INIT(8192);
	char *const *list = conf_get_list(domain, "challenge");
	const struct plugin *plugin;

	if (conf_is_set(domain, "challenge"))
		for (size_t i = 0; list[i]; i++)
			(void)buf_printf(
				&text, "%s%s", text.len ? " or " : "", list[i]);
	else
		for (size_t i = 0;
			(plugin = plugin_host_get(p->in.manager->loaded.host, i)); i++)
			if (plugin_get_kind(plugin) == POSTSEAL_KIND_CHALLENGE)
				(void)buf_printf(&text, "%s%s", text.len ? " or " : "",
					plugin_get_name(plugin));
	return buf_steal(&text);
}

static int count_some_answers(struct publish *p, struct err *err)
{
	if (p->i == p->in.plan->n)
		return 0;
	const struct plan_entry *e = &p->in.plan->entry[p->i++];
	const struct conf_block *domain =
		conf_find_block(p->in.conf, "domain", e->slot.domain);
	if (!e->needs_order || !domain)
		return 1;
	_cleanup_(freep) char *key = format_challenges(p, domain);
	_cleanup_(strv_freep) char **names = strv_split(e->slot.names);
	uintptr_t n = (uintptr_t)map_find(p->answers, key) + strv_length(names);
	map_set(p->answers, key, (void *)n);
	return 1;
}

static int tell_new_answers(struct publish *p, struct err *err)
{
	const char *challenges;
	void *n;
	size_t pos;

	map_foreach(p->answers, pos, challenges, n)
		control_request_row(p->in.request,
			json_pack("{s:{s:s, s:s, s:I}}", "publish_answer", "action",
				"add", "challenge", challenges, "names",
				(json_int_t)(uintptr_t)n));
	return 0;
}

/* --- the whole ------------------------------------------------------------------------------ */

typedef int phase_fn(struct publish *publish, struct err *err);

int publish_step(struct publish *p, struct err *err)
{
	static phase_fn *const phases[] = {
		list_served,
		list_some_wanted,
		tell_added,
		tell_removed,
		tell_listeners,
		count_some_answers,
		tell_new_answers,
		tell_given_up,
	};

	if (p->phase == ARRAY_SIZE(phases))
		return 0;
	int r = phases[p->phase](p, err);
	if (r == 0) {
		p->phase++;
		p->i = 0;
	}
	return r < 0 ? r : 1;
}

struct publish *publish_new(const struct publish_params *params)
{
	struct publish *p = xnew(struct publish);

	p->in = *params;
	p->before = map_new();
	p->after = map_new();
	p->answers = map_new();
	return p;
}

struct publish *publish_free(struct publish *p)
{
	if (!p)
		return NULL;
	map_free(p->before);
	map_free(p->after);
	map_free(p->answers);
	free(p);
	return NULL;
}
