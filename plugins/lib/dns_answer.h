/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A challenge whose answer is a TXT value in the DNS for as long as the CA looks: it is put
 * there by the domain's provider, looked for with eyes of our own, and removed. The methods
 * of a plugin whose instance has been opened by dns_answer_open.
 */
#pragma once

#include "plugins/postseal-plugin.h"

#define DNS_ANSWER_NAME_BYTES 512

/* Writes the name at which the CA looks. 0, or -1: it cannot be made. */
typedef int dns_answer_name_fn(
	const struct postseal_task *task, char *name, size_t size);

int dns_answer_open(struct postseal_host *host,
	const struct postseal_services *services, dns_answer_name_fn *name, void **ret);
void dns_answer_close(void *instance);

/* Is there a provider, and which records has that to find? */
void dns_answer_want(
	void *instance, const struct postseal_task *task, struct postseal_call *call);
void dns_answer_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call);
void dns_answer_ready(
	void *instance, const struct postseal_task *task, struct postseal_call *call);
void dns_answer_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call);
void dns_answer_cancel(void *instance, struct postseal_call *call);
