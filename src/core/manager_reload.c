/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the manager follows a configuration: at the start, and at a reload, told from top to
 * bottom by reload().
 */
#include <errno.h>
#include <string.h>

#include "core/manager_priv.h"
#include "core/service.h"
#include "core/slots.h"
#include "core/status.h"
#include "util/mem.h"

void manager_follow_host(struct manager *m)
{
	plugin_host_set_deadline(m->loaded.host,
		conf_get_duration(manager_get_root(m), "plugin_timeout"));
}

/* The store follows the plan, and the index follows both. */
static int follow_store(struct manager *m, const struct plan *plan,
	struct slots_change *change, struct err *err)
{
	int r = slots_follow_plan(m->store, plan, loop_wall_now(m->loop), change, err);

	if (r >= 0)
		r = served_load(m->served, err);
	if (r >= 0)
		served_follow(m->served, m->loaded.conf);
	return r;
}

static bool is_braked(const struct plan *plan, const struct conf *conf, char **ret_text)
{
	int64_t percent = conf_get_int(conf_get_root(conf), "change_brake");

	if (!plan_is_braked(plan, percent))
		return false;
	free(*ret_text);
	*ret_text = plan_format_brake(plan, percent);
	return true;
}

/* Nobody could say yes to a start: what is served stays, and what would have changed is
 * left alone until somebody does. */
static int hold_start(struct manager *m, struct plan *plan, struct err *err)
{
	m->held = plan;
	int r = served_load(m->served, err);
	if (r < 0)
		return r;
	served_follow(m->served, m->loaded.conf);
	served_keep(m->served);
	return 0;
}

int manager_follow_at_start(struct manager *m, struct err *err)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct slots_change change;
	int r = plan_new(&plan, m->store, m->loaded.conf, loop_wall_now(m->loop), err);

	if (r < 0)
		return r;
	if (is_braked(plan, m->loaded.conf, &m->held_text))
		return hold_start(m, TAKE_PTR(plan), err);
	return follow_store(m, plan, &change, err);
}

/* --- reload ------------------------------------------------------------------------------------------- */

static void drop_context(const char *name, void *userdata)
{
	fleet_drop_context(userdata, name);
}

/* From here on nothing may fail but the store: what could has been done before. */
static int put_in_force(
	struct manager *m, struct conf *conf, const struct plan *plan, struct err *err)
{
	_cleanup_(strv_freep) char **before = fleet_list_listeners(m->fleet);
	struct conf *old = m->loaded.conf;
	struct slots_change change;

	schedule_follow(m->schedule, conf, false);
	leftovers_stop(m->leftovers);
	revocations_stop(m->revocations);
	m->loaded.conf = conf;
	m->env.conf = conf;
	m->env.held = NULL;
	m->held = plan_free(m->held);
	xstrset(&m->held_text, NULL);
	manager_follow_host(m);
	if (instances_follow(m->instances, conf))
		schedule_follow(m->schedule, conf, true);
	events_follow_notifiers(m->events);
	authorities_follow(m->authorities, conf);
	clock_watch_set_tolerance(
		m->clock, conf_get_duration(manager_get_root(m), "clock_tolerance"));
	listeners_commit(m->listeners);
	log_set_level((enum log_level)(
		LOG_LEVEL_ERROR + conf_get_int(manager_get_root(m), "log_level")));
	int r = follow_store(m, plan, &change, err);
	fleet_update_names(m->fleet);
	served_each_changed(m->served, drop_context, m->fleet);
	fleet_update_listeners(m->fleet, before);
	if (r >= 0)
		events_add(m->events, LOG_LEVEL_INFO, "reload", NULL,
			"configuration in force: %u slots added, %u changed, %u removed",
			change.added, change.changed, change.removed);
	authorities_resume(m->authorities, conf);
	leftovers_run(m->leftovers);
	revocations_run(m->revocations);
	schedule_run(m->schedule);
	conf_unref(old);
	return r;
}

/* What is read once, at the start: better said than silently left as it was. */
static void warn_of_start_settings(
	const struct manager *m, const struct conf *conf, struct conf_report *report)
{
	static const char *const names[] = { "workers", "max_connections",
		"context_cache", "events_keep", "state_directory", "run_directory",
		"program_directory" };
	const struct conf_block *now = conf_get_root(conf);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *file = NULL;
		unsigned line = 0;

		if (strcmp(conf_get_text(manager_get_root(m), names[i]),
			    conf_get_text(now, names[i])) == 0)
			continue;
		conf_get_place(now, names[i], &file, &line);
		conf_report_warning(report, file ? file : "postseal.conf", line,
			names[i],
			"has changed, which takes effect at the next start only");
	}
}

int manager_plan(struct manager *m, struct conf **ret_conf, struct plan **ret,
	struct conf_report *report, struct err *err)
{
	_cleanup_(conf_unrefp) struct conf *conf = NULL;
	int r = load_again(&conf, &m->loaded, &m->load, report);

	if (r >= 0)
		r = plan_new(ret, m->store, conf, loop_wall_now(m->loop), err);
	if (r < 0)
		return r;
	*ret_conf = TAKE_PTR(conf);
	return 0;
}

static int reload(
	struct manager *m, unsigned flags, struct conf_report *report, struct err *err)
{
	_cleanup_(conf_unrefp) struct conf *conf = NULL;
	_cleanup_(plan_freep) struct plan *plan = NULL;

	if (m->is_stopping)
		return err_set(err, -ESHUTDOWN, "postseald is about to end");
	int r = store_watch_check(m->store_watch, err);
	if (r >= 0)
		r = manager_plan(m, &conf, &plan, report, err);
	if (r < 0)
		return r;
	if (!(flags & MANAGER_YES) && is_braked(plan, conf, &m->held_text))
		return MANAGER_E_HELD;
	r = listeners_prepare(m->listeners, conf, err);
	if (r < 0)
		return r;
	warn_of_start_settings(m, conf, report);
	return put_in_force(m, TAKE_PTR(conf), plan, err);
}

int manager_reload(
	struct manager *m, unsigned flags, struct conf_report *report, struct err *err)
{
	_cleanup_(freep) char *line = NULL;

	service_reloading(m->service, loop_now(m->loop));
	int r = reload(m, flags, report, err);
	if (r < 0) {
		_cleanup_(freep) char *text =
			err && err_is_set(err)
				? err_format(err)
				: xasprintf("%zu error%s", report->n_errors,
					  report->n_errors == 1 ? "" : "s");
		events_add(m->events, LOG_LEVEL_ERROR, "reload", NULL,
			"refused, the configuration in force stays: %s", text);
	}
	if (r == MANAGER_E_HELD)
		events_add(m->events, LOG_LEVEL_WARNING, "held", NULL,
			"the configuration in force stays: %s", m->held_text);
	line = status_format_line(m);
	service_ready(m->service, line);
	return r;
}
