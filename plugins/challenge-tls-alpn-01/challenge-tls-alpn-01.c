/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls-alpn-01 (RFC 8737): a TLS listener with acme = yes shows the answer. */
#include <stdlib.h>

#include "plugins/postseal-plugin.h"

struct alpn01 {
	struct postseal_host *host;
	const struct postseal_services *services;
};

/* What a call is waiting for. */
struct waiting {
	const struct postseal_services *services;
	struct postseal_call *call;
	struct postseal_publication *publication;
};

static int alpn01_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	struct alpn01 *p = calloc(1, sizeof(*p));

	if (!p)
		return -12;
	p->host = host;
	p->services = services;
	*ret = p;
	return 0;
}

static void alpn01_close(void *instance)
{
	free(instance);
}

static struct postseal_answer make_answer(const struct postseal_task *task)
{
	return (struct postseal_answer){
		.size = sizeof(struct postseal_answer),
		.kind = POSTSEAL_ANSWER_ALPN,
		.name = task->name,
		.token = task->token,
		.key_authorization = task->key_authorization,
	};
}

static void finish(const struct postseal_services *services, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	services->complete(call, &result);
}

static void alpn01_offers(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	struct alpn01 *p = instance;

	if (task->is_wildcard)
		finish(p->services, call, POSTSEAL_REFUSED,
			"cannot validate a wildcard name");
	else
		finish(p->services, call, POSTSEAL_OK, NULL);
}

static void on_published(int ok, const char *detail, void *userdata)
{
	struct waiting *w = userdata;
	const struct postseal_services *services = w->services;
	struct postseal_call *call = w->call;

	free(w);
	finish(services, call, ok ? POSTSEAL_OK : POSTSEAL_FAILED, detail);
}

static void on_looked(int ok, const char *detail, void *userdata)
{
	struct waiting *w = userdata;
	const struct postseal_services *services = w->services;
	struct postseal_call *call = w->call;

	free(w);
	finish(services, call, ok ? POSTSEAL_OK : POSTSEAL_NOT_YET, detail);
}

/* One of the two services that take an answer and tell how it went. */
typedef struct postseal_publication *service_fn(struct postseal_host *host,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata);

static void begin(struct alpn01 *p, const struct postseal_task *task,
	struct postseal_call *call, service_fn *start, postseal_publication_fn *fn)
{
	const struct postseal_answer answer = make_answer(task);
	struct waiting *w = calloc(1, sizeof(*w));

	if (w) {
		w->services = p->services;
		w->call = call;
		w->publication = start(p->host, &answer, fn, w);
	}
	if (w && w->publication) {
		p->services->call_set_data(call, w);
		return;
	}
	free(w);
	finish(p->services, call, POSTSEAL_FAILED, "the front cannot be asked");
}

static void alpn01_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	struct alpn01 *p = instance;

	if (!task->token || !task->key_authorization)
		finish(p->services, call, POSTSEAL_REFUSED, "the CA gave no token");
	else
		begin(p, task, call, p->services->publish_start, on_published);
}

static void alpn01_ready(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	struct alpn01 *p = instance;

	begin(p, task, call, p->services->look_start, on_looked);
}

static void alpn01_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	struct alpn01 *p = instance;
	const struct postseal_answer answer = make_answer(task);

	p->services->withdraw(p->host, &answer);
	finish(p->services, call, POSTSEAL_OK, NULL);
}

static void alpn01_cancel(void *instance, struct postseal_call *call)
{
	struct alpn01 *p = instance;
	struct waiting *w = p->services->call_get_data(call);

	if (!w)
		return;
	p->services->publication_cancel(w->publication);
	free(w);
}

static const struct postseal_challenge challenge = {
	.size = sizeof(challenge),
	.type = "tls-alpn-01",
	.offers = alpn01_offers,
	.present = alpn01_present,
	.ready = alpn01_ready,
	.cleanup = alpn01_cleanup,
	.cancel = alpn01_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "tls-alpn-01",
	.summary =
		"Answers the CA in a TLS handshake on port 443, by a listener with acme = yes.",
	.version = "1",
	.open = alpn01_open,
	.close = alpn01_close,
	.challenge = &challenge,
};
