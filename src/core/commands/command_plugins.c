/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See command_plugins.h. */
#include "core/commands/command_plugins.h"

#include "core/commands/slot_ids.h"
#include "core/process/manager.h"
#include "util/mem.h"

/* --- plugins ------------------------------------------------------------------------- */

static json_t *format_plugin(const struct manager *m, const struct plugin *p)
{
	enum postseal_kind kind = plugin_get_kind(p);
	const char *name = plugin_get_name(p);

	return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:i}", "kind",
		plugin_kind_name(kind), "name", name, "version", plugin_get_version(p),
		"summary", plugin_get_summary(p), "path", plugin_get_path(p),
		"disabled", faults_get_reason(m->faults, kind, name), "deaths",
		(int)faults_count_deaths(m->faults, kind, name));
}

void command_plugins_list(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	const struct plugin *p;
	unsigned n_disabled = 0;

	for (size_t i = 0; (p = plugin_host_get(m->loaded.host, i)); i++) {
		n_disabled += faults_get_reason(m->faults, plugin_get_kind(p),
				      plugin_get_name(p)) != NULL;
		control_request_row(request, format_plugin(m, p));
	}
	if (n_disabled)
		control_request_end(
			request, COMMAND_ATTENTION, "%u of them disabled", n_disabled);
	else
		control_request_end(request, COMMAND_OK, "%s", "");
}

/* --- plugins enable --------------------------------------------------------------------- */

static int make_slot_due(struct manager *m, int64_t id, struct err *err)
{
	struct store_slot slot = { 0 };
	int r = store_slot_load(m->store, id, &slot, err);

	if (r == 0) {
		slot.due_usec = loop_wall_now(m->loop);
		xstrset(&slot.error, NULL);
		r = store_slot_save(m->store, &slot, err);
	}
	store_slot_done(&slot);
	return r < 0 ? r : 0;
}

static int make_due(struct manager *m, const char *domain, struct err *err)
{
	struct slot_ids slots = { .n = 0 };
	int r = slot_ids_load(&slots, m->store, domain, err);

	for (unsigned i = 0; i < slots.n && r >= 0; i++)
		r = make_slot_due(m, slots.id[i], err);
	return r;
}

/* Owned by the caller. */
static char **list_held(const struct manager *m)
{
	const struct conf_block *domain;
	char **held = NULL;

	for (size_t i = 0; (domain = conf_get_block(m->loaded.conf, "domain", i));
		i++) {
		_cleanup_(freep) char *hold =
			faults_format_hold(m->faults, m->loaded.conf, domain);
		if (hold)
			strv_append(&held, conf_block_get_name(domain));
	}
	return held;
}

/* What was held is due at once, in one transaction. */
static int release(struct manager *m, char *const *held, struct err *err)
{
	int r = store_begin(m->store, err);

	if (r < 0)
		return r;
	for (size_t i = 0; held && held[i] && r >= 0; i++)
		r = make_due(m, held[i], err);
	if (r >= 0)
		return store_commit(m->store, err);
	store_rollback(m->store);
	return r;
}

static int enable(struct manager *m, const char *name, struct err *err)
{
	_cleanup_(strv_freep) char **held = list_held(m);
	int n = faults_enable(m->faults, name, err);

	if (n <= 0)
		return n;
	instances_follow(m->instances, m->loaded.conf);
	int r = release(m, held, err);
	if (r < 0)
		return r;
	events_add(m->events, LOG_LEVEL_NOTICE, "plugin", name,
		"plugin %s is enabled by an operator", name);
	schedule_run(m->schedule);
	return n;
}

void command_plugins_enable(
	struct control_request *request, const json_t *args, void *userdata)
{
	const char *name = json_view_string(args, "name");
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = name ? enable(userdata, name, &err) : 0;

	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		control_request_end(request, COMMAND_FAILED, "%s", text);
	} else if (r == 0) {
		control_request_end(request, COMMAND_FAILED,
			"nothing stands against a plugin %s",
			name ? name : "(nothing)");
	} else {
		control_request_end(request, COMMAND_OK, "plugin %s is enabled", name);
	}
}
