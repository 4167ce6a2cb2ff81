/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dns_answer.h. */
#include "plugins/lib/dns_answer.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA256_BYTES 32
#define VALUE_BYTES  64 /* 43 characters in base64url, and some */

struct dns_answer {
	struct postseal_host *host;
	const struct postseal_services *services;
	dns_answer_name_fn *name;
};

/* A call that waits for the DNS. */
struct pending {
	struct dns_answer *self;
	struct postseal_call *call;
	struct postseal_txt_op *op;
};

static void end_call(const struct dns_answer *self, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	self->services->complete(call, &result);
}

/* --- the value: base64url of the SHA-256 of the key authorization (RFC 8555, section 8.4) */

static void encode(const unsigned char *data, size_t len, char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0, n_bits = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | data[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			*text++ = digits[bits >> (n_bits - 6) & 63];
	}
	if (n_bits > 0)
		*text++ = digits[bits << (6 - n_bits) & 63];
	*text = '\0';
}

static int make_value(const struct postseal_task *task, char *value)
{
	unsigned char digest[SHA256_BYTES];
	const char *text = task->key_authorization;

	if (!text ||
		gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), digest) < 0)
		return -1;
	encode(digest, sizeof(digest), value);
	return 0;
}

/* --- asking ----------------------------------------------------------------------------- */

static void on_dns(const struct postseal_txt_result *answer, void *userdata)
{
	struct pending *pending = userdata;
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = answer->outcome,
		.detail = answer->detail,
		.retry_usec = answer->retry_usec,
		.wanted = answer->wanted,
		.n_wanted = answer->n_wanted,
	};

	pending->self->services->complete(pending->call, &result);
	free(pending);
}

static void start(struct dns_answer *self, enum postseal_txt_act act,
	const struct postseal_txt *txt, struct postseal_call *call)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (!pending) {
		end_call(self, call, POSTSEAL_FAILED, "out of memory");
		return;
	}
	*pending = (struct pending){ self, call, NULL };
	pending->op = self->services->txt_start(self->host, act, txt, on_dns, pending);
	if (!pending->op) {
		free(pending);
		end_call(self, call, POSTSEAL_FAILED,
			"its value was not taken, for a reason that the log tells");
		return;
	}
	self->services->call_set_data(call, pending);
}

static void ask(struct dns_answer *self, enum postseal_txt_act act,
	const struct postseal_task *task, struct postseal_call *call)
{
	char name[DNS_ANSWER_NAME_BYTES], value[VALUE_BYTES] = "";
	struct postseal_txt txt = {
		.size = sizeof(txt),
		.domain = task->domain,
		.name = name,
		.value = act == POSTSEAL_TXT_WHERE ? NULL : value,
	};

	if (self->name(task, name, sizeof(name)) < 0)
		end_call(self, call, POSTSEAL_REFUSED,
			"the name that the CA would look at is too long");
	else if (act != POSTSEAL_TXT_WHERE && make_value(task, value) < 0)
		end_call(self, call, POSTSEAL_FAILED, "the challenge has no token");
	else
		start(self, act, &txt, call);
}

void dns_answer_want(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	ask(instance, POSTSEAL_TXT_WHERE, task, call);
}

void dns_answer_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	ask(instance, POSTSEAL_TXT_PUT, task, call);
}

void dns_answer_ready(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	ask(instance, POSTSEAL_TXT_LOOK, task, call);
}

void dns_answer_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	ask(instance, POSTSEAL_TXT_REMOVE, task, call);
}

void dns_answer_cancel(void *instance, struct postseal_call *call)
{
	const struct dns_answer *self = instance;
	struct pending *pending = self->services->call_get_data(call);

	if (!pending)
		return;
	self->services->txt_cancel(pending->op);
	free(pending);
}

int dns_answer_open(struct postseal_host *host,
	const struct postseal_services *services, dns_answer_name_fn *name, void **ret)
{
	struct dns_answer *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	*self = (struct dns_answer){ host, services, name };
	*ret = self;
	return 0;
}

void dns_answer_close(void *instance)
{
	free(instance);
}
