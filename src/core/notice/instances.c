/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See instances.h. Each entry remembers the block that it was opened with, and holds
 * that block's snapshot; a new snapshot is compared entry by entry. Entries stand in the
 * order of the configuration, blocks first.
 */
#include "core/notice/instances.h"

#include <errno.h>
#include <string.h>

#include "util/map.h"
#include "util/mem.h"

struct entry {
	enum postseal_kind kind;
	char *name;                       /* owned; what the configuration calls it */
	struct conf *conf;                /* referenced; of the block */
	const struct conf_block *block;   /* points into conf; NULL = the defaults */
	struct plugin_instance *instance; /* owned; NULL = could not be opened */
};

struct entries {
	struct entry *entry; /* owned */
	size_t n;
	struct map *by_key; /* owned; "kind name" to the index plus one */
};

struct instances {
	struct plugin_host *host; /* borrowed */
	const struct log_ctx *log;
	struct conf *conf; /* referenced; NULL before the first */
	struct entries entries;
	instances_closing_fn *closing;
	void *closing_userdata;
};

/* Blocks of these kinds, and the settings that name them, are called alike. */
static const enum postseal_kind kinds[] = {
	POSTSEAL_KIND_CHALLENGE,
	POSTSEAL_KIND_DNS,
	POSTSEAL_KIND_DEPLOY,
	POSTSEAL_KIND_NOTIFY,
};

/* --- entries -------------------------------------------------------------------------- */

static char *format_key(enum postseal_kind kind, const char *name)
{
	return xasprintf("%d %s", (int)kind, name);
}

static struct entry *entries_find(
	const struct entries *entries, enum postseal_kind kind, const char *name)
{
	_cleanup_(freep) char *key = format_key(kind, name);
	uintptr_t i = entries->by_key ? (uintptr_t)map_find(entries->by_key, key) : 0;

	return i > 0 ? &entries->entry[i - 1] : NULL;
}

static void entries_add(struct entries *entries, const struct entry *entry)
{
	_cleanup_(freep) char *key = format_key(entry->kind, entry->name);

	entries->entry =
		xreallocarray(entries->entry, entries->n + 1, sizeof(*entries->entry));
	entries->entry[entries->n++] = *entry;
	map_set(entries->by_key, key, (void *)(uintptr_t)entries->n);
}

static void entry_done(struct entry *entry)
{
	plugin_instance_close(entry->instance);
	conf_unref(entry->conf);
	free(entry->name);
}

static void entries_done(struct entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		entry_done(&entries->entry[i]);
	free(entries->entry);
	map_free(entries->by_key);
	*entries = (struct entries){ .n = 0 };
}

/* --- what a snapshot wants ------------------------------------------------------------- */

/* The block may be NULL. What is there already is left alone. */
static void want(struct entries *wanted, enum postseal_kind kind, const char *name,
	struct conf *conf, const struct conf_block *block)
{
	if (entries_find(wanted, kind, name))
		return;
	entries_add(wanted, &(struct entry){
				    .kind = kind,
				    .name = xstrdup(name),
				    .conf = conf_ref(conf),
				    .block = block,
			    });
}

static void want_blocks(struct entries *wanted, struct conf *conf)
{
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		const char *kind = plugin_kind_name(kinds[k]);
		const struct conf_block *block;

		for (size_t i = 0; (block = conf_get_block(conf, kind, i)); i++)
			want(wanted, kinds[k], conf_block_get_name(block), conf, block);
	}
}

/* Names that no plugin has ("front") are somebody else's. */
static void want_list(struct instances *instances, struct entries *wanted,
	enum postseal_kind kind, struct conf *conf, char *const *list)
{
	for (size_t i = 0; list[i]; i++) {
		if (plugin_host_find(instances->host, kind, list[i]))
			want(wanted, kind, list[i], conf, NULL);
	}
}

/* A policy that names none takes all that are installed. */
static void want_challenges(
	struct instances *instances, struct entries *wanted, struct conf *conf)
{
	const struct plugin *plugin;

	for (size_t i = 0; (plugin = plugin_host_get(instances->host, i)); i++)
		if (plugin_get_kind(plugin) == POSTSEAL_KIND_CHALLENGE)
			want(wanted, POSTSEAL_KIND_CHALLENGE, plugin_get_name(plugin),
				conf, NULL);
}

/* A policy may have lost its last domain, and answers of that may still stand. */
static void want_policies(
	struct instances *instances, struct entries *wanted, struct conf *conf)
{
	const struct conf_block *policy;

	for (size_t i = 0; (policy = conf_get_block(conf, "policy", i)); i++)
		if (conf_is_set(policy, "challenge"))
			want_list(instances, wanted, POSTSEAL_KIND_CHALLENGE, conf,
				conf_get_list(policy, "challenge"));
	for (size_t i = 0; (policy = conf_get_block(conf, "policy", i)); i++)
		want_list(instances, wanted, POSTSEAL_KIND_DNS, conf,
			conf_get_list(policy, "dns"));
}

static void want_named(
	struct instances *instances, struct entries *wanted, struct conf *conf)
{
	const struct conf_block *domain;

	want_policies(instances, wanted, conf);
	for (size_t i = 0; (domain = conf_get_block(conf, "domain", i)); i++) {
		if (conf_is_set(domain, "challenge"))
			want_list(instances, wanted, POSTSEAL_KIND_CHALLENGE, conf,
				conf_get_list(domain, "challenge"));
		else
			want_challenges(instances, wanted, conf);
		want_list(instances, wanted, POSTSEAL_KIND_DNS, conf,
			conf_get_list(domain, "dns"));
		want_list(instances, wanted, POSTSEAL_KIND_DEPLOY, conf,
			conf_get_list(domain, "deploy"));
	}
	want_list(instances, wanted, POSTSEAL_KIND_NOTIFY, conf,
		conf_get_list(conf_get_root(conf), "notify"));
}

/* --- following -------------------------------------------------------------------------- */

static bool is_same(const struct entry *a, const struct entry *b)
{
	if (!a->block || !b->block)
		return a->block == b->block;
	return conf_block_is_equal(a->block, b->block);
}

/* What goes on as it is: into the new entries with its old block and snapshot. */
static void keep_unchanged(struct entries *old, struct entries *wanted)
{
	for (size_t i = 0; i < wanted->n; i++) {
		struct entry *new_entry = &wanted->entry[i];
		struct entry *e = entries_find(old, new_entry->kind, new_entry->name);

		if (!e || !e->instance || !is_same(e, new_entry))
			continue;
		new_entry->instance = TAKE_PTR(e->instance);
		new_entry->block = e->block;
		conf_unref(new_entry->conf);
		new_entry->conf = TAKE_PTR(e->conf);
	}
}

static bool close_rest(struct instances *instances, struct entries *old)
{
	bool closed = false;

	for (size_t i = 0; i < old->n; i++) {
		struct plugin_instance *instance = old->entry[i].instance;

		if (instance && instances->closing)
			instances->closing(instance, instances->closing_userdata);
		closed |= instance != NULL;
	}
	entries_done(old);
	return closed;
}

static int open_entry(struct instances *instances, struct entry *entry, struct err *err)
{
	const char *name =
		entry->block ? conf_block_get_plugin(entry->block) : entry->name;
	const struct plugin *plugin =
		plugin_host_find(instances->host, entry->kind, name);

	if (!plugin)
		return err_set_kind(
			err, ERR_CONFIG, -ENOENT, "there is no plugin %s", name);
	return plugin_instance_open(&entry->instance, instances->host, plugin,
		entry->conf, entry->block, err);
}

static void open_missing(struct instances *instances)
{
	for (size_t i = 0; i < instances->entries.n; i++) {
		struct entry *entry = &instances->entries.entry[i];
		_cleanup_(err_done) struct err err = ERR_INIT;

		if (entry->instance || open_entry(instances, entry, &err) >= 0)
			continue;
		_cleanup_(freep) char *text = err_format(&err);
		log_error(instances->log, "%s %s: cannot be used: %s",
			plugin_kind_name(entry->kind), entry->name, text);
	}
}

bool instances_follow(struct instances *instances, struct conf *conf)
{
	struct entries wanted = { .by_key = map_new() };
	struct conf *before = instances->conf;

	want_blocks(&wanted, conf);
	want_named(instances, &wanted, conf);
	keep_unchanged(&instances->entries, &wanted);
	bool closed = close_rest(instances, &instances->entries);
	instances->entries = wanted;
	instances->conf = conf_ref(conf);
	conf_unref(before);
	open_missing(instances);
	return closed;
}

/* --- looking up -------------------------------------------------------------------------- */

struct plugin_instance *instances_find(
	const struct instances *instances, enum postseal_kind kind, const char *name)
{
	const struct entry *entry = entries_find(&instances->entries, kind, name);

	return entry ? entry->instance : NULL;
}

struct plugin_instance *instances_get(const struct instances *instances,
	enum postseal_kind kind, size_t i, const char **ret_name)
{
	for (size_t k = 0; k < instances->entries.n; k++) {
		const struct entry *entry = &instances->entries.entry[k];

		if (entry->kind != kind || !entry->instance || i-- > 0)
			continue;
		*ret_name = entry->name;
		return entry->instance;
	}
	return NULL;
}

const struct conf *instances_get_conf(const struct instances *instances)
{
	return instances->conf;
}

void instances_on_closing(
	struct instances *instances, instances_closing_fn *fn, void *userdata)
{
	instances->closing = fn;
	instances->closing_userdata = userdata;
}

struct instances *instances_new(struct plugin_host *host, const struct log_ctx *log)
{
	struct instances *instances = xnew(struct instances);

	instances->host = host;
	instances->log = log;
	return instances;
}

struct instances *instances_free(struct instances *instances)
{
	if (!instances)
		return NULL;
	close_rest(instances, &instances->entries);
	conf_unref(instances->conf);
	free(instances);
	return NULL;
}
