/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See replay_http.h. A request stays allocated after its answer until its owner drops
 * it, as the contract of operations has it; so a leak or a second use shows. */
#include "tests/replay/replay_http.h"

#include <assert.h>
#include <errno.h>

#include "util/list.h"
#include "util/mem.h"

struct replay_client {
	struct http_client base; /* first */
	struct list pending;
	size_t n_alive;
	size_t n_total;
	bool refuses_next;
};

struct replay_pending {
	struct http_request base; /* first */
	struct list link;         /* linked until it is answered */
	struct replay_client *client;
	struct replay_request request;
	http_done_fn *done;
	void *userdata;
};

static int request_start(struct http_request **ret, struct http_client *base,
	const struct http_params *params, http_done_fn *done, void *userdata,
	struct err *err)
{
	struct replay_client *client = (struct replay_client *)base;

	if (client->refuses_next) {
		client->refuses_next = false;
		return err_set_kind(err, ERR_LOCAL, -EMFILE, "no descriptor is left");
	}
	struct replay_pending *pending = xnew(struct replay_pending);
	pending->base.ops = base->ops;
	pending->client = client;
	pending->request = (struct replay_request){
		.method = params->method,
		.url = xstrdup(params->url),
		.body = params->body ? xstrndup(params->body, params->body_len) : NULL,
		.content_type = xstrdup(params->content_type),
		.accept = xstrdup(params->accept),
		.max_body_bytes = params->max_body_bytes,
	};
	pending->done = done;
	pending->userdata = userdata;
	list_append(&client->pending, &pending->link);
	client->n_alive++;
	client->n_total++;
	*ret = &pending->base;
	return 0;
}

static struct http_request *request_cancel(struct http_request *base)
{
	struct replay_pending *pending = (struct replay_pending *)base;

	list_remove(&pending->link);
	pending->client->n_alive--;
	free(pending->request.accept);
	free(pending->request.content_type);
	free(pending->request.body);
	free(pending->request.url);
	free(pending);
	return NULL;
}

static struct http_client *client_free(struct http_client *base)
{
	struct replay_client *client = (struct replay_client *)base;

	/* An owner that forgets one. */
	assert(client->n_alive == 0);
	free(client);
	return NULL;
}

struct http_client *replay_http_new(struct loop *loop)
{
	static const struct http_client_ops ops = {
		.request_start = request_start,
		.request_cancel = request_cancel,
		.free = client_free,
	};
	struct replay_client *client = xnew(struct replay_client);

	client->base.ops = &ops;
	list_init(&client->pending);
	return &client->base;
}

static struct replay_pending *find_oldest(const struct http_client *base)
{
	const struct replay_client *client = (const struct replay_client *)base;

	if (list_is_empty(&client->pending))
		return NULL;
	return list_entry(client->pending.next, struct replay_pending, link);
}

const struct replay_request *replay_http_find(const struct http_client *base)
{
	const struct replay_pending *pending = find_oldest(base);

	return pending ? &pending->request : NULL;
}

size_t replay_http_count(const struct http_client *base)
{
	const struct replay_client *client = (const struct replay_client *)base;
	const struct replay_pending *pending;
	size_t n = 0;

	list_foreach(pending, &client->pending, link)
		n++;
	return n;
}

size_t replay_http_total(const struct http_client *base)
{
	return ((const struct replay_client *)base)->n_total;
}

void replay_http_answer(struct http_client *base, const struct http_result *result)
{
	struct replay_pending *pending = find_oldest(base);

	assert(pending);
	list_remove(&pending->link);
	pending->done(result, pending->userdata);
}

void replay_http_refuse_next(struct http_client *base)
{
	((struct replay_client *)base)->refuses_next = true;
}
