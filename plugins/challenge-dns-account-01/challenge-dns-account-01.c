/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dns-account-01 (draft-ietf-acme-dns-account-label): as dns-01, but at a name that has a
 * label of the account before it, so that several clients can be delegated apart.
 */
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

#include "plugins/lib/dns_answer.h"

#define LABEL_BYTES 10 /* of the digest: 16 characters in base32 */

/* RFC 4648, section 6, in lower case; ten octets need no padding. */
static void encode(const unsigned char *data, size_t len, char *text)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned bits = 0, n_bits = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | data[i];
		for (n_bits += 8; n_bits >= 5; n_bits -= 5)
			*text++ = digits[bits >> (n_bits - 5) & 31];
	}
	*text = '\0';
}

static int make_name(const struct postseal_task *task, char *name, size_t size)
{
	unsigned char digest[32];
	char label[32];
	const char *url = task->account_url;

	if (!url || gnutls_hash_fast(GNUTLS_DIG_SHA256, url, strlen(url), digest) < 0)
		return -1;
	encode(digest, LABEL_BYTES, label);
	int n = snprintf(name, size, "_%s._acme-challenge.%s", label, task->name);
	return n > 0 && (size_t)n < size ? 0 : -1;
}

static int account01_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	return dns_answer_open(host, services, make_name, ret);
}

static const struct postseal_challenge challenge = {
	.size = sizeof(challenge),
	.type = "dns-account-01",
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
	.name = "dns-account-01",
	.summary =
		"Validates a name by a value in the DNS, at a name of the account's own.",
	.version = "1.0",
	.open = account01_open,
	.close = dns_answer_close,
	.challenge = &challenge,
};
