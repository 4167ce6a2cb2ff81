/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Service: HTTP requests of plugins. */
#include <errno.h>
#include <string.h>

#include "io/http.h"
#include "plugin/entry.h"
#include "plugin/service_priv.h"
#include "util/mem.h"

#define BODY_BYTES_MAX (1024 * 1024)
#define HEADERS_MAX    16
#define HEADER_BYTES   1024
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

/* A line that another could begin in is none. */
static bool is_header(const char *line)
{
	size_t len = strnlen(line, HEADER_BYTES);
	const char *colon = memchr(line, ':', len);

	if (len == HEADER_BYTES || !colon || colon == line)
		return false;
	for (const char *p = line; p < line + len; p++) {
		if (*p < ' ' || *p == 0x7f || (p < colon && *p == ' '))
			return false;
	}
	return true;
}

static int check_headers(const char *const *headers, struct err *err)
{
	for (size_t i = 0; headers && headers[i]; i++) {
		if (i == HEADERS_MAX || !is_header(headers[i]))
			return err_set(err, -EINVAL, "a header line that is none");
	}
	return 0;
}

/* Who is reached without TLS can only be on this machine: secrets go there. */
static bool is_on_this_machine(const char *url)
{
	static const char *const begins[] = { "http://127.", "http://[::1]" };

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		size_t len = strlen(begins[i]);
		const char *rest = url + len;

		if (strncmp(url, begins[i], len) != 0)
			continue;
		rest += strspn(rest, "0123456789.");
		return *rest == '/' || *rest == ':' || *rest == '\0';
	}
	return false;
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
	int r = check_headers(from->headers, err);
	if (r < 0)
		return r;
	*to = (struct http_params){
		.flags = is_on_this_machine(from->url) ? HTTP_ALLOW_PLAIN : 0,
		.method = is_post ? HTTP_POST : HTTP_GET,
		.url = from->url,
		.body = from->body,
		.body_len = from->body_len,
		.content_type = from->content_type,
		.lines = from->headers,
		.ca_file = from->ca_file,
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
