/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls-alpn-01 (RFC 8737): the front shows a certificate that holds the answer to whoever
 * offers acme-tls/1 alone on port 443. */
#include "plugins/lib/front_answer.h"

static int alpn01_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	return front_answer_open(host, services, POSTSEAL_ANSWER_ALPN, ret);
}

static const struct postseal_challenge challenge = {
	.size = sizeof(challenge),
	.type = "tls-alpn-01",
	.present = front_answer_present,
	.ready = front_answer_ready,
	.cleanup = front_answer_cleanup,
	.cancel = front_answer_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "tls-alpn-01",
	.summary = "Validates a name by a certificate of its own on port 443.",
	.version = "1.0",
	.open = alpn01_open,
	.close = front_answer_close,
	.challenge = &challenge,
};
