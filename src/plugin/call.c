/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *   start ──> RUNNING ── complete() ──> COMPLETED ── next turn ──> ENDED, done called
 *                │ └──── deadline: the plugin's cancel ──────────> ENDED, done called
 *                └────── cancel, instance closed: its cancel ────> ENDED, silent
 *
 * The method is called from within the start; whatever it says is told on a later turn of
 * the loop. Until ENDED the plugin's handle leads to the call, so that a second
 * complete() is seen and told of; afterwards the handle leads nowhere.
 */
#include "plugin/call.h"

#include <errno.h>

#include "plugin/call_priv.h"
#include "plugin/entry.h"
#include "plugin/handle.h"
#include "plugin/instance_priv.h"
#include "plugin/result.h"
#include "util/mem.h"
#include "util/strtab.h"

enum call_phase {
	CALL_RUNNING,
	CALL_COMPLETED,
	CALL_ENDED,
};

struct plugin_call {
	/* inputs */
	struct list link;                 /* in the instance's calls */
	struct plugin_instance *instance; /* borrowed; not looked at once ENDED */
	const char *method;
	const char *subject; /* points into args; NULL = none */
	call_cancel_fn *cancel;
	void *args; /* owned */
	void (*args_free)(void *args);
	plugin_done_fn *done;
	void *userdata; /* borrowed */
	/* owned operations */
	enum call_phase phase;
	struct postseal_call *handle;
	struct loop_timer *deadline;
	struct loop_defer *delivery;
	void *data; /* the plugin's own */
	bool has_warned;
	/* results */
	struct plugin_result result;
};

static const char *const outcome_names[] = {
	[POSTSEAL_OK] = "ok",
	[POSTSEAL_NOT_YET] = "not yet",
	[POSTSEAL_FAILED] = "failed",
	[POSTSEAL_REFUSED] = "refused",
};

/* --- the end ------------------------------------------------------------------------------ */

/* Gives back all but the owner's handle and the result. */
static void call_end(struct plugin_call *call)
{
	call->phase = CALL_ENDED;
	list_remove(&call->link);
	call->handle = handle_free(call->handle);
	call->deadline = loop_timer_free(call->deadline);
	call->delivery = loop_defer_free(call->delivery);
	if (call->args)
		call->args_free(call->args);
	call->args = NULL;
}

/* The plugin drops its part; it may still ask for its data, but not complete. */
static void call_stop(struct plugin_call *call)
{
	bool is_running = call->phase == CALL_RUNNING;
	struct plugin_entry entry;

	call->phase = CALL_ENDED;
	if (!is_running || !call->cancel)
		return;
	plugin_enter(&entry, call->instance, "cancel", call->subject);
	call->cancel(call->instance->self, call->handle);
	plugin_leave(&entry);
}

static void call_drop(struct plugin_call *call)
{
	call_stop(call);
	call_end(call);
}

void plugin_calls_drop(struct list *calls)
{
	/* Each unlinks itself. */
	while (!list_is_empty(calls))
		call_drop(list_entry(calls->next, struct plugin_call, link));
}

struct plugin_call *plugin_call_cancel(struct plugin_call *call)
{
	if (!call)
		return NULL;
	if (call->phase != CALL_ENDED)
		call_drop(call);
	result_done(&call->result);
	free(call);
	return NULL;
}

static void deliver(struct plugin_call *call)
{
	/* done may cancel: what it looks at must outlive that. */
	struct plugin_result result = call->result;

	call->result = (struct plugin_result){ .outcome = POSTSEAL_OK };
	log_debug(&call->instance->log, "%s: %s%s%s", call->method,
		STRTAB_NAME(outcome_names, result.outcome), result.detail ? ": " : "",
		result.detail ? result.detail : "");
	call_end(call);
	call->done(&result, call->userdata);
	result_done(&result);
}

static void on_delivery(void *userdata)
{
	deliver(userdata);
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct plugin_call *call = userdata;
	char text[USEC_DURATION_MAX];
	usec_t usec = call->instance->host->params.call_deadline_usec;
	_cleanup_(freep) char *detail =
		xasprintf("the plugin's %s did not end within %s", call->method,
			usec_format_duration(usec, text, sizeof(text)));

	call_stop(call);
	result_fail(&call->result, detail);
	deliver(call);
}

static void complete(struct plugin_call *call, const struct postseal_result *result)
{
	call->phase = CALL_COMPLETED;
	result_copy(&call->result, result);
	loop_timer_disarm(call->deadline);
	call->delivery =
		loop_defer_new(call->instance->host->params.loop, on_delivery, call);
}

/* --- services ----------------------------------------------------------------------------- */

static void warn_once(struct plugin_call *call)
{
	if (!call->has_warned)
		log_warning(&call->instance->log, "%s: completed twice", call->method);
	call->has_warned = true;
	plugin_breach("it ended a call twice");
}

void plugin_call_complete(
	struct postseal_call *handle, const struct postseal_result *result)
{
	struct plugin_call *call = handle_find(HANDLE_CALL, handle);

	if (!call && !plugin_breach("it ended a call that was over"))
		log_debug(NULL, "a plugin completes a call that is over");
	else if (!call)
		return;
	else if (call->phase == CALL_RUNNING)
		complete(call, result);
	else if (call->phase == CALL_COMPLETED)
		warn_once(call);
	else
		plugin_breach("it ended a call that was being cancelled");
}

void plugin_call_set_data(struct postseal_call *handle, void *data)
{
	struct plugin_call *call = handle_find(HANDLE_CALL, handle);

	if (call)
		call->data = data;
}

void *plugin_call_get_data(struct postseal_call *handle)
{
	const struct plugin_call *call = handle_find(HANDLE_CALL, handle);

	return call ? call->data : NULL;
}

/* --- the start ---------------------------------------------------------------------------- */

static struct plugin_call *call_new(const struct call_params *params)
{
	struct plugin_call *call = xnew(struct plugin_call);
	struct plugin_instance *instance = params->instance;

	list_init(&call->link);
	list_append(&instance->calls, &call->link);
	call->instance = instance;
	call->method = params->method;
	call->subject = params->subject;
	call->cancel = params->cancel;
	call->args = params->args;
	call->args_free = params->args_free;
	call->done = params->done;
	call->userdata = params->userdata;
	call->handle = handle_new(HANDLE_CALL, call);
	call->deadline = loop_timer_new(instance->host->params.loop, on_deadline, call);
	loop_timer_set_after(call->deadline, instance->host->params.call_deadline_usec);
	return call;
}

static int refuse_start(
	const struct call_params *params, int code, const char *why, struct err *err)
{
	if (params->args)
		params->args_free(params->args);
	return err_set_kind(
		err, ERR_PLUGIN, code, "plugin %s: %s", params->instance->name, why);
}

static void invoke(struct plugin_call *call, call_invoke_fn *fn)
{
	struct plugin_entry entry;

	plugin_enter(&entry, call->instance, call->method, call->subject);
	fn(call->args, call->instance->self, call->handle);
	plugin_leave(&entry);
}

int plugin_call_start(
	struct plugin_call **ret, const struct call_params *params, struct err *err)
{
	if (!params->instance->host)
		return refuse_start(params, -ESHUTDOWN, "it is closed", err);
	const char *refusal =
		plugin_refusal(params->instance->plugin, params->instance->host);
	if (refusal)
		return refuse_start(params, -EACCES, refusal, err);
	struct plugin_call *call = call_new(params);
	if (!call->handle) {
		call_end(call);
		free(call);
		return err_set_kind(
			err, ERR_PLUGIN, -EMFILE, "plugins hold too many handles");
	}
	*ret = call;
	if (params->invoke)
		invoke(call, params->invoke);
	else
		complete(call, params->answer);
	return 0;
}
