/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http-01 (RFC 8555 section 8.3): the front answers for us on port 80. */
#include "plugins/lib/front_answer.h"

static int http01_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	return front_answer_open(host, services, POSTSEAL_ANSWER_HTTP, ret);
}

static const struct postseal_challenge challenge = {
	.size = sizeof(challenge),
	.type = "http-01",
	.present = front_answer_present,
	.ready = front_answer_ready,
	.cleanup = front_answer_cleanup,
	.cancel = front_answer_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "http-01",
	.summary = "Validates a name by an answer on port 80.",
	.version = "1.0",
	.open = http01_open,
	.close = front_answer_close,
	.challenge = &challenge,
};
