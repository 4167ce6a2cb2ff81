/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A challenge whose answer the front gives for us: we publish it, look whether our own
 * listener gives it, and withdraw it. The methods of a plugin whose instance has been
 * opened by front_answer_open.
 */
#pragma once

#include "plugins/postseal-plugin.h"

int front_answer_open(struct postseal_host *host,
	const struct postseal_services *services, enum postseal_answer_kind kind,
	void **ret);
void front_answer_close(void *instance);

void front_answer_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call);
void front_answer_ready(
	void *instance, const struct postseal_task *task, struct postseal_call *call);
void front_answer_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call);
void front_answer_cancel(void *instance, struct postseal_call *call);
