/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the manager follows a configuration: at the start, and at a reload, which reload_parts
 * tells from top to bottom.
 */
#include <errno.h>

#include "core/base/steps.h"
#include "core/commands/status.h"
#include "core/process/manager_priv.h"
#include "core/wanted/draft.h"
#include "core/wanted/slots.h"
#include "core/workers/service.h"
#include "store/accepted.h"
#include "util/mem.h"

void manager_follow_host(struct manager *m)
{
	plugin_host_set_deadline(m->loaded.host,
		conf_get_duration(manager_get_root(m), "plugin_timeout"));
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

static int follow_plan(
	struct manager *m, const struct plan *plan, bool is_accepted, struct err *err)
{
	const struct slots_params params = {
		.store = m->store,
		.conf = m->loaded.conf,
		.plan = plan,
		.is_accepted = is_accepted,
		.wall_now_usec = loop_wall_now(m->loop),
	};
	struct slots_change change;
	int r = slots_follow_plan(&params, &change, err);

	if (r >= 0)
		r = served_load(m->served, err);
	if (r >= 0)
		served_follow(m->served, m->loaded.conf);
	return r;
}

int manager_follow_at_start(struct manager *m, struct err *err)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	int r = plan_new(&plan, m->store, m->loaded.conf, loop_wall_now(m->loop), err);

	if (r < 0)
		return r;
	bool is_accepted = store_accepted_is(m->store, plan->digest);
	if (!is_accepted && is_braked(plan, m->loaded.conf, &m->held_text))
		return hold_start(m, TAKE_PTR(plan), err);
	return follow_plan(m, plan, is_accepted, err);
}

/* --- reload ------------------------------------------------------------------------------------------- */

struct reload {
	struct list entry;       /* of manager.reloads; not linked once it has ended */
	struct manager *manager; /* borrowed */
	unsigned flags;
	manager_reload_fn *done; /* NULL: nobody waits, nobody has the handle */
	void *userdata;
	bool is_held;
	struct conf_report report;
	struct steps *steps;               /* owned; NULL: it waits, or has ended */
	struct draft *draft;               /* owned; NULL: it has not come to that */
	struct conf *old;                  /* a reference; what was in force before */
	char **listeners;                  /* owned; those before */
	struct slots_following *following; /* owned; NULL: it has not come to that */
	struct err store_err; /* what goes on without the store tells at the end */
	int store_r;
};

static void drop_context(const char *name, void *userdata)
{
	fleet_drop_context(userdata, name);
}

/* What is read once, at the start: better said than silently left as it was. */
static void warn_of_start_settings(
	const struct manager *m, const struct conf *conf, struct conf_report *report)
{
	const struct conf_block *old = manager_get_root(m), *now = conf_get_root(conf);
	const struct conf_setting *row;

	for (size_t i = 0; (row = conf_block_get_setting(now, i)); i++) {
		const char *file = NULL;
		unsigned line = 0;

		if (!(row->flags & CONF_AT_START) ||
			str_is_same(conf_get_text(old, row->name),
				conf_get_text(now, row->name)))
			continue;
		conf_get_place(now, row->name, &file, &line);
		conf_report_warning(report, file ? file : "postseal.conf", line,
			row->name,
			"has changed, which takes effect at the next start only");
	}
}

/* Which may take as long as it likes: nothing has changed yet. */
static int read_and_plan(void *userdata, struct err *err)
{
	struct reload *reload = userdata;
	struct manager *m = reload->manager;

	if (!reload->draft) {
		const struct draft_params params = { m->loop, &m->loaded, &m->load,
			m->store, &reload->report };
		int r = m->is_stopping
				? err_set(err, -ESHUTDOWN, "postseald is about to end")
				: store_watch_check(m->store_watch, err);
		if (r < 0)
			return r;
		reload->draft = draft_new(&params);
	}
	return draft_step(reload->draft, err);
}

static int ask_brake(void *userdata, struct err *err)
{
	struct reload *reload = userdata;
	struct manager *m = reload->manager;

	reload->is_held = !(reload->flags & MANAGER_YES) &&
			  is_braked(draft_get_plan(reload->draft),
				  draft_get_conf(reload->draft), &m->held_text);
	return reload->is_held ? -ECANCELED : 0;
}

static int prepare_listeners(void *userdata, struct err *err)
{
	struct reload *reload = userdata;
	struct manager *m = reload->manager;
	struct conf *conf = draft_get_conf(reload->draft);
	int r = listeners_prepare(m->listeners, conf, err);

	if (r >= 0)
		warn_of_start_settings(m, conf, &reload->report);
	return MIN(r, 0);
}

/* From here on nothing may fail but the store: what could has been done before. */
static int put_in_force(void *userdata, struct err *err)
{
	struct reload *reload = userdata;
	struct manager *m = reload->manager;
	struct conf *conf = conf_ref(draft_get_conf(reload->draft));

	reload->old = m->loaded.conf;
	reload->listeners = fleet_list_listeners(m->fleet);
	schedule_pause(m->schedule);
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
	records_follow(m->records, conf);
	events_follow_notifiers(m->events);
	authorities_follow(m->authorities, conf);
	clock_watch_set_tolerance(
		m->clock, conf_get_duration(manager_get_root(m), "clock_tolerance"));
	fleet_set_ticket_rotation(
		m->fleet, conf_get_duration(manager_get_root(m), "ticket_rotation"));
	listeners_commit(m->listeners);
	log_set_level((enum log_level)(
		LOG_LEVEL_ERROR + conf_get_int(manager_get_root(m), "log_level")));
	return 0;
}

static int keep_error(struct reload *reload, int r, struct err *err)
{
	if (r >= 0)
		return r;
	reload->store_r = r;
	err_move(&reload->store_err, err);
	return 0;
}

/* Slots whose jobs go on have the same slice as before. */
static int follow_slots(void *userdata, struct err *err)
{
	struct reload *reload = userdata;
	struct manager *m = reload->manager;

	if (!reload->following) {
		const struct slots_params params = {
			.store = m->store,
			.conf = m->loaded.conf,
			.plan = draft_get_plan(reload->draft),
			.is_accepted = reload->flags & MANAGER_YES,
			.wall_now_usec = loop_wall_now(m->loop),
		};
		reload->following = slots_following_new(&params);
	}
	int r = slots_following_step(reload->following, err);
	return keep_error(reload, r, err);
}

static int index_served(void *userdata, struct err *err)
{
	struct reload *reload = userdata;

	if (reload->store_r < 0)
		return 0;
	int r = served_load_step(reload->manager->served, err);
	return keep_error(reload, r, err);
}

static int tell_workers(void *userdata, struct err *err)
{
	struct reload *reload = userdata;
	struct manager *m = reload->manager;

	if (reload->store_r >= 0)
		served_follow(m->served, m->loaded.conf);
	fleet_update_names(m->fleet);
	served_each_changed(m->served, drop_context, m->fleet);
	fleet_update_listeners(m->fleet, reload->listeners);
	return 0;
}

static int take_up_work(void *userdata, struct err *err)
{
	struct reload *reload = userdata;
	struct manager *m = reload->manager;
	const struct slots_change *change =
		slots_following_get_change(reload->following);

	authorities_resume(m->authorities, m->loaded.conf);
	leftovers_run(m->leftovers);
	revocations_run(m->revocations);
	if (reload->store_r >= 0)
		events_add(m->events, LOG_LEVEL_INFO, "reload", NULL,
			"configuration in force: %u slots added, %u changed, %u removed",
			change->added, change->changed, change->removed);
	else
		err_move(err, &reload->store_err);
	return reload->store_r;
}

/* The whole of it. */
static steps_part_fn *const reload_parts[] = {
	read_and_plan,
	ask_brake,
	prepare_listeners,
	put_in_force,
	follow_slots,
	index_served,
	tell_workers,
	take_up_work,
	NULL,
};

/* --- one after the other ------------------------------------------------------------------------------ */

static struct reload *reload_free(struct reload *reload)
{
	list_remove(&reload->entry);
	steps_cancel(reload->steps);
	slots_following_free(reload->following);
	draft_free(reload->draft);
	conf_unref(reload->old);
	strv_free(reload->listeners);
	conf_report_done(&reload->report);
	err_done(&reload->store_err);
	free(reload);
	return NULL;
}

static void tell_refusal(struct reload *reload, const struct err *err)
{
	struct manager *m = reload->manager;
	size_t n = reload->report.n_errors;
	_cleanup_(freep) char *text =
		n > 0 ? xasprintf("%zu error%s", n, n == 1 ? "" : "s")
		      : err_format(err);

	if (reload->is_held)
		events_add(m->events, LOG_LEVEL_WARNING, "held", NULL,
			"the configuration in force stays: %s", m->held_text);
	else if (reload->old)
		events_add(m->events, LOG_LEVEL_ERROR, "reload", NULL,
			"in force, but not all of it is stored, which another reload or "
			"a start makes up for: %s",
			text);
	else
		events_add(m->events, LOG_LEVEL_ERROR, "reload", NULL,
			"refused, the configuration in force stays: %s", text);
}

static void begin_first(struct manager *m);

static void end_reload(struct reload *reload, int r, const struct err *err)
{
	struct manager *m = reload->manager;

	if (r < 0)
		tell_refusal(reload, err);
	if (reload->old)
		schedule_resume(m->schedule);
	served_load_cancel(m->served);
	reload->steps = steps_cancel(reload->steps);
	list_remove(&reload->entry);
	if (!m->is_stopping) {
		_cleanup_(freep) char *line = status_format_line(m);
		service_ready(m->service, line);
	}
	manager_reload_fn *done = TAKE_PTR(reload->done);
	if (done) {
		done(reload->is_held ? MANAGER_E_HELD : r, &reload->report, err,
			reload->userdata);
	} else {
		manager_log_report(m, &reload->report);
		reload_free(reload);
	}
	begin_first(m);
}

static void on_parts_done(int r, const struct err *err, void *userdata)
{
	end_reload(userdata, r, err);
}

static void begin_first(struct manager *m)
{
	if (list_is_empty(&m->reloads))
		return;
	struct reload *reload = list_entry(m->reloads.next, struct reload, entry);
	const struct steps_params params = {
		.loop = m->loop,
		.parts = reload_parts,
		.done = on_parts_done,
		.userdata = reload,
	};

	if (reload->steps)
		return;
	if (!m->is_stopping)
		service_reloading(m->service, loop_now(m->loop));
	reload->steps = steps_start(&params);
}

static bool is_waiting_already(const struct manager *m)
{
	const struct reload *reload;

	list_foreach(reload, &m->reloads, entry)
		if (!reload->steps && !reload->done && !reload->flags)
			return true;
	return false;
}

struct reload *manager_reload(
	struct manager *m, unsigned flags, manager_reload_fn *done, void *userdata)
{
	/* Who only sends signals may send many. */
	if (!done && !flags && is_waiting_already(m))
		return NULL;
	struct reload *reload = xnew(struct reload);
	reload->manager = m;
	reload->flags = flags;
	reload->done = done;
	reload->userdata = userdata;
	conf_report_init(&reload->report);
	list_append(&m->reloads, &reload->entry);
	begin_first(m);
	return done ? reload : NULL;
}

struct reload *manager_forget_reload(struct reload *reload)
{
	if (!reload)
		return NULL;
	reload->done = NULL;
	return list_is_empty(&reload->entry) ? reload_free(reload) : NULL;
}

void manager_end_reloads(struct manager *m)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	err_set(&err, -ESHUTDOWN, "postseald is about to end");
	while (!list_is_empty(&m->reloads))
		end_reload(list_entry(m->reloads.next, struct reload, entry),
			-ESHUTDOWN, &err);
}

void manager_free_reloads(struct manager *m)
{
	while (!list_is_empty(&m->reloads))
		reload_free(list_entry(m->reloads.next, struct reload, entry));
}
