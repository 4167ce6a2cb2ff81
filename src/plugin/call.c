/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See call.h. What the plugin says is copied and cleaned when it says it; what the caller
 * hears it hears on a later turn of the loop.
 */
#include "plugin/call.h"

#include <errno.h>
#include <string.h>

#include "io/address.h"
#include "plugin/priv.h"
#include "util/dname.h"
#include "util/mem.h"
#include "util/text.h"

#define OVER_KEPT 256

/* --- results ------------------------------------------------------------------------------ */

static void result_done(struct plugin_result *result)
{
	for (size_t i = 0; i < result->n_addresses; i++) {
		free((char *)result->addresses[i].address);
		free((char *)result->addresses[i].sni);
	}
	free((struct postseal_address *)result->addresses);
	free((char *)result->saved);
	free((char *)result->detail);
	*result = (struct plugin_result){ 0 };
}

static char *copy_detail(const char *detail, const char *fallback)
{
	char text[PLUGIN_DETAIL_MAX];

	text_format(text, sizeof(text), "%s", detail && *detail ? detail : fallback);
	return xstrdup(text);
}

static bool is_address(const struct postseal_address *a)
{
	struct address parsed;

	return a->address && address_parse(a->address, &parsed, NULL) >= 0 &&
	       (!a->sni || dname_is_valid(a->sni, 0));
}

/* False: it names something that is no address. */
static bool copy_addresses(
	struct plugin_result *ret, const struct postseal_result *result)
{
	struct postseal_address *list;

	if (result->n_addresses == 0)
		return true;
	if (result->n_addresses > PLUGIN_ADDRESSES_MAX || !result->addresses)
		return false;
	list = xnew_array(struct postseal_address, result->n_addresses);
	ret->addresses = list;
	for (size_t i = 0; i < result->n_addresses; i++) {
		if (!is_address(&result->addresses[i]))
			return false;
		list[i].address = xstrdup(result->addresses[i].address);
		list[i].sni = xstrdup(result->addresses[i].sni);
		ret->n_addresses++;
	}
	return true;
}

static bool copy_saved(struct plugin_result *ret, const char *saved)
{
	if (!saved)
		return true;
	if (strnlen(saved, PLUGIN_SAVED_BYTES_MAX + 1) > PLUGIN_SAVED_BYTES_MAX)
		return false;
	ret->saved = xstrdup(saved);
	return true;
}

static void fail_result(struct plugin_result *ret, const char *detail)
{
	result_done(ret);
	ret->outcome = POSTSEAL_FAILED;
	ret->detail = copy_detail(detail, detail);
}

static void copy_result(struct plugin_result *ret, const struct postseal_result *result)
{
	if (!POSTSEAL_HAS(result, struct postseal_result, saved) ||
		(unsigned)result->outcome > POSTSEAL_REFUSED) {
		fail_result(ret, "the plugin's answer is not understood");
		return;
	}
	ret->outcome = result->outcome;
	ret->retry_usec = MIN(result->retry_usec, 30 * USEC_PER_DAY);
	if (result->outcome != POSTSEAL_OK)
		ret->detail = copy_detail(result->detail, "the plugin gives no reason");
	if (!copy_addresses(ret, result))
		fail_result(ret, "the plugin names an address that is none");
	else if (!copy_saved(ret, result->saved))
		fail_result(ret, "the plugin wants to keep too much");
}

/* --- the handle that the plugin has ---------------------------------------------------------- */

/* The plugin may still hold it: it is kept for a while, and leads nowhere. */
static void retire(struct plugin_host *host, struct postseal_call *handle)
{
	handle->call = NULL;
	list_append(&host->over, &handle->entry);
	if (host->n_over < OVER_KEPT) {
		host->n_over++;
		return;
	}
	struct postseal_call *oldest =
		list_entry(host->over.next, struct postseal_call, entry);
	list_remove(&oldest->entry);
	free(oldest);
}

/* --- the end ------------------------------------------------------------------------------------ */

static void on_completed(void *userdata)
{
	struct plugin_call *call = userdata;
	struct plugin_result result = call->result;
	plugin_done_fn *done = TAKE_PTR(call->done);

	call->result = (struct plugin_result){ 0 };
	if (call->deadline)
		loop_timer_disarm(call->deadline);
	done(&result, call->userdata);
	result_done(&result);
}

static void complete(struct plugin_call *call)
{
	struct plugin_host *host = call->instance->host;

	call->is_completed = true;
	retire(host, TAKE_PTR(call->handle));
	call->defer = loop_defer_new(host->in.loop, on_completed, call);
}

void plugin_call_complete(
	struct plugin_call *call, enum postseal_outcome outcome, const char *detail)
{
	call->result.outcome = outcome;
	if (outcome != POSTSEAL_OK)
		call->result.detail = copy_detail(detail, "no reason is known");
	complete(call);
}

void plugin_services_complete(
	struct postseal_call *handle, const struct postseal_result *result)
{
	if (!handle->call) {
		log_warning(handle->instance ? &handle->instance->log : NULL,
			"completes a call that is over: ignored");
		return;
	}
	copy_result(&handle->call->result, result);
	complete(handle->call);
}

static void drop_at_plugin(struct plugin_call *call)
{
	struct plugin_instance *instance = call->instance;
	struct postseal_call *handle = TAKE_PTR(call->handle);

	handle->call = NULL;
	if (call->cancel)
		call->cancel(instance->data, handle);
	retire(instance->host, handle);
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct plugin_call *call = userdata;

	if (call->is_completed)
		return;
	drop_at_plugin(call);
	fail_result(&call->result, "the plugin did not answer in time");
	call->is_completed = true;
	call->defer = loop_defer_new(call->instance->host->in.loop, on_completed, call);
	log_warning(&call->instance->log, "%s: no answer in time", call->method);
}

/* --- the operation -------------------------------------------------------------------------------- */

struct plugin_call *plugin_call_new(struct plugin_instance *instance,
	const char *method, void *params, void (*free_params)(void *params),
	plugin_done_fn *done, void *userdata)
{
	struct plugin_call *call = xnew(struct plugin_call);
	struct plugin_host *host = instance->host;

	call->instance = instance;
	call->method = method;
	call->params = params;
	call->free_params = free_params;
	call->done = done;
	call->userdata = userdata;
	call->handle = xnew(struct postseal_call);
	list_init(&call->handle->entry);
	call->handle->call = call;
	call->handle->instance = instance;
	call->deadline = loop_timer_new(host->in.loop, on_deadline, call);
	loop_timer_set_after(call->deadline, host->in.call_deadline_usec);
	list_append(&instance->calls, &call->entry);
	return call;
}

void plugin_call_silence(struct plugin_call *call)
{
	if (call->handle)
		drop_at_plugin(call);
	list_remove(&call->entry);
	call->deadline = loop_timer_free(call->deadline);
	call->defer = loop_defer_free(call->defer);
	call->instance = NULL;
}

struct plugin_call *plugin_call_cancel(struct plugin_call *call)
{
	if (!call)
		return NULL;
	plugin_call_silence(call);
	result_done(&call->result);
	call->free_params(call->params);
	free(call);
	return NULL;
}
