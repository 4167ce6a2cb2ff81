/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/fake_host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/list.h"
#include "util/map.h"
#include "util/mem.h"

#define LINE_BYTES_MAX (256 * 1024)

/* The handles that a plugin has of us. */
struct postseal_host {
	struct fake_host *fake;
};

struct postseal_call {
	struct fake_call shown; /* first: what the test has */
	struct fake_host *host;
	struct list link;
	void *data;
	bool is_cancelled;
};

enum op_kind {
	OP_TIMER,
	OP_WATCH,
	OP_HTTP,
	OP_EXEC,
	OP_PUBLICATION,
	OP_TXT,
	OP_LOOKUP,
};

static const char *const op_names[] = { "timer", "watch", "http", "exec", "publication",
	"txt", "lookup" };

/* Whatever was started; the plugin's handles point at one of these. */
struct op {
	struct list link;
	struct fake_host *host;
	enum op_kind kind;
	void (*fn)(void); /* the plugin's callback, of the kind's type */
	void *userdata;
	int fd;
};

struct setting {
	char *text;  /* owned; NULL = unset */
	char **list; /* owned */
};

struct fake_host {
	struct postseal_host handle;
	const struct postseal_plugin *plugin;
	struct map *settings; /* name to struct setting */
	struct map *state;    /* name to text */
	struct list calls;
	struct list ops;
	char **lines;
	bool fails_next;
	bool is_open;
	void *instance;
	char detail[512];
};

static void note(struct fake_host *host, const char *fmt, ...) _printf_(2, 3);

static void note(struct fake_host *host, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *line = xvasprintf(fmt, ap);
	va_end(ap);
	strv_append(&host->lines, line);
}

static const char *or_dash(const char *s)
{
	return s ? s : "-";
}

static void fault(const char *what)
{
	fail_msg("the plugin breaks its contract: %s", what);
}

/* --- settings ---------------------------------------------------------------------------- */

static char **split(const char *text)
{
	char **list = xnew_array(char *, 1);
	_cleanup_(freep) char *copy = xstrdup(text ? text : "");
	char *rest = copy;

	for (char *word; (word = strsep(&rest, " "));) {
		if (word[0])
			strv_append(&list, word);
	}
	return list;
}

static struct setting *setting_free(struct setting *setting)
{
	if (!setting)
		return NULL;
	free(setting->text);
	strv_free(setting->list);
	free(setting);
	return NULL;
}

static const struct postseal_setting *find_row(
	const struct fake_host *host, const char *name)
{
	const struct postseal_setting *row = host->plugin->settings;

	for (; row && row->name; row++) {
		if (strcmp(row->name, name) == 0)
			return row;
	}
	fail_msg("the plugin's table has no setting %s", name);
	return NULL;
}

static void set(struct fake_host *host, const char *name, const char *text)
{
	struct setting *setting = xnew(struct setting);

	setting->text = xstrdup(text);
	setting->list = split(text);
	setting_free(map_set(host->settings, name, setting));
}

void fake_host_set(struct fake_host *host, const char *name, const char *text)
{
	assert_non_null(find_row(host, name));
	set(host, name, text);
}

static const struct setting *get(
	struct postseal_host *handle, const char *name, bool is_list)
{
	const struct postseal_setting *row = find_row(handle->fake, name);
	bool has_list = row->type == POSTSEAL_SETTING_STRINGS ||
			row->type == POSTSEAL_SETTING_ADDRESSES;

	if (has_list != is_list)
		fault("it asks for a setting by another type");
	return map_find(handle->fake->settings, name);
}

static const char *get_string(struct postseal_host *handle, const char *name)
{
	return get(handle, name, false)->text;
}

static const char *const *get_list(struct postseal_host *handle, const char *name)
{
	return (const char *const *)get(handle, name, true)->list;
}

static int64_t get_int(struct postseal_host *handle, const char *name)
{
	const char *text = get(handle, name, false)->text;

	return text ? strtoll(text, NULL, 0) : 0;
}

static int get_bool(struct postseal_host *handle, const char *name)
{
	const char *text = get(handle, name, false)->text;

	return text && strcmp(text, "yes") == 0;
}

static uint64_t get_duration(struct postseal_host *handle, const char *name)
{
	return (uint64_t)get_int(handle, name);
}

/* --- calls ------------------------------------------------------------------------------- */

static void append_wanted(struct fake_call *shown, const struct postseal_wanted *wanted)
{
	if (wanted->size < sizeof(*wanted))
		fault("its wanted record has no size");
	_cleanup_(freep) char *line = xasprintf("%s %s %s | %s | %llu", wanted->owner,
		wanted->type, wanted->value, or_dash(wanted->why),
		(unsigned long long)wanted->until_sec);
	strv_append(&shown->wanted, line);
}

static void complete(struct postseal_call *call, const struct postseal_result *result)
{
	struct fake_call *shown = &call->shown;

	if (call->is_cancelled || shown->is_done)
		fault("it completes a call that is over");
	if (result->size < sizeof(*result))
		fault("its result has no size");
	if (result->outcome != POSTSEAL_OK && !result->detail)
		fault("it gives no reason");
	shown->is_done = true;
	shown->outcome = result->outcome;
	shown->detail = xstrdup(result->detail);
	shown->saved = xstrdup(result->saved);
	for (size_t i = 0; i < result->n_addresses; i++)
		strv_append(&shown->addresses, result->addresses[i].address);
	for (size_t i = 0; i < result->n_wanted; i++)
		append_wanted(shown, &result->wanted[i]);
	for (size_t i = 0; result->values && result->values[i]; i++)
		strv_append(&shown->values, result->values[i]);
	shown->place = xstrdup(result->place);
}

static void call_set_data(struct postseal_call *call, void *data)
{
	call->data = data;
}

static void *call_get_data(struct postseal_call *call)
{
	return call->data;
}

static struct postseal_call *call_new(struct fake_host *host)
{
	struct postseal_call *call = xnew(struct postseal_call);

	assert_true(host->is_open);
	call->host = host;
	call->shown.addresses = xnew_array(char *, 1);
	call->shown.values = xnew_array(char *, 1);
	call->shown.wanted = xnew_array(char *, 1);
	list_append(&host->calls, &call->link);
	return call;
}

static struct postseal_call *call_free(struct postseal_call *call)
{
	list_remove(&call->link);
	free(call->shown.detail);
	free(call->shown.saved);
	strv_free(call->shown.addresses);
	strv_free(call->shown.values);
	strv_free(call->shown.wanted);
	free(call->shown.place);
	free(call);
	return NULL;
}

struct fake_call *fake_host_challenge(struct fake_host *host, enum fake_method method,
	const struct postseal_task *task)
{
	const struct postseal_challenge *c = host->plugin->challenge;
	void (*const methods[])(
		void *, const struct postseal_task *, struct postseal_call *) = {
		[FAKE_OFFERS] = c->offers,
		[FAKE_WANT] = c->want,
		[FAKE_PRESENT] = c->present,
		[FAKE_READY] = c->ready,
		[FAKE_CLEANUP] = c->cleanup,
	};
	struct postseal_call *call = call_new(host);

	assert_true(methods[method]);
	methods[method](host->instance, task, call);
	return &call->shown;
}

struct fake_call *fake_host_dns(struct fake_host *host, enum fake_dns_method method,
	const struct postseal_value *value)
{
	const struct postseal_dns *d = host->plugin->dns;
	void (*const methods[])(
		void *, const struct postseal_value *, struct postseal_call *) = {
		[FAKE_PLACE] = d->place,
		[FAKE_ADD] = d->add,
		[FAKE_REMOVE] = d->remove,
		[FAKE_LIST] = d->list,
	};
	struct postseal_call *call = call_new(host);

	assert_true(methods[method]);
	methods[method](host->instance, value, call);
	return &call->shown;
}

struct fake_call *fake_host_install(
	struct fake_host *host, const struct postseal_bundle *bundle)
{
	struct postseal_call *call = call_new(host);

	host->plugin->deploy->install(host->instance, bundle, call);
	return &call->shown;
}

struct fake_call *fake_host_notify(
	struct fake_host *host, const struct postseal_notice *notice)
{
	struct postseal_call *call = call_new(host);

	host->plugin->notify->notify(host->instance, notice, call);
	return &call->shown;
}

void fake_host_cancel(struct fake_host *host, struct fake_call *shown)
{
	struct postseal_call *call = container_of(shown, struct postseal_call, shown);
	const struct postseal_plugin *p = host->plugin;
	void (*cancel)(void *, struct postseal_call *) = NULL;

	assert_false(shown->is_done);
	if (p->challenge)
		cancel = p->challenge->cancel;
	else if (p->dns)
		cancel = p->dns->cancel;
	else
		cancel = p->deploy ? p->deploy->cancel : p->notify->cancel;
	call->is_cancelled = true;
	if (cancel)
		cancel(host->instance, call);
	shown->is_done = true;
}

/* --- what is under way ---------------------------------------------------------------------- */

/* NULL: it is to fail. */
static void *op_new(struct postseal_host *handle, enum op_kind kind, void (*fn)(void),
	void *userdata)
{
	struct fake_host *host = handle->fake;

	if (host->fails_next) {
		host->fails_next = false;
		return NULL;
	}
	struct op *op = xnew(struct op);
	op->host = host;
	op->kind = kind;
	op->fn = fn;
	op->userdata = userdata;
	list_append(&host->ops, &op->link);
	return op;
}

static struct op *op_free(struct op *op)
{
	list_remove(&op->link);
	free(op);
	return NULL;
}

static void op_cancel(enum op_kind kind, void *handle)
{
	struct op *op = handle;

	if (!op || op->kind != kind)
		fault("it cancels what it has not started");
	note(op->host, "cancel %s", op_names[kind]);
	op_free(op);
}

static struct op *op_find(struct fake_host *host, enum op_kind kind)
{
	struct op *it;

	list_foreach(it, &host->ops, link) {
		if (it->kind == kind)
			return it;
	}
	fail_msg("no %s is under way", op_names[kind]);
	return NULL;
}

/* Takes the oldest from the list: its handle is gone by the time of the callback. */
static struct op op_take(struct fake_host *host, enum op_kind kind)
{
	struct op *op = op_find(host, kind);
	struct op taken = *op;

	op_free(op);
	return taken;
}

size_t fake_host_count(const struct fake_host *host)
{
	const struct op *it;
	size_t n = 0;

	list_foreach(it, &host->ops, link)
		n++;
	return n;
}

/* --- services --------------------------------------------------------------------------------- */

static void service_log(
	struct postseal_host *handle, enum postseal_log_level level, const char *text)
{
	note(handle->fake, "log %d %s", (int)level, text);
}

static int load_state(struct postseal_host *handle, const char *name, char **ret)
{
	*ret = xstrdup(map_find(handle->fake->state, name));
	return 0;
}

static int save_state(struct postseal_host *handle, const char *name, const char *text)
{
	note(handle->fake, "save %s %s", name, or_dash(text));
	free(text ? map_set(handle->fake->state, name, xstrdup(text))
		  : map_remove(handle->fake->state, name));
	return 0;
}

static struct postseal_timer *timer_start(struct postseal_host *handle, uint64_t usec,
	postseal_timer_fn *fn, void *userdata)
{
	note(handle->fake, "timer %llu", (unsigned long long)usec);
	return op_new(handle, OP_TIMER, (void (*)(void))fn, userdata);
}

static void timer_cancel(struct postseal_timer *timer)
{
	op_cancel(OP_TIMER, timer);
}

static struct postseal_watch *watch_start(struct postseal_host *handle, int fd,
	unsigned events, postseal_watch_fn *fn, void *userdata)
{
	note(handle->fake, "watch %d %u", fd, events);
	struct op *op = op_new(handle, OP_WATCH, (void (*)(void))fn, userdata);
	if (op)
		op->fd = fd;
	return (struct postseal_watch *)op;
}

static void watch_cancel(struct postseal_watch *watch)
{
	op_cancel(OP_WATCH, watch);
}

static struct postseal_http *http_start(struct postseal_host *handle,
	const struct postseal_http_params *params, postseal_http_fn *fn, void *userdata)
{
	if (params->size < sizeof(*params))
		fault("its parameters have no size");
	note(handle->fake, "http %s %s %.*s", params->method, params->url,
		(int)params->body_len, params->body ? (const char *)params->body : "");
	for (size_t i = 0; params->headers && params->headers[i]; i++)
		note(handle->fake, "header %s", params->headers[i]);
	if (params->ca_file)
		note(handle->fake, "ca_file %s", params->ca_file);
	return op_new(handle, OP_HTTP, (void (*)(void))fn, userdata);
}

static void http_cancel(struct postseal_http *op)
{
	op_cancel(OP_HTTP, op);
}

static struct postseal_exec *exec_start(struct postseal_host *handle,
	const struct postseal_exec_params *params, postseal_exec_fn *fn, void *userdata)
{
	struct buf line = BUF_INIT(LINE_BYTES_MAX);

	if (params->size < sizeof(*params))
		fault("its parameters have no size");
	for (size_t i = 0; params->argv[i]; i++)
		buf_printf(&line, " %s", params->argv[i]);
	buf_append_str(&line, " |");
	for (size_t i = 0; params->env && params->env[i]; i++)
		buf_printf(&line, " %s", params->env[i]);
	note(handle->fake, "exec%s", buf_str(&line));
	buf_done(&line);
	return op_new(handle, OP_EXEC, (void (*)(void))fn, userdata);
}

static void exec_cancel(struct postseal_exec *op)
{
	op_cancel(OP_EXEC, op);
}

static int write_files(struct postseal_host *handle, const struct postseal_file *files,
	size_t n, char *detail, size_t size)
{
	struct fake_host *host = handle->fake;

	if (host->fails_next) {
		host->fails_next = false;
		snprintf(detail, size, "the disk is full");
		return -ENOSPC;
	}
	for (size_t i = 0; i < n; i++)
		note(host, "file %s %04o %s %s %.*s", files[i].path, files[i].mode,
			or_dash(files[i].owner), or_dash(files[i].group),
			(int)files[i].len, (const char *)files[i].data);
	return 0;
}

static void note_answer(struct postseal_host *handle, const char *what,
	const struct postseal_answer *answer)
{
	if (answer->size < sizeof(*answer))
		fault("its answer has no size");
	note(handle->fake, "%s %s %s %s %s", what,
		answer->kind == POSTSEAL_ANSWER_HTTP ? "http" : "alpn", answer->name,
		or_dash(answer->token), or_dash(answer->key_authorization));
}

static struct postseal_publication *publish_start(struct postseal_host *handle,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata)
{
	note_answer(handle, "publish", answer);
	return op_new(handle, OP_PUBLICATION, (void (*)(void))fn, userdata);
}

static struct postseal_publication *look_start(struct postseal_host *handle,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata)
{
	note_answer(handle, "look", answer);
	return op_new(handle, OP_PUBLICATION, (void (*)(void))fn, userdata);
}

static void publication_cancel(struct postseal_publication *op)
{
	op_cancel(OP_PUBLICATION, op);
}

static void withdraw(struct postseal_host *handle, const struct postseal_answer *answer)
{
	note_answer(handle, "withdraw", answer);
}

static struct postseal_txt_op *txt_start(struct postseal_host *handle,
	enum postseal_txt_act act, const struct postseal_txt *txt, postseal_txt_fn *fn,
	void *userdata)
{
	static const char *const acts[] = { "where", "put", "look", "remove" };

	if (txt->size < sizeof(*txt))
		fault("its value has no size");
	note(handle->fake, "txt %s %s %s %s", acts[act], txt->domain, txt->name,
		or_dash(txt->value));
	return op_new(handle, OP_TXT, (void (*)(void))fn, userdata);
}

static void txt_cancel(struct postseal_txt_op *op)
{
	op_cancel(OP_TXT, op);
}

static struct postseal_lookup *lookup_start(struct postseal_host *handle,
	const char *name, const char *type, postseal_lookup_fn *fn, void *userdata)
{
	note(handle->fake, "lookup %s %s", name, type);
	return op_new(handle, OP_LOOKUP, (void (*)(void))fn, userdata);
}

static void lookup_cancel(struct postseal_lookup *op)
{
	op_cancel(OP_LOOKUP, op);
}

static const struct postseal_services services = {
	.size = sizeof(services),
	.complete = complete,
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
	.exec_start = exec_start,
	.exec_cancel = exec_cancel,
	.write_files = write_files,
	.publish_start = publish_start,
	.look_start = look_start,
	.publication_cancel = publication_cancel,
	.withdraw = withdraw,
	.txt_start = txt_start,
	.txt_cancel = txt_cancel,
	.lookup_start = lookup_start,
	.lookup_cancel = lookup_cancel,
};

/* --- the test's side ---------------------------------------------------------------------------- */

const char *fake_host_get_line(const struct fake_host *host, size_t i)
{
	return i < strv_length(host->lines) ? host->lines[i] : NULL;
}

bool fake_host_has_line(const struct fake_host *host, const char *line)
{
	return strv_contains(host->lines, line);
}

void fake_host_clear_lines(struct fake_host *host)
{
	host->lines = strv_free(host->lines);
}

void fake_host_fail_next(struct fake_host *host)
{
	host->fails_next = true;
}

void fake_host_end_publication(struct fake_host *host, int ok, const char *detail)
{
	struct op op = op_take(host, OP_PUBLICATION);

	((postseal_publication_fn *)op.fn)(ok, detail, op.userdata);
}

void fake_host_end_exec(
	struct fake_host *host, int exit_code, const char *output, const char *detail)
{
	struct op op = op_take(host, OP_EXEC);
	const struct postseal_exec_result result = {
		.size = sizeof(result),
		.exit_code = exit_code,
		.output = output,
		.output_len = strlen(output),
		.detail = detail,
	};

	((postseal_exec_fn *)op.fn)(&result, op.userdata);
}

void fake_host_end_http(struct fake_host *host, unsigned status, const char *body)
{
	struct op op = op_take(host, OP_HTTP);
	const struct postseal_http_result result = {
		.size = sizeof(result),
		.status = status,
		.body = body,
		.body_len = strlen(body),
		.detail = status == 0 ? "no answer" : NULL,
	};

	((postseal_http_fn *)op.fn)(&result, op.userdata);
}

void fake_host_end_timer(struct fake_host *host)
{
	struct op op = op_take(host, OP_TIMER);

	((postseal_timer_fn *)op.fn)(op.userdata);
}

void fake_host_end_txt(struct fake_host *host, enum postseal_outcome outcome,
	const char *detail, const struct postseal_wanted *wanted, size_t n)
{
	struct op op = op_take(host, OP_TXT);
	const struct postseal_txt_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
		.wanted = wanted,
		.n_wanted = n,
	};

	((postseal_txt_fn *)op.fn)(&result, op.userdata);
}

void fake_host_end_lookup(struct fake_host *host, const char *values)
{
	struct op op = op_take(host, OP_LOOKUP);
	bool has_failed = values && strcmp(values, "!") == 0;
	_cleanup_(strv_freep) char **list = split(has_failed ? NULL : values);
	const struct postseal_lookup_result result = {
		.size = sizeof(result),
		.status = has_failed ? POSTSEAL_LOOKUP_FAILED
			  : values   ? POSTSEAL_LOOKUP_FOUND
				     : POSTSEAL_LOOKUP_NOTHING,
		.values = (const char *const *)list,
		.detail = has_failed ? "nobody answers" : NULL,
	};

	((postseal_lookup_fn *)op.fn)(&result, op.userdata);
}

void fake_host_fire_watch(struct fake_host *host, unsigned events)
{
	const struct op *op = op_find(host, OP_WATCH);

	((postseal_watch_fn *)op->fn)(op->fd, events, op->userdata);
}

bool fake_host_has_watch(const struct fake_host *host)
{
	const struct op *it;

	list_foreach(it, &host->ops, link)
		if (it->kind == OP_WATCH)
			return true;
	return false;
}

static void set_fallbacks(struct fake_host *host)
{
	const struct postseal_setting *row = host->plugin->settings;

	for (; row && row->name; row++)
		set(host, row->name, row->fallback);
}

struct fake_host *fake_host_new(const struct postseal_plugin *plugin)
{
	struct fake_host *host = xnew(struct fake_host);

	assert_int_equal(plugin->abi_major, POSTSEAL_ABI_MAJOR);
	assert_int_equal(plugin->size, sizeof(*plugin));
	host->handle.fake = host;
	host->plugin = plugin;
	host->settings = map_new();
	host->state = map_new();
	list_init(&host->calls);
	list_init(&host->ops);
	set_fallbacks(host);
	return host;
}

int fake_host_open(struct fake_host *host)
{
	int r = 0;

	if (host->plugin->open)
		r = host->plugin->open(&host->handle, &services, &host->instance,
			host->detail, sizeof(host->detail));
	host->is_open = r == 0;
	return r;
}

const char *fake_host_get_detail(const struct fake_host *host)
{
	return host->detail;
}

static void free_maps(struct fake_host *host)
{
	size_t pos;
	const char *key;
	struct setting *setting;
	char *text;

	map_foreach(host->settings, pos, key, setting)
		setting_free(setting);
	map_foreach(host->state, pos, key, text)
		free(text);
	map_free(host->settings);
	map_free(host->state);
}

struct fake_host *fake_host_free(struct fake_host *host)
{
	if (!host)
		return NULL;
	if (host->is_open && host->plugin->close)
		host->plugin->close(host->instance);
	if (!list_is_empty(&host->ops))
		fault("it leaves something under way behind");
	while (!list_is_empty(&host->calls))
		call_free(list_entry(host->calls.next, struct postseal_call, link));
	free_maps(host);
	strv_free(host->lines);
	free(host);
	return NULL;
}
