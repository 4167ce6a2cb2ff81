/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the manager is made of, in the order of dependence; it is freed in the reverse
 * order. Who owns what stands in manager.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/commands/slot_ids.h"
#include "core/commands/status.h"
#include "core/process/manager_priv.h"
#include "core/wanted/resolving.h"
#include "core/wanted/slots.h"
#include "core/workers/last_good.h"
#include "core/workers/service.h"
#include "util/mem.h"

#define STATUS_USEC (30 * USEC_PER_SEC)
/* For workers of a dead manager to come, when they hold an address that we want. */
#define CLAIM_USEC (2 * USEC_PER_SEC)
#define CALL_NOTE  STORE_FILE "-call"
#define RENDEZVOUS "link"
#define WORKER     "postseal-front"

/* --- what the parts call back --------------------------------------------------------------- */

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

/* The first that is configured for that directory. */
static struct authority *find_authority(
	const char *directory, void *userdata, struct err *err)
{
	struct manager *m = userdata;
	const struct conf_block *block;

	for (size_t i = 0; (block = conf_get_block(m->loaded.conf, "authority", i));
		i++)
		if (strcmp(conf_get_string(block, "directory"), directory) == 0)
			return get_authority(block, m, err);
	err_set_kind(err, ERR_CONFIG, -ENOENT,
		"no authority block has the directory %s", directory);
	return NULL;
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
	m->load.dns = values_get(m->values);
	m->load.noter = faults_get_noter(m->faults);
	m->load.log = &m->log;
	r = load_configuration(&m->loaded, &m->load, &report);
	manager_log_report(m, &report);
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

static int make_directory(const char *path, mode_t mode, struct err *err)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_set(err, -errno, "cannot make the folder %s: %s", path,
			strerror(errno));
	return 0;
}

static int open_store(struct manager *m, struct err *err)
{
	const char *directory = conf_get_string(manager_get_root(m), "state_directory");
	_cleanup_(freep) char *note = xasprintf("%s/%s", directory, CALL_NOTE);
	const struct rescue_params params = { m->loop, directory, &m->log };
	int r = make_directory(directory, 0700, err);

	if (r >= 0)
		r = rescue_open_store(&m->store, &m->rescue, &params, err);
	if (r >= 0)
		r = faults_open(m->faults, m->store, m->loaded.host, note, err);
	return r;
}

static int open_rendezvous(struct manager *m, struct err *err)
{
	_cleanup_(freep) char *path = manager_format_run_path(m, RENDEZVOUS);
	const struct orphans_params params = {
		.loop = m->loop,
		.path = path,
		.lookup = served_lookup,
		.userdata = m->served,
		.log = &m->log,
	};
	int r = make_directory(
		conf_get_string(manager_get_root(m), "run_directory"), 0755, err);

	if (r >= 0)
		r = orphans_new(&m->orphans, &params, err);
	m->is_upgraded = upgrade_take_mark();
	if (r >= 0 && m->is_upgraded)
		orphans_adopt_children(m->orphans);
	return r;
}

static void on_claimed(int fd, void *userdata)
{
	struct manager *m = userdata;

	listeners_adopt(m->listeners, LISTENERS_KEPT, fd);
}

static void on_claim(void *userdata)
{
	struct manager *m = userdata;

	orphans_take_sockets(m->orphans, CLAIM_USEC, on_claimed, m);
}

static int open_listeners(struct manager *m, struct err *err)
{
	service_adopt_sockets(m->listeners, &m->log);
	listeners_set_claim(m->listeners, on_claim, m);
	int r = listeners_prepare(m->listeners, m->loaded.conf, err);
	listeners_set_claim(m->listeners, NULL, NULL);
	if (r >= 0)
		listeners_commit(m->listeners);
	return r;
}

static int open_fleet(struct manager *m, struct err *err)
{
	const struct conf_block *root = manager_get_root(m);
	_cleanup_(freep) char *program =
		xasprintf("%s/%s", conf_get_string(root, "program_directory"), WORKER);
	_cleanup_(freep) char *rendezvous = manager_format_run_path(m, RENDEZVOUS);
	unsigned n = (unsigned)conf_get_int(root, "workers");
	long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct fleet_params params = {
		.loop = m->loop,
		.program = program,
		.n_workers = n > 0 ? n : (unsigned)MAX(n_cores, 1),
		.listeners = m->listeners,
		.ticket_rotation_usec =
			conf_get_duration(manager_get_root(m), "ticket_rotation"),
		.lookup = served_lookup,
		.names = served_each_name,
		.userdata = m->served,
		.rendezvous = rendezvous,
		.generation = m->started_usec,
		.max_contexts = (uint64_t)conf_get_int(root, "context_cache"),
		.max_connections = (uint64_t)conf_get_int(root, "max_connections"),
		.max_handshakes = (uint64_t)conf_get_int(root, "max_handshakes"),
		.address_connections =
			(uint64_t)conf_get_int(root, "address_connections"),
		.address_rate = (uint64_t)conf_get_int(root, "address_rate"),
		.limit_exceptions = conf_get_list(root, "limit_exceptions"),
		.log = &m->log,
	};

	return fleet_new(&m->fleet, &params, err);
}

static int open_state(struct manager *m, struct err *err)
{
	int r = open_store(m, err);

	if (r < 0)
		return r;
	m->served = served_new(m->store);
	r = manager_follow_at_start(m, err);
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
		.tolerance_usec =
			conf_get_duration(manager_get_root(m), "clock_tolerance"),
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
	revocations_run(m->revocations);
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
		.directory = conf_get_string(manager_get_root(m), "state_directory"),
		.log = &m->log,
	};

	if (!m->rescue)
		m->last_good = last_good_new(&params);
	served_set_copy(m->served, m->last_good);
}

static void open_events(struct manager *m)
{
	const struct events_params params = {
		.instances = m->instances,
		.store = m->store,
		.loop = m->loop,
		.log = &m->log,
		.keep = (unsigned)conf_get_int(manager_get_root(m), "events_keep"),
	};

	m->events = events_new(&params);
	m->happenings = happenings_new(m->events, m->store);
}

static void open_authorities(struct manager *m)
{
	const struct authorities_params params = {
		.loop = m->loop,
		.store = m->store,
		.events = m->events,
		.clock = m->clock,
		.log = &m->log,
	};

	m->authorities = authorities_new(&params);
}

static void open_leftovers(struct manager *m)
{
	const struct leftovers_params params = {
		.loop = m->loop,
		.store = m->store,
		.instances = m->instances,
		.log = &m->log,
	};

	m->leftovers = leftovers_new(&params);
}

static void open_revocations(struct manager *m)
{
	const struct revocations_params params = {
		.loop = m->loop,
		.store = m->store,
		.events = m->events,
		.get_authority = find_authority,
		.userdata = m,
		.log = &m->log,
	};

	m->revocations = revocations_new(&params);
}

/* Who waited for it goes on. */
static void on_record_seen(const char *domain, void *userdata)
{
	struct manager *m = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (slot_ids_make_due(m->store, domain, loop_wall_now(m->loop), &err) < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(&m->log, "%s: its record is there, and it is not due: %s",
			domain, text);
	}
	schedule_run(m->schedule);
}

static int open_records(struct manager *m, struct err *err)
{
	const struct records_params params = {
		.loop = m->loop,
		.store = m->store,
		.events = m->events,
		.instances = m->instances,
		.resolver = m->resolver,
		.on_seen = on_record_seen,
		.userdata = m,
		.log = &m->log,
	};

	return records_new(&m->records, &params, err);
}

static void open_schedule(struct manager *m)
{
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
		.revocations = m->revocations,
		.records = m->records,
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
}

static int open_work(struct manager *m, struct err *err)
{
	open_events(m);
	open_store_watch(m);
	int r = open_clock(m, err);
	if (r < 0)
		return r;
	open_authorities(m);
	open_leftovers(m);
	open_revocations(m);
	r = open_records(m, err);
	if (r < 0)
		return r;
	open_copy(m);
	open_schedule(m);
	return 0;
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
	const struct values_params values = {
		.loop = m->loop,
		.store = &m->store,
		.instances = &m->instances,
		.resolver = &m->resolver,
		.log = &m->log,
	};
	m->values = values_new(&values);
	m->faults = faults_new(&m->log);
	m->status_timer = loop_timer_new(m->loop, on_status_timer, m);
}

int manager_new(struct manager **ret, struct loop *loop,
	const struct load_params *params, struct err *err)
{
	_cleanup_(manager_freep) struct manager *m = xnew(struct manager);
	int r;

	m->loop = loop;
	list_init(&m->reloads);
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
	log_set_level((enum log_level)(
		LOG_LEVEL_ERROR + conf_get_int(manager_get_root(m), "log_level")));
	r = resolving_new(&m->resolver, loop, m->loaded.conf, &m->log, err);
	if (r >= 0)
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
	manager_follow_host(m);
	faults_tell(m->faults, m->events);
	instances_follow(m->instances, m->loaded.conf);
	records_follow(m->records, m->loaded.conf);
	events_follow_notifiers(m->events);
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
	manager_free_reloads(m);
	schedule_free(m->schedule);
	records_free(m->records);
	leftovers_free(m->leftovers);
	revocations_free(m->revocations);
	last_good_free(m->last_good);
	authorities_free(m->authorities);
	clock_watch_free(m->clock);
	store_watch_free(m->store_watch);
	happenings_free(m->happenings);
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
	values_free(m->values);
	dns_resolver_free(m->resolver);
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
