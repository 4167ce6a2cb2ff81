/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Service: HTTP requests of plugins. */
#include <errno.h>
#include <string.h>

#include "io/http.h"
#include "plugin/entry.h"
#include "plugin/service_priv.h"
#include "util/mem.h"

#define BODY_BYTES_MAX (1024 * 1024)
#define DEADLINE_MAX   (10 * USEC_PER_MIN)
#define PARAMS_MIN     service_end_of(struct postseal_http_params, deadline_usec)

struct request {
	struct service_op op;
	struct http_request *request; /* owned */
	postseal_http_fn *fn;
	void *userdata;
};

static void request_free(struct service_op *op)
{
	struct request *r = container_of(op, struct request, op);

	if (r->request)
		http_request_cancel(r->request);
	free(r);
}

static void on_http(const struct http_result *http, void *userdata)
{
	struct request *r = userdata;
	postseal_http_fn *fn = r->fn;
	void *fn_userdata = r->userdata;
	struct plugin_entry entry;
	struct postseal_http_result result = {
		.size = sizeof(result),
		.status = http->status,
		.body = http->body,
		.body_len = http->body_len,
		.detail = http->detail,
	};

	/* What the result points to lives until we return. */
	plugin_enter(&entry, r->op.instance, "callback of http_start", NULL);
	service_op_free(&r->op);
	fn(&result, fn_userdata);
	plugin_leave(&entry);
}

static int convert(struct http_params *to, const struct postseal_http_params *from,
	struct err *err)
{
	bool is_post = from->method && strcmp(from->method, "POST") == 0;

	if (!is_post && (!from->method || strcmp(from->method, "GET") != 0))
		return err_set(err, -EINVAL, "the method is neither GET nor POST");
	if (!from->url)
		return err_set(err, -EINVAL, "no URL");
	if (!from->body && from->body_len > 0)
		return err_set(err, -EINVAL, "a body of nothing");
	*to = (struct http_params){
		.method = is_post ? HTTP_POST : HTTP_GET,
		.url = from->url,
		.body = from->body,
		.body_len = from->body_len,
		.content_type = from->content_type,
		.max_body_bytes = MIN(from->max_body_bytes, (size_t)BODY_BYTES_MAX),
		.deadline_usec = MIN(from->deadline_usec, DEADLINE_MAX),
	};
	return 0;
}

static int start(
	struct request *r, const struct postseal_http_params *params, struct err *err)
{
	struct http_client *client = r->op.instance->host->params.http;
	struct http_params converted;

	if (!client)
		return err_set(err, -EOPNOTSUPP, "there is no HTTP client here");
	int code = convert(&converted, params, err);
	if (code < 0)
		return code;
	return http_request_start(&r->request, client, &converted, on_http, r, err);
}

struct postseal_http *service_http_start(struct postseal_host *host,
	const struct postseal_http_params *params, postseal_http_fn *fn, void *userdata)
{
	struct plugin_instance *instance = plugin_instance_of(host);
	struct postseal_http_params taken;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!instance || !fn ||
		!service_take(instance, &taken, sizeof(taken), params, PARAMS_MIN))
		return NULL;
	struct request *r = xnew(struct request);
	if (!service_op_init(&r->op, instance, HANDLE_HTTP, request_free)) {
		free(r);
		return NULL;
	}
	r->fn = fn;
	r->userdata = userdata;
	if (start(r, &taken, &err) < 0) {
		service_op_free(&r->op);
		return service_refuse(instance, "request", &err);
	}
	return r->op.handle;
}

void service_http_cancel(struct postseal_http *op)
{
	service_op_cancel(HANDLE_HTTP, op);
}
