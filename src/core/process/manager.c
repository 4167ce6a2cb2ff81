/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See manager.h. Start and stop are each told in one function from top to bottom.
 * manager_build.c tells what it is made of, manager_reload.c and manager_upgrade.c how it
 * changes in between.
 */
#include <signal.h>

#include "core/commands/commands.h"
#include "core/commands/status.h"
#include "core/process/manager_priv.h"
#include "core/workers/last_good.h"
#include "core/workers/service.h"
#include "util/mem.h"

#define CONTROL "control"

/* --- for its other files ------------------------------------------------------------------ */

void manager_log_report(struct manager *m, const struct conf_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		_cleanup_(freep) char *text =
			conf_report_format_entry(&report->entry[i]);

		if (report->entry[i].is_error)
			log_error(&m->log, "%s", text);
		else
			log_warning(&m->log, "%s", text);
	}
}

char *manager_format_run_path(const struct manager *m, const char *name)
{
	return xasprintf(
		"%s/%s", conf_get_string(manager_get_root(m), "run_directory"), name);
}

/* --- signals and control socket ------------------------------------------------------------------------------------ */

static void on_hangup(int signo, void *userdata)
{
	manager_reload(userdata, 0, NULL, NULL);
}

static void on_terminate(int signo, void *userdata)
{
	manager_stop(userdata);
}

static int open_signals(struct manager *m, struct err *err)
{
	int r = loop_signal_new(&m->signals[0], m->loop, SIGTERM, on_terminate, m, err);

	if (r >= 0)
		r = loop_signal_new(
			&m->signals[1], m->loop, SIGINT, on_terminate, m, err);
	if (r >= 0)
		r = loop_signal_new(&m->signals[2], m->loop, SIGHUP, on_hangup, m, err);
	return r;
}

static int open_control(struct manager *m, struct err *err)
{
	_cleanup_(freep) char *path = manager_format_run_path(m, CONTROL);
	struct control_params params = {
		.loop = m->loop,
		.socket_path = path,
		.table = commands_table,
		.userdata = m,
		.log = &m->log,
	};

	return control_new(&m->control, &params, err);
}

/* --- start ------------------------------------------------------------------------------------------ */

/* How we came to be here, if not by an orderly start. */
static void tell_origin(struct manager *m)
{
	if (m->is_upgraded)
		events_add(m->events, LOG_LEVEL_NOTICE, "upgrade", NULL,
			"done, postseal %s goes on in the place of the one before",
			PACKAGE_VERSION);
	else if (orphans_were_left(m->orphans))
		events_add(m->events, LOG_LEVEL_NOTICE, "takeover", NULL,
			"the manager before this one was killed, and this one has taken "
			"over; workers of it that still serve are drained");
}

static void tell_start(struct manager *m)
{
	events_add(m->events, LOG_LEVEL_INFO, "started", NULL,
		"postseal %s serves %zu names at %zu listeners", PACKAGE_VERSION,
		served_count(m->served), conf_count_blocks(m->loaded.conf, "listener"));
	tell_origin(m);
	if (m->held)
		events_add(m->events, LOG_LEVEL_WARNING, "held", NULL,
			"started, and what the configuration would change is left "
			"alone: %s",
			m->held_text);
	if (m->n_taken_up > 0)
		events_add(m->events, LOG_LEVEL_NOTICE, "resumed", NULL,
			"%u certificate%s under way at the last end, and taken up again",
			m->n_taken_up, m->n_taken_up == 1 ? " was" : "s were");
}

static void on_fleet_ready(const struct err *err, void *userdata)
{
	struct manager *m = userdata;

	if (err) {
		_cleanup_(freep) char *text = err_format(err);
		log_error(&m->log, "%s", text);
		loop_exit(m->loop, 1);
		return;
	}
	m->is_ready = true;
	orphans_drain(
		m->orphans, conf_get_duration(manager_get_root(m), "drain_timeout"));
	_cleanup_(freep) char *line = status_format_line(m);
	service_ready(m->service, line);
	tell_start(m);
	if (m->rescue) {
		events_add(m->events, LOG_LEVEL_ERROR, "rescue", NULL, "%s",
			rescue_get_text(m->rescue));
		rescue_look(m->rescue, manager_leave_rescue, m);
	}
	if (m->last_good)
		last_good_follow(m->last_good);
	loop_timer_set_after(m->status_timer, USEC_PER_SEC);
	authorities_resume(m->authorities, m->loaded.conf);
	leftovers_run(m->leftovers);
	revocations_run(m->revocations);
	schedule_run(m->schedule);
}

int manager_start(struct manager *m, struct err *err)
{
	int r = open_signals(m, err);

	if (r >= 0)
		r = open_control(m, err);
	if (r >= 0)
		r = fleet_start(m->fleet, on_fleet_ready, m, err);
	if (r >= 0)
		service_feed_watchdog(m->service);
	return r;
}

/* --- stop ------------------------------------------------------------------------------------------------ */

static void on_drained(void *userdata)
{
	struct manager *m = userdata;

	if (--m->n_ending > 0)
		return;
	events_add(m->events, LOG_LEVEL_INFO, "stopped", NULL, "postseal %s has ended",
		PACKAGE_VERSION);
	loop_exit(m->loop, 0);
}

void manager_stop(struct manager *m)
{
	if (m->is_stopping) {
		loop_exit(m->loop, 0);
		return;
	}
	m->is_stopping = true;
	manager_end_reloads(m);
	service_stopping(m->service, "waiting for live sessions to end");
	schedule_stop(m->schedule);
	usec_t timeout = conf_get_duration(manager_get_root(m), "drain_timeout");
	m->n_ending = 2;
	fleet_drain(m->fleet, timeout, on_drained, m);
	orphans_stop(m->orphans, timeout, on_drained, m);
}
