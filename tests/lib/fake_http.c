/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/fake_http.h"

#include <string.h>

#include "io/http_priv.h"
#include "util/list.h"
#include "util/mem.h"
#include "util/strtab.h"

#define FAKE_BODY_MAX (16 * 1024 * 1024)

static const char *const method_names[] = {
	[HTTP_GET] = "GET",
	[HTTP_HEAD] = "HEAD",
	[HTTP_POST] = "POST",
};

struct fake_client {
	struct http_client base;
	struct loop *loop; /* borrowed; outlives the client */
	struct list requests;
	unsigned n_started;
	fake_http_handler_fn *handler;
	void *userdata; /* borrowed */
};

struct fake_request {
	struct http_request base;
	struct list link;         /* in the client's list */
	struct loop_timer *timer; /* owned; delivers */
	struct fake_http_answer answer;
	http_done_fn *done;
	void *userdata; /* borrowed */
};

static struct fake_client *to_client(const struct http_client *client)
{
	return container_of(client, struct fake_client, base);
}

/* Back to before the start: silent, with nothing held but the handle itself. */
static void request_detach(struct fake_request *req)
{
	list_remove(&req->link);
	req->timer = loop_timer_free(req->timer);
	http_headers_done(&req->answer.headers);
	buf_done(&req->answer.body);
}

static struct http_request *fake_request_cancel(struct http_request *base)
{
	struct fake_request *req = container_of(base, struct fake_request, base);

	request_detach(req);
	free(req);
	return NULL;
}

static void on_time(struct loop_timer *timer, void *userdata)
{
	struct fake_request *req = userdata;
	/* done may cancel the request: what it looks at must outlive that. */
	struct fake_http_answer answer = req->answer;
	bool is_ok = answer.outcome == HTTP_OK;
	struct http_headers none = { .n = 0 };
	const char *detail = answer.detail ? answer.detail : "faked";
	struct http_result result = {
		.outcome = answer.outcome,
		.status = is_ok ? answer.status : 0,
		.body = is_ok ? buf_str(&answer.body) : "",
		.body_len = is_ok ? answer.body.len : 0,
		.detail = is_ok ? NULL : detail,
		.headers = is_ok ? &answer.headers : &none,
	};

	list_remove(&req->link);
	req->answer = (struct fake_http_answer){ .outcome = HTTP_OK };
	req->done(&result, req->userdata);
	http_headers_done(&answer.headers);
	buf_done(&answer.body);
}

/* What the real client would make of such an answer. */
static void apply_limits(
	struct fake_http_answer *answer, const struct http_params *params)
{
	usec_t deadline_usec =
		params->deadline_usec ? params->deadline_usec : HTTP_DEADLINE_DEFAULT;
	size_t body_max = params->max_body_bytes ? params->max_body_bytes
						 : HTTP_BODY_BYTES_DEFAULT;

	if (params->method == HTTP_HEAD)
		buf_reset(&answer->body);
	if (answer->outcome == HTTP_OK && answer->body.len > body_max) {
		answer->outcome = HTTP_TOO_LARGE;
		answer->detail = "the answer is too large";
	}
	if (!answer->is_never && answer->delay_usec < deadline_usec)
		return;
	answer->outcome = HTTP_DEADLINE;
	answer->detail = "no answer within the deadline";
	answer->delay_usec = deadline_usec;
}

static void ask_handler(struct fake_client *client, struct fake_request *req,
	const struct http_params *params)
{
	_cleanup_(freep) char *body = xnew_array(char, params->body_len + 1);

	if (params->body_len > 0)
		memcpy(body, params->body, params->body_len);
	struct fake_http_request shown = {
		.method = params->method,
		.method_name = STRTAB_NAME(method_names, params->method),
		.url = params->url,
		.body = body,
		.body_len = params->body_len,
		.content_type = params->content_type,
		.accept = params->accept,
		.connect_to = params->connect_to,
		.deadline_usec = params->deadline_usec ? params->deadline_usec
						       : HTTP_DEADLINE_DEFAULT,
		.number = client->n_started,
	};
	req->answer = (struct fake_http_answer){
		.outcome = HTTP_OK,
		.status = 200,
		.body = BUF_INIT(FAKE_BODY_MAX),
	};
	client->handler(&shown, &req->answer, client->userdata);
	apply_limits(&req->answer, params);
}

static int fake_request_start(struct http_request **ret, struct http_client *base,
	const struct http_params *params, http_done_fn *done, void *userdata,
	struct err *err)
{
	struct fake_client *client = to_client(base);
	struct fake_request *req = xnew(struct fake_request);

	req->base.ops = base->ops;
	req->done = done;
	req->userdata = userdata;
	list_init(&req->link);
	list_append(&client->requests, &req->link);
	client->n_started++;
	ask_handler(client, req, params);
	req->timer = loop_timer_new(client->loop, on_time, req);
	loop_timer_set_after(req->timer, req->answer.delay_usec);
	*ret = &req->base;
	return 0;
}

static struct http_client *fake_client_free(struct http_client *base)
{
	struct fake_client *client = to_client(base);

	while (!list_is_empty(&client->requests))
		request_detach(
			list_entry(client->requests.next, struct fake_request, link));
	free(client);
	return NULL;
}

static const struct http_client_ops fake_ops = {
	.request_start = fake_request_start,
	.request_cancel = fake_request_cancel,
	.free = fake_client_free,
};

struct http_client *fake_http_new(
	struct loop *loop, fake_http_handler_fn *handler, void *userdata)
{
	struct fake_client *client = xnew(struct fake_client);

	client->base.ops = &fake_ops;
	client->loop = loop;
	list_init(&client->requests);
	client->handler = handler;
	client->userdata = userdata;
	return &client->base;
}

void fake_http_add_header(
	struct fake_http_answer *answer, const char *name, const char *value)
{
	_cleanup_(freep) char *line = xasprintf("%s: %s", name, value);

	http_headers_add_line(&answer->headers, line, strlen(line));
}

unsigned fake_http_pending(const struct http_client *base)
{
	const struct list *head = &to_client(base)->requests;
	const struct list *it;
	unsigned n = 0;

	for (it = head->next; it != head; it = it->next)
		n++;
	return n;
}

unsigned fake_http_count(const struct http_client *base)
{
	return to_client(base)->n_started;
}
