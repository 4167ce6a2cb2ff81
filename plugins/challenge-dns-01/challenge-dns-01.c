/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns-01 (RFC 8555 section 8.4): a TXT value at _acme-challenge.NAME. */
#include <stdio.h>

#include "plugins/lib/dns_answer.h"

static int make_name(const struct postseal_task *task, char *name, size_t size)
{
	int n = snprintf(name, size, "_acme-challenge.%s", task->name);

	return n > 0 && (size_t)n < size ? 0 : -1;
}

static int dns01_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	return dns_answer_open(host, services, make_name, ret);
}

static const struct postseal_challenge challenge = {
	.size = sizeof(challenge),
	.type = "dns-01",
	.flags = POSTSEAL_CHALLENGE_WILDCARD | POSTSEAL_CHALLENGE_DNS,
	.want = dns_answer_want,
	.present = dns_answer_present,
	.ready = dns_answer_ready,
	.cleanup = dns_answer_cleanup,
	.cancel = dns_answer_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "dns-01",
	.summary = "Validates a name by a value in the DNS.",
	.version = "1.0",
	.open = dns01_open,
	.close = dns_answer_close,
	.challenge = &challenge,
};
