/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * http-01 (RFC 8555 section 8.3): the front answers for us on port 80. We publish, look
 * whether our own listener gives the answer, and withdraw.
 */
#include <errno.h>
#include <stdlib.h>

#include "plugins/postseal-plugin.h"

struct http01 {
	struct postseal_host *host;
	const struct postseal_services *services;
};

/* A call that waits for the front. */
struct pending {
	struct http01 *self;
	struct postseal_call *call;
	struct postseal_publication *op;
	enum postseal_outcome outcome_if_not; /* what "no" means to this call */
};

typedef struct postseal_publication *start_fn(struct postseal_host *host,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata);

static void end_call(const struct http01 *self, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	self->services->complete(call, &result);
}

static struct postseal_answer answer_for(const struct postseal_task *task)
{
	return (struct postseal_answer){
		.size = sizeof(struct postseal_answer),
		.kind = POSTSEAL_ANSWER_HTTP,
		.name = task->name,
		.token = task->token,
		.key_authorization = task->key_authorization,
	};
}

static void on_front(int ok, const char *detail, void *userdata)
{
	struct pending *pending = userdata;

	end_call(pending->self, pending->call,
		ok ? POSTSEAL_OK : pending->outcome_if_not, ok ? NULL : detail);
	free(pending);
}

static void ask_front(struct http01 *self, const struct postseal_task *task,
	struct postseal_call *call, start_fn *start, enum postseal_outcome if_not)
{
	const struct postseal_answer answer = answer_for(task);
	struct pending *pending = calloc(1, sizeof(*pending));

	if (!pending) {
		end_call(self, call, POSTSEAL_FAILED, "out of memory");
		return;
	}
	*pending = (struct pending){ self, call, NULL, if_not };
	pending->op = start(self->host, &answer, on_front, pending);
	if (!pending->op) {
		free(pending);
		end_call(self, call, POSTSEAL_FAILED, "the front was not asked");
		return;
	}
	self->services->call_set_data(call, pending);
}

static void http01_offers(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	if (task->is_wildcard)
		end_call(instance, call, POSTSEAL_REFUSED,
			"http-01 cannot validate a wildcard name");
	else
		end_call(instance, call, POSTSEAL_OK, NULL);
}

static void http01_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	struct http01 *self = instance;

	ask_front(self, task, call, self->services->publish_start, POSTSEAL_FAILED);
}

static void http01_ready(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	struct http01 *self = instance;

	ask_front(self, task, call, self->services->look_start, POSTSEAL_NOT_YET);
}

static void http01_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	const struct http01 *self = instance;
	const struct postseal_answer answer = answer_for(task);

	self->services->withdraw(self->host, &answer);
	end_call(self, call, POSTSEAL_OK, NULL);
}

static void http01_cancel(void *instance, struct postseal_call *call)
{
	const struct http01 *self = instance;
	struct pending *pending = self->services->call_get_data(call);

	if (!pending)
		return;
	self->services->publication_cancel(pending->op);
	free(pending);
}

static int http01_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	struct http01 *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	*self = (struct http01){ host, services };
	*ret = self;
	return 0;
}

static void http01_close(void *instance)
{
	free(instance);
}

static const struct postseal_challenge challenge = {
	.size = sizeof(challenge),
	.type = "http-01",
	.offers = http01_offers,
	.present = http01_present,
	.ready = http01_ready,
	.cleanup = http01_cleanup,
	.cancel = http01_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "http-01",
	.summary = "Validates a name by an answer on port 80.",
	.version = "1.0",
	.open = http01_open,
	.close = http01_close,
	.challenge = &challenge,
};
