/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See manager.h. Start, reload and stop are each told in one function from top to
 * bottom; what is freed is freed in the reverse order of its start.
 */
#include "core/manager.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/commands.h"
#include "core/last_good.h"
#include "core/service.h"
#include "core/slots.h"
#include "core/status.h"
#include "util/mem.h"

#define STATUS_USEC (30 * USEC_PER_SEC)
/* For workers of a dead manager to come, when they hold an address that we want. */
#define CLAIM_USEC (2 * USEC_PER_SEC)
#define CALL_NOTE  STORE_FILE "-call"
#define CONTROL    "control"
#define RENDEZVOUS "link"
#define WORKER     "postseal-front"

/* --- small things ------------------------------------------------------------------------ */

static const struct conf_block *root(const struct manager *m)
{
	return conf_get_root(m->loaded.conf);
}

static void log_report(struct manager *m, const struct conf_report *report)
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

static int make_directory(const char *path, mode_t mode, struct err *err)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_set(err, -errno, "cannot make the folder %s: %s", path,
			strerror(errno));
	return 0;
}

static void update_status(struct manager *m)
{
	_cleanup_(freep) char *line = status_format_line(m);

	service_status(m->service, line);
}

/* What was removed a month ago, once a day. */
static void forget_removed(struct manager *m)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (loop_now(m->loop) < m->forget_usec)
		return;
	m->forget_usec = usec_add(loop_now(m->loop), USEC_PER_DAY);
	if (m->last_good)
		last_good_follow(m->last_good);
	if (store_slot_forget(m->store, loop_wall_now(m->loop), &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(&m->log, "removed slots are not forgotten: %s", text);
}

static void on_status_timer(struct loop_timer *timer, void *userdata)
{
	forget_removed(userdata);
	update_status(userdata);
	loop_timer_set_after(timer, STATUS_USEC);
}

static struct authority *get_authority(
	const struct conf_block *block, void *userdata, struct err *err)
{
	struct manager *m = userdata;

	return authorities_get(m->authorities, m->loaded.conf, block, err);
}

/* What the plugins' host takes from the configuration in force. */
static void follow_host(struct manager *m)
{
	plugin_host_set_deadline(
		m->loaded.host, conf_get_duration(root(m), "plugin_timeout"));
}

/* --- building, in the order of dependence --------------------------------------------------- */

static int load(struct manager *m, struct err *err)
{
	_cleanup_(conf_report_done) struct conf_report report;
	int r;

	conf_report_init(&report);
	m->load.loop = m->loop;
	m->load.http = m->http;
	m->load.backing = publication_get(m->publication);
	m->load.noter = faults_get_noter(m->faults);
	m->load.log = &m->log;
	r = load_configuration(&m->loaded, &m->load, &report);
	log_report(m, &report);
	if (r >= 0)
		return 0;
	return err_set_kind(err, ERR_CONFIG, -EINVAL,
		"the configuration has %zu error(s)", report.n_errors);
}

static int open_http(struct manager *m, struct err *err)
{
	const struct http_client_params params = {
		.user_agent = "postseal/" PACKAGE_VERSION,
		.max_connections = 4,
	};

	return http_client_new(&m->http, m->loop, &params, err);
}

static int open_store(struct manager *m, struct err *err)
{
	const char *directory = conf_get_string(root(m), "state_directory");
	_cleanup_(freep) char *note = xasprintf("%s/%s", directory, CALL_NOTE);
	const struct rescue_params params = { m->loop, directory, &m->log };
	int r = make_directory(directory, 0700, err);

	if (r >= 0)
		r = rescue_open_store(&m->store, &m->rescue, &params, err);
	if (r >= 0)
		r = faults_open(m->faults, m->store, m->loaded.host, note, err);
	return r;
}

static char *format_run_path(const struct manager *m, const char *name)
{
	return xasprintf("%s/%s", conf_get_string(root(m), "run_directory"), name);
}

static int open_rendezvous(struct manager *m, struct err *err)
{
	_cleanup_(freep) char *path = format_run_path(m, RENDEZVOUS);
	const struct orphans_params params = {
		.loop = m->loop,
		.path = path,
		.lookup = served_lookup,
		.userdata = m->served,
		.log = &m->log,
	};
	int r = make_directory(conf_get_string(root(m), "run_directory"), 0755, err);

	if (r >= 0)
		r = orphans_new(&m->orphans, &params, err);
	if (r >= 0 && upgrade_take_mark())
		orphans_adopt_children(m->orphans);
	return r;
}

static void on_claimed(int fd, void *userdata)
{
	struct manager *m = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (service_adopt_socket(m->listeners, LISTENERS_KEPT, fd, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_warning(&m->log, "worker of an earlier manager: %s", text);
}

static void on_claim(void *userdata)
{
	struct manager *m = userdata;

	orphans_take_sockets(m->orphans, CLAIM_USEC, on_claimed, m);
}

static int open_listeners(struct manager *m, struct err *err)
{
	int r = service_adopt_sockets(m->listeners, err);

	if (r < 0)
		return r;
	listeners_set_claim(m->listeners, on_claim, m);
	r = listeners_prepare(m->listeners, m->loaded.conf, err);
	listeners_set_claim(m->listeners, NULL, NULL);
	if (r >= 0)
		listeners_commit(m->listeners);
	return r;
}

static int open_fleet(struct manager *m, struct err *err)
{
	_cleanup_(freep) char *program = xasprintf(
		"%s/%s", conf_get_string(root(m), "program_directory"), WORKER);
	_cleanup_(freep) char *rendezvous = format_run_path(m, RENDEZVOUS);
	unsigned n = (unsigned)conf_get_int(root(m), "workers");
	long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct fleet_params params = {
		.loop = m->loop,
		.program = program,
		.n_workers = n > 0 ? n : (unsigned)MAX(n_cores, 1),
		.listeners = m->listeners,
		.lookup = served_lookup,
		.names = served_each_name,
		.userdata = m->served,
		.rendezvous = rendezvous,
		.generation = m->started_usec,
		.max_contexts = (uint64_t)conf_get_int(root(m), "context_cache"),
		.max_connections = (uint64_t)conf_get_int(root(m), "max_connections"),
		.log = &m->log,
	};

	return fleet_new(&m->fleet, &params, err);
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

static int follow_at_start(struct manager *m, struct err *err)
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

static int open_state(struct manager *m, struct err *err)
{
	int r = open_store(m, err);

	if (r < 0)
		return r;
	m->served = served_new(m->store);
	r = follow_at_start(m, err);
	if (r >= 0)
		r = slots_recover(m->store, loop_wall_now(m->loop), err);
	if (r > 0)
		m->n_taken_up = (unsigned)r;
	if (r >= 0)
		r = store_slot_rewind(m->store, loop_wall_now(m->loop), err);
	return r < 0 ? r : 0;
}

/* What was put off by a clock that was ahead must not wait for that time. */
static void on_clock_set(usec_t back_usec, void *userdata)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct manager *m = userdata;
	int r = 0;

	if (back_usec > USEC_PER_SEC)
		r = store_slot_rewind(m->store, loop_wall_now(m->loop), &err);
	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(&m->log, "the clock was set back: %s", text);
	}
	log_info(&m->log, "the clock was set");
	schedule_run(m->schedule);
	update_status(m);
}

static int open_clock(struct manager *m, struct err *err)
{
	const struct clock_watch_params params = {
		.loop = m->loop,
		.events = m->events,
		.tolerance_usec = conf_get_duration(root(m), "clock_tolerance"),
		.on_set = on_clock_set,
		.userdata = m,
	};

	return clock_watch_new(&m->clock, &params, err);
}

/* What it stopped in the middle is taken up at once. */
static void on_store_well(void *userdata)
{
	struct manager *m = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (slots_recover(m->store, loop_wall_now(m->loop), &err) < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(&m->log, "slots that were under way: %s", text);
	}
	leftovers_run(m->leftovers);
	schedule_run(m->schedule);
	update_status(m);
}

static void open_store_watch(struct manager *m)
{
	const struct store_watch_params params = {
		.loop = m->loop,
		.store = m->store,
		.events = m->events,
		.on_well = on_store_well,
		.userdata = m,
	};

	m->store_watch = store_watch_new(&params);
}

static void open_copy(struct manager *m)
{
	const struct last_good_params params = {
		.loop = m->loop,
		.store = m->store,
		.directory = conf_get_string(root(m), "state_directory"),
		.log = &m->log,
	};

	if (!m->rescue)
		m->last_good = last_good_new(&params);
}

static int open_work(struct manager *m, struct err *err)
{
	struct events_params events = {
		.instances = m->instances,
		.store = m->store,
		.loop = m->loop,
		.log = &m->log,
		.keep = (unsigned)conf_get_int(root(m), "events_keep"),
	};

	m->events = events_new(&events);
	open_store_watch(m);
	int r = open_clock(m, err);
	if (r < 0)
		return r;
	struct authorities_params authorities = {
		.loop = m->loop,
		.store = m->store,
		.events = m->events,
		.clock = m->clock,
		.log = &m->log,
	};
	m->authorities = authorities_new(&authorities);
	struct leftovers_params leftovers = {
		.loop = m->loop,
		.store = m->store,
		.instances = m->instances,
		.log = &m->log,
	};
	m->leftovers = leftovers_new(&leftovers);
	open_copy(m);
	m->env = (struct job_env){
		.loop = m->loop,
		.store = m->store,
		.conf = m->loaded.conf,
		.events = m->events,
		.clock = m->clock,
		.store_watch = m->store_watch,
		.instances = m->instances,
		.served = m->served,
		.leftovers = m->leftovers,
		.last_good = m->last_good,
		.fleet = m->fleet,
		.listeners = m->listeners,
		.faults = m->faults,
		.get_authority = get_authority,
		.userdata = m,
		.held = m->held,
		.log = &m->log,
	};
	m->schedule = schedule_new(&m->env);
	if (m->rescue)
		schedule_hold(m->schedule, rescue_get_text(m->rescue));
	return 0;
}

static int open_control(struct manager *m, struct err *err)
{
	_cleanup_(freep) char *path = format_run_path(m, CONTROL);
	struct control_params params = {
		.loop = m->loop,
		.socket_path = path,
		.table = commands_table,
		.userdata = m,
		.log = &m->log,
	};

	return control_new(&m->control, &params, err);
}

/* --- signals ------------------------------------------------------------------------------------ */

static void on_hangup(int signo, void *userdata)
{
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct manager *m = userdata;

	conf_report_init(&report);
	manager_reload(m, 0, &report, &err);
	log_report(m, &report);
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

/* --- the object ----------------------------------------------------------------------------------- */

static void open_plumbing(struct manager *m)
{
	m->service = service_new(m->loop);
	m->listeners = listeners_new(&m->log);
	listeners_set_service(m->listeners, m->service);
	struct publication_params publication = {
		.loop = m->loop,
		.fleet = &m->fleet,
		.listeners = m->listeners,
		.store = &m->store,
		.http = m->http,
	};
	m->publication = publication_new(&publication);
	m->faults = faults_new(&m->log);
	m->status_timer = loop_timer_new(m->loop, on_status_timer, m);
}

int manager_new(struct manager **ret, struct loop *loop,
	const struct load_params *params, struct err *err)
{
	_cleanup_(manager_freep) struct manager *m = xnew(struct manager);
	int r;

	m->loop = loop;
	m->load = *params;
	m->log = (struct log_ctx){ NULL, NULL, NULL };
	m->started_usec = loop_now(loop);
	r = open_http(m, err);
	if (r < 0)
		return r;
	open_plumbing(m);
	r = load(m, err);
	if (r < 0)
		return r;
	log_set_level(
		(enum log_level)(LOG_LEVEL_ERROR + conf_get_int(root(m), "log_level")));
	r = open_state(m, err);
	if (r >= 0)
		r = open_rendezvous(m, err);
	if (r >= 0)
		r = open_listeners(m, err);
	if (r >= 0)
		r = open_fleet(m, err);
	if (r < 0)
		return r;
	m->instances = instances_new(m->loaded.host, &m->log);
	r = open_work(m, err);
	if (r < 0)
		return r;
	follow_host(m);
	faults_tell(m->faults, m->events);
	instances_follow(m->instances, m->loaded.conf);
	*ret = TAKE_PTR(m);
	return 0;
}

struct manager *manager_free(struct manager *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(m->signals); i++)
		loop_signal_free(m->signals[i]);
	loop_timer_free(m->status_timer);
	control_free(m->control);
	schedule_free(m->schedule);
	leftovers_free(m->leftovers);
	last_good_free(m->last_good);
	authorities_free(m->authorities);
	clock_watch_free(m->clock);
	store_watch_free(m->store_watch);
	events_free(m->events);
	instances_free(m->instances);
	upgrade_check_cancel(m->upgrade);
	if (m->fleet && m->is_upgrading)
		fleet_leave(m->fleet);
	m->fleet = fleet_free(m->fleet);
	if (m->orphans && m->is_stopping)
		orphans_end(m->orphans);
	orphans_free(m->orphans);
	served_free(m->served);
	loaded_done(&m->loaded);
	faults_free(m->faults);
	publication_free(m->publication);
	listeners_free(m->listeners);
	service_free(m->service);
	store_close(m->store);
	plan_free(m->held);
	free(m->held_text);
	rescue_free(m->rescue);
	http_client_free(m->http);
	free(m);
	return NULL;
}

/* --- start ------------------------------------------------------------------------------------------ */

/* If it refuses, it stays as it is until somebody restarts us. */
static void on_rescued(const char *error, void *userdata)
{
}

/* By executing ourselves anew: sessions go on, and all begins with the database. */
static void on_rescue_over(void *userdata)
{
	struct manager *m = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	log_notice(&m->log, "the database can be used again");
	if (manager_upgrade(m, on_rescued, m, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(&m->log, "restart postseal to use the database again: %s", text);
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
	orphans_drain(m->orphans, conf_get_duration(root(m), "drain_timeout"));
	_cleanup_(freep) char *line = status_format_line(m);
	service_ready(m->service, line);
	events_add(m->events, LOG_LEVEL_INFO, "started", NULL,
		"postseal %s serves %zu names at %zu listeners", PACKAGE_VERSION,
		served_count(m->served), conf_count_blocks(m->loaded.conf, "listener"));
	if (m->held)
		events_add(m->events, LOG_LEVEL_WARNING, "held", NULL,
			"started, and what the configuration would change is left "
			"alone: %s",
			m->held_text);
	if (m->n_taken_up > 0)
		events_add(m->events, LOG_LEVEL_NOTICE, "resumed", NULL,
			"%u certificate%s under way at the last end, and taken up again",
			m->n_taken_up, m->n_taken_up == 1 ? " was" : "s were");
	if (m->rescue) {
		events_add(m->events, LOG_LEVEL_ERROR, "rescue", NULL, "%s",
			rescue_get_text(m->rescue));
		rescue_look(m->rescue, on_rescue_over, m);
	}
	if (m->last_good)
		last_good_follow(m->last_good);
	loop_timer_set_after(m->status_timer, USEC_PER_SEC);
	leftovers_run(m->leftovers);
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
	m->loaded.conf = conf;
	m->env.conf = conf;
	m->env.held = NULL;
	m->held = plan_free(m->held);
	xstrset(&m->held_text, NULL);
	follow_host(m);
	if (instances_follow(m->instances, conf))
		schedule_follow(m->schedule, conf, true);
	authorities_follow(m->authorities, conf);
	clock_watch_set_tolerance(
		m->clock, conf_get_duration(root(m), "clock_tolerance"));
	listeners_commit(m->listeners);
	log_set_level(
		(enum log_level)(LOG_LEVEL_ERROR + conf_get_int(root(m), "log_level")));
	int r = follow_store(m, plan, &change, err);
	fleet_update_names(m->fleet);
	served_each_changed(m->served, drop_context, m->fleet);
	fleet_update_listeners(m->fleet, before);
	if (r >= 0)
		events_add(m->events, LOG_LEVEL_INFO, "reload", NULL,
			"configuration in force: %u slots added, %u changed, %u removed",
			change.added, change.changed, change.removed);
	leftovers_run(m->leftovers);
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

		if (strcmp(conf_get_text(root(m), names[i]),
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

/* --- upgrade --------------------------------------------------------------------------------------------- */

/* RELOADING until the new image is ready. What is written to who asked leaves first. */
static void leave_for_exec(struct manager *m)
{
	events_add(m->events, LOG_LEVEL_NOTICE, "upgrade", NULL,
		"postseal %s gives way to what is installed at %s", PACKAGE_VERSION,
		m->self->program);
	m->is_upgrading = true;
	service_reloading(m->service, loop_now(m->loop));
	loop_exit(m->loop, 0);
}

static void on_upgrade_checked(const char *error, void *userdata)
{
	struct manager *m = userdata;
	upgrade_done_fn *done = TAKE_PTR(m->upgrade_done);

	if (!error && m->is_stopping)
		error = "postseald is about to end";
	if (error)
		events_add(m->events, LOG_LEVEL_ERROR, "upgrade", NULL,
			"refused, postseal %s goes on: %s", PACKAGE_VERSION, error);
	done(error, m->upgrade_userdata);
	m->upgrade = upgrade_check_cancel(m->upgrade);
	if (!error)
		leave_for_exec(m);
}

int manager_upgrade(
	struct manager *m, upgrade_done_fn *done, void *userdata, struct err *err)
{
	if (m->upgrade || m->is_upgrading)
		return err_set(err, -EBUSY, "an upgrade is under way");
	if (m->is_stopping)
		return err_set(err, -ESHUTDOWN, "postseald is about to end");
	m->upgrade_done = done;
	m->upgrade_userdata = userdata;
	return upgrade_check_start(
		&m->upgrade, m->loop, m->self, on_upgrade_checked, m, err);
}

void manager_cancel_upgrade(struct manager *m)
{
	m->upgrade = upgrade_check_cancel(m->upgrade);
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
	service_stopping(m->service, "waiting for live sessions to end");
	schedule_stop(m->schedule);
	usec_t timeout = conf_get_duration(root(m), "drain_timeout");
	m->n_ending = 2;
	fleet_drain(m->fleet, timeout, on_drained, m);
	orphans_stop(m->orphans, timeout, on_drained, m);
}
