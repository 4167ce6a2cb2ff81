/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See front_answer.h. */
#include "plugins/lib/front_answer.h"

#include <errno.h>
#include <stdlib.h>

struct front_answer {
	struct postseal_host *host;
	const struct postseal_services *services;
	enum postseal_answer_kind kind;
};

/* A call that waits for the front. */
struct pending {
	struct front_answer *self;
	struct postseal_call *call;
	struct postseal_publication *op;
	enum postseal_outcome outcome_if_not; /* what "no" means to this call */
};

typedef struct postseal_publication *start_fn(struct postseal_host *host,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata);

static void end_call(const struct front_answer *self, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	self->services->complete(call, &result);
}

static struct postseal_answer answer_for(
	const struct front_answer *self, const struct postseal_task *task)
{
	return (struct postseal_answer){
		.size = sizeof(struct postseal_answer),
		.kind = self->kind,
		.name = task->name,
		.token = self->kind == POSTSEAL_ANSWER_HTTP ? task->token : NULL,
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

static void ask_front(struct front_answer *self, const struct postseal_task *task,
	struct postseal_call *call, start_fn *start, enum postseal_outcome if_not)
{
	const struct postseal_answer answer = answer_for(self, task);
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

void front_answer_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	struct front_answer *self = instance;

	ask_front(self, task, call, self->services->publish_start, POSTSEAL_FAILED);
}

void front_answer_ready(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	struct front_answer *self = instance;

	ask_front(self, task, call, self->services->look_start, POSTSEAL_NOT_YET);
}

void front_answer_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	const struct front_answer *self = instance;
	const struct postseal_answer answer = answer_for(self, task);

	self->services->withdraw(self->host, &answer);
	end_call(self, call, POSTSEAL_OK, NULL);
}

void front_answer_cancel(void *instance, struct postseal_call *call)
{
	const struct front_answer *self = instance;
	struct pending *pending = self->services->call_get_data(call);

	if (!pending)
		return;
	self->services->publication_cancel(pending->op);
	free(pending);
}

int front_answer_open(struct postseal_host *host,
	const struct postseal_services *services, enum postseal_answer_kind kind,
	void **ret)
{
	struct front_answer *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	*self = (struct front_answer){ host, services, kind };
	*ret = self;
	return 0;
}

void front_answer_close(void *instance)
{
	free(instance);
}
