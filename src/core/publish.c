/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See publish.h. What is said of the names is what served_follow would do. */
#include "core/publish.h"

#include <stdlib.h>
#include <string.h>

#include "store/order.h"
#include "util/map.h"
#include "util/mem.h"

/* Names in one row: it has to fit into a frame, and there may be many. */
#define NAMES_PER_ROW 1000

struct telling {
	struct manager *manager; /* borrowed, as all here */
	struct control_request *request;
	const struct conf *conf;
	const struct plan *plan;
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

static struct map *list_wanted(const struct conf *conf)
{
	struct map *names = map_new();
	const struct conf_block *domain;

	for (size_t i = 0; (domain = conf_get_block(conf, "domain", i)); i++) {
		char *const *list = conf_get_list(domain, "names");

		for (size_t k = 0; list[k]; k++)
			map_set(names, list[k], names);
	}
	return names;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Those of a that b has not. */
static void tell_names(const struct telling *t, const char *action, const struct map *a,
	const struct map *b)
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
			t->request, json_pack("{s:{s:s, s:o}}", "publish_names",
					    "action", action, "names", names));
	}
}

static void tell_all_names(const struct telling *t)
{
	_cleanup_(map_freep) struct map *before = map_new();
	_cleanup_(map_freep) struct map *after = list_wanted(t->conf);

	served_each_name(on_served_name, before, t->manager->served);
	tell_names(t, "add", after, before);
	tell_names(t, "remove", before, after);
}

/* --- listeners ------------------------------------------------------------------------------- */

static void tell_listener(
	const struct telling *t, const char *action, const struct conf_block *listener)
{
	control_request_row(t->request,
		json_pack("{s:{s:s, s:s, s:s}}", "publish_listener", "action", action,
			"name", conf_block_get_name(listener), "address",
			conf_get_text(listener, "address")));
}

static void tell_listeners(const struct telling *t)
{
	const struct conf *before = t->manager->loaded.conf;
	const struct conf_block *block;

	for (size_t i = 0; (block = conf_get_block(t->conf, "listener", i)); i++) {
		const struct conf_block *was =
			conf_find_block(before, "listener", conf_block_get_name(block));

		if (!was || !conf_block_is_equal(was, block))
			tell_listener(t, was ? "change" : "add", block);
	}
	for (size_t i = 0; (block = conf_get_block(before, "listener", i)); i++)
		if (!conf_find_block(t->conf, "listener", conf_block_get_name(block)))
			tell_listener(t, "remove", block);
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
	const struct telling *t = userdata;
	_cleanup_(store_order_done) struct store_order order = { 0 };

	if (store_order_load(t->manager->store, a->order_id, &order, NULL) != 0 ||
		order.finished || !find_given_up(t->plan, order.slot_id))
		return 0;
	control_request_row(t->request,
		json_pack("{s:{s:s, s:s, s:s?}}", "publish_answer", "action", "remove",
			"name", a->name, "challenge", a->challenge));
	return 0;
}

/* "a or b": those that an order of the domain may be answered by, in their order; owned
 * by the caller. */
static char *format_challenges(const struct telling *t, const struct conf_block *domain)
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
			(plugin = plugin_host_get(t->manager->loaded.host, i)); i++)
			if (plugin_get_kind(plugin) == POSTSEAL_KIND_CHALLENGE)
				(void)buf_printf(&text, "%s%s", text.len ? " or " : "",
					plugin_get_name(plugin));
	return buf_steal(&text);
}

/* How many names wait for an answer by which challenges: "a or b" to the number. */
static struct map *count_answers(const struct telling *t)
{
	struct map *counts = map_new();

	for (size_t i = 0; i < t->plan->n; i++) {
		const struct plan_entry *e = &t->plan->entry[i];
		const struct conf_block *domain =
			conf_find_block(t->conf, "domain", e->slot.domain);
		if (!e->needs_order || !domain)
			continue;
		_cleanup_(freep) char *key = format_challenges(t, domain);
		_cleanup_(strv_freep) char **names = strv_split(e->slot.names);
		uintptr_t n = (uintptr_t)map_find(counts, key) + strv_length(names);
		map_set(counts, key, (void *)n);
	}
	return counts;
}

static void tell_new_answers(const struct telling *t)
{
	_cleanup_(map_freep) struct map *counts = count_answers(t);
	const char *challenges;
	void *n;
	size_t pos;

	map_foreach(counts, pos, challenges, n)
		control_request_row(
			t->request, json_pack("{s:{s:s, s:s, s:I}}", "publish_answer",
					    "action", "add", "challenge", challenges,
					    "names", (json_int_t)(uintptr_t)n));
}

int publish_tell(struct manager *manager, struct control_request *request,
	const struct conf *conf, const struct plan *plan, struct err *err)
{
	struct telling t = { manager, request, conf, plan };

	tell_all_names(&t);
	tell_listeners(&t);
	tell_new_answers(&t);
	return store_authorization_each_presented(
		manager->store, on_presented, &t, err);
}
