/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The services of plugins/postseal-plugin.h, over this program's own. What a plugin has
 * started is listed in its instance and dropped with it.
 */
#include <errno.h>
#include <string.h>

#include "io/atomic_file.h"
#include "io/exec.h"
#include "plugin/priv.h"
#include "util/mem.h"
#include "util/text.h"

#define LOG_TEXT_MAX 1024

/* One thing under way; the plugin's handles all point at one of these. */
struct service_op {
	struct list entry;
	struct plugin_instance *instance; /* borrowed */
	void *userdata;                   /* the plugin's */

	/* owned; the one that is used */
	struct loop_timer *timer;
	struct loop_io *io;
	struct http_request *http;
	struct exec *exec;
	void *publication; /* the backing's */

	/* the plugin's callback; the one that is used */
	postseal_timer_fn *on_timer;
	postseal_watch_fn *on_watch;
	postseal_http_fn *on_http;
	postseal_exec_fn *on_exec;
	postseal_publication_fn *on_publication;
	int fd;
};

/* --- operations ------------------------------------------------------------------------- */

static struct service_op *op_new(struct postseal_host *host, void *userdata)
{
	struct service_op *op = xnew(struct service_op);

	op->instance = host->instance;
	op->userdata = userdata;
	list_append(&host->instance->services, &op->entry);
	return op;
}

static struct service_op *op_free(struct service_op *op)
{
	const struct plugin_backing *backing;

	if (!op)
		return NULL;
	backing = op->instance->host->in.backing;
	list_remove(&op->entry);
	loop_timer_free(op->timer);
	loop_io_free(op->io);
	http_request_cancel(op->http);
	exec_cancel(op->exec);
	if (op->publication)
		backing->publication_cancel(backing->userdata, op->publication);
	free(op);
	return NULL;
}

/* Nothing was started: the reason is logged, the plugin is given NULL. */
static struct service_op *op_fail(struct service_op *op, const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	log_warning(&op->instance->log, "%s", text);
	return op_free(op);
}

void plugin_services_cancel_all(struct plugin_instance *instance)
{
	while (!list_is_empty(&instance->services))
		op_free(list_entry(instance->services.next, struct service_op, entry));
}

/* --- calls, log, settings ------------------------------------------------------------------ */

static void call_set_data(struct postseal_call *call, void *data)
{
	call->data = data;
}

static void *call_get_data(struct postseal_call *call)
{
	return call->data;
}

static void service_log(
	struct postseal_host *host, enum postseal_log_level level, const char *text)
{
	char clean[LOG_TEXT_MAX];

	if (level < POSTSEAL_LOG_ERROR || level > POSTSEAL_LOG_DEBUG)
		level = POSTSEAL_LOG_INFO;
	text_format(clean, sizeof(clean), "%s", text);
	log_at(&host->instance->log, (enum log_level)level, __FILE__, __LINE__, "%s",
		clean);
}

/* The row of the plugin's own table; a plugin that asks for another has a fault. */
static const struct conf_setting *find_row(
	const struct plugin_instance *instance, const char *setting)
{
	const struct plugin *plugin = instance->plugin;

	for (size_t i = 0; i < plugin->n_settings; i++)
		if (strcmp(plugin->settings[i].name, setting) == 0)
			return &plugin->settings[i];
	log_error(&instance->log,
		"asks for the setting %s, which its table does not have", setting);
	return NULL;
}

static bool is_type(const struct conf_setting *row, enum conf_type a, enum conf_type b)
{
	return row && (row->type == a || row->type == b);
}

static const char *get_string(struct postseal_host *host, const char *setting)
{
	const struct plugin_instance *i = host->instance;
	const struct conf_setting *row = find_row(i, setting);

	if (!row || row->type == CONF_STRINGS || row->type == CONF_ADDRESSES)
		return NULL;
	if (!i->block)
		return row->fallback;
	return conf_get_text(i->block, setting);
}

static const char *const *get_list(struct postseal_host *host, const char *setting)
{
	static const char *const none[] = { NULL };
	const struct plugin_instance *i = host->instance;
	const struct conf_setting *row = find_row(i, setting);

	if (!i->block || !is_type(row, CONF_STRINGS, CONF_ADDRESSES))
		return none;
	return (const char *const *)conf_get_list(i->block, setting);
}

static int64_t get_int(struct postseal_host *host, const char *setting)
{
	const struct plugin_instance *i = host->instance;
	const struct conf_setting *row = find_row(i, setting);

	if (is_type(row, CONF_INT, CONF_MODE) && !i->block)
		return row->fallback ? strtoll(row->fallback, NULL,
					       row->type == CONF_MODE ? 8 : 10)
				     : 0;
	return is_type(row, CONF_INT, CONF_MODE) ? conf_get_int(i->block, setting) : 0;
}

static int get_bool(struct postseal_host *host, const char *setting)
{
	const struct plugin_instance *i = host->instance;
	const struct conf_setting *row = find_row(i, setting);

	if (!is_type(row, CONF_BOOL, CONF_BOOL))
		return 0;
	if (!i->block)
		return row->fallback && strcmp(row->fallback, "yes") == 0;
	return conf_get_bool(i->block, setting);
}

static uint64_t get_duration(struct postseal_host *host, const char *setting)
{
	const struct plugin_instance *i = host->instance;
	const struct conf_setting *row = find_row(i, setting);
	usec_t usec = 0;

	if (!is_type(row, CONF_DURATION, CONF_DURATION))
		return 0;
	if (i->block)
		return conf_get_duration(i->block, setting);
	if (row->fallback)
		usec_parse_duration(row->fallback, &usec);
	return usec;
}

/* --- saved state ------------------------------------------------------------------------------ */

static int load_state(struct postseal_host *host, const char *name, char **ret)
{
	const struct plugin_instance *i = host->instance;
	const struct plugin_backing *backing = i->host->in.backing;

	*ret = NULL;
	if (!backing || !backing->load_state)
		return -ENOSYS;
	return backing->load_state(backing->userdata, i->name, name, ret, NULL);
}

static int save_state(struct postseal_host *host, const char *name, const char *text)
{
	const struct plugin_instance *i = host->instance;
	const struct plugin_backing *backing = i->host->in.backing;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!backing || !backing->save_state)
		return -ENOSYS;
	int r = backing->save_state(backing->userdata, i->name, name, text, &err);
	if (r < 0) {
		_cleanup_(freep) char *why = err_format(&err);
		log_error(&i->log, "state is not saved: %s", why);
	}
	return r;
}

/* --- timers and descriptors --------------------------------------------------------------------- */

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct service_op *op = userdata;
	postseal_timer_fn *fn = op->on_timer;
	void *plugins = op->userdata;

	op_free(op);
	fn(plugins);
}

static struct postseal_timer *timer_start(struct postseal_host *host, uint64_t usec,
	postseal_timer_fn *fn, void *userdata)
{
	struct service_op *op = op_new(host, userdata);

	op->on_timer = fn;
	op->timer = loop_timer_new(host->instance->host->in.loop, on_timer, op);
	loop_timer_set_after(op->timer, usec);
	return (struct postseal_timer *)op;
}

static void timer_cancel(struct postseal_timer *timer)
{
	op_free((struct service_op *)timer);
}

static void on_watch(struct loop_io *io, unsigned events, void *userdata)
{
	struct service_op *op = userdata;
	unsigned seen = (events & LOOP_IN ? POSTSEAL_IN : 0) |
			(events & LOOP_OUT ? POSTSEAL_OUT : 0) |
			(events & LOOP_HUP ? POSTSEAL_HUP : 0);

	op->on_watch(op->fd, seen, op->userdata);
}

static struct postseal_watch *watch_start(struct postseal_host *host, int fd,
	unsigned events, postseal_watch_fn *fn, void *userdata)
{
	struct service_op *op = op_new(host, userdata);
	_cleanup_(err_done) struct err err = ERR_INIT;
	unsigned wanted = (events & POSTSEAL_IN ? LOOP_IN : 0) |
			  (events & POSTSEAL_OUT ? LOOP_OUT : 0);

	op->on_watch = fn;
	op->fd = fd;
	if (loop_io_new(&op->io, op->instance->host->in.loop, fd, wanted, on_watch, op,
		    &err) < 0)
		op = op_fail(op, &err);
	return (struct postseal_watch *)op;
}

static void watch_cancel(struct postseal_watch *watch)
{
	op_free((struct service_op *)watch);
}

/* --- HTTP ------------------------------------------------------------------------------------------ */

static void on_http(const struct http_result *result, void *userdata)
{
	struct service_op *op = userdata;
	const struct postseal_http_result told = {
		.size = sizeof(told),
		.status = result->status,
		.body = result->body,
		.body_len = result->body_len,
		.detail = result->detail,
	};
	postseal_http_fn *fn = TAKE_PTR(op->on_http);

	list_remove(&op->entry); /* the handle is gone; what it holds lives a moment */
	fn(&told, op->userdata);
	op_free(op);
}

static struct postseal_http *http_start(struct postseal_host *host,
	const struct postseal_http_params *params, postseal_http_fn *fn, void *userdata)
{
	struct service_op *op = op_new(host, userdata);
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct http_params request = {
		.method = strcmp(params->method, "POST") == 0 ? HTTP_POST : HTTP_GET,
		.url = params->url,
		.body = params->body,
		.body_len = params->body_len,
		.content_type = params->content_type,
		.max_body_bytes = params->max_body_bytes,
		.deadline_usec = params->deadline_usec,
	};

	op->on_http = fn;
	if (!op->instance->host->in.http) {
		err_set(&err, -ENOSYS, "there is no HTTP here");
		op = op_fail(op, &err);
	} else if (http_request_start(&op->http, op->instance->host->in.http, &request,
			   on_http, op, &err) < 0) {
		op = op_fail(op, &err);
	}
	return (struct postseal_http *)op;
}

static void http_cancel(struct postseal_http *http)
{
	op_free((struct service_op *)http);
}

/* --- programs ----------------------------------------------------------------------------------------- */

static void on_exec(const struct exec_result *result, void *userdata)
{
	struct service_op *op = userdata;
	const struct postseal_exec_result told = {
		.size = sizeof(told),
		.exit_code = result->outcome == EXEC_EXITED ? result->code : -1,
		.output = result->output,
		.output_len = result->output_len,
		.detail = result->detail,
	};
	postseal_exec_fn *fn = TAKE_PTR(op->on_exec);

	list_remove(&op->entry);
	fn(&told, op->userdata);
	op_free(op);
}

static char **make_env(const char *const *added)
{
	char **env = NULL;

	strv_append(&env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; added && added[i]; i++)
		strv_append(&env, added[i]);
	return env;
}

static struct postseal_exec *exec_service_start(struct postseal_host *host,
	const struct postseal_exec_params *params, postseal_exec_fn *fn, void *userdata)
{
	struct service_op *op = op_new(host, userdata);
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(strv_freep) char **env = make_env(params->env);
	const struct exec_params program = {
		.argv = params->argv,
		.env = (const char *const *)env,
		.input = params->input,
		.input_len = params->input_len,
		.deadline_usec = params->deadline_usec,
	};

	op->on_exec = fn;
	if (exec_start(&op->exec, op->instance->host->in.loop, &program, on_exec, op,
		    &err) < 0)
		op = op_fail(op, &err);
	return (struct postseal_exec *)op;
}

static void exec_service_cancel(struct postseal_exec *exec)
{
	op_free((struct service_op *)exec);
}

/* --- files --------------------------------------------------------------------------------------------- */

static int write_files(struct postseal_host *host, const struct postseal_file *files,
	size_t n, char *detail, size_t size)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) struct atomic_file_params *set =
		xnew_array(struct atomic_file_params, n);

	for (size_t i = 0; i < n; i++)
		set[i] = (struct atomic_file_params){
			.path = files[i].path,
			.data = files[i].data,
			.len = files[i].len,
			.mode = (mode_t)files[i].mode,
			.owner = files[i].owner,
			.group = files[i].group,
		};
	int r = atomic_file_write_set(set, n, &err);
	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		text_format(detail, size, "%s", text);
	}
	return r;
}

/* --- answers ---------------------------------------------------------------------------------------------- */

static void on_publication(bool ok, const char *detail, void *userdata)
{
	struct service_op *op = userdata;
	_cleanup_(freep) char *text = xstrdup(detail);
	postseal_publication_fn *fn = op->on_publication;
	void *plugins = op->userdata;

	op_free(op);
	fn(ok, text, plugins);
}

typedef int publication_start_fn(void *userdata, void **ret_op,
	const struct postseal_answer *answer,
	void (*done)(bool ok, const char *detail, void *done_userdata),
	void *done_userdata, struct err *err);

static struct postseal_publication *publication_start(struct postseal_host *host,
	const struct postseal_answer *answer, publication_start_fn *start,
	postseal_publication_fn *fn, void *userdata)
{
	const struct plugin_backing *backing = host->instance->host->in.backing;
	struct service_op *op = op_new(host, userdata);
	_cleanup_(err_done) struct err err = ERR_INIT;

	op->on_publication = fn;
	if (start(backing->userdata, &op->publication, answer, on_publication, op,
		    &err) < 0)
		op = op_fail(op, &err);
	return (struct postseal_publication *)op;
}

static struct postseal_publication *publish_start(struct postseal_host *host,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata)
{
	const struct plugin_backing *backing = host->instance->host->in.backing;

	return publication_start(host, answer, backing->publish_start, fn, userdata);
}

static struct postseal_publication *look_start(struct postseal_host *host,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata)
{
	const struct plugin_backing *backing = host->instance->host->in.backing;

	return publication_start(host, answer, backing->look_start, fn, userdata);
}

static void publication_cancel(struct postseal_publication *publication)
{
	op_free((struct service_op *)publication);
}

static void withdraw(struct postseal_host *host, const struct postseal_answer *answer)
{
	const struct plugin_backing *backing = host->instance->host->in.backing;

	backing->withdraw(backing->userdata, answer);
}

/* --- the table -------------------------------------------------------------------------------------------- */

const struct postseal_services plugin_services = {
	.size = sizeof(struct postseal_services),
	.complete = plugin_services_complete,
	.call_set_data = call_set_data,
	.call_get_data = call_get_data,
	.log = service_log,
	.get_string = get_string,
	.get_list = get_list,
	.get_int = get_int,
	.get_bool = get_bool,
	.get_duration = get_duration,
	.load_state = load_state,
	.save_state = save_state,
	.timer_start = timer_start,
	.timer_cancel = timer_cancel,
	.watch_start = watch_start,
	.watch_cancel = watch_cancel,
	.http_start = http_start,
	.http_cancel = http_cancel,
	.exec_start = exec_service_start,
	.exec_cancel = exec_service_cancel,
	.write_files = write_files,
	.publish_start = publish_start,
	.look_start = look_start,
	.publication_cancel = publication_cancel,
	.withdraw = withdraw,
};
