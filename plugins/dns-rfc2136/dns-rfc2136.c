/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Puts values into the DNS by dynamic updates (RFC 2136), signed by TSIG: BIND, Knot,
 * PowerDNS and most others take them.
 *
 *   ZONE ──► CHANGE ──► done
 *     │ ▲       │
 *     └─┘       │  the answer does not tell: the name above
 *   ◄───────────┘  not reached: the next server, from the beginning
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/dns-rfc2136/exchange.h"
#include "plugins/dns-rfc2136/key_file.h"
#include "plugins/dns-rfc2136/update.h"
#include "plugins/lib/zones.h"

#define DETAIL_BYTES 700

struct provider {
	struct postseal_host *host;
	const struct postseal_services *services;
	const char *const *servers;
	const char *const *zones;
	struct update_key *key; /* NULL: unsigned */
	uint32_t ttl;
	uint64_t timeout_usec;
};

enum job_state {
	JOB_ZONE,
	JOB_CHANGE,
};

struct job {
	const struct provider *self;
	struct postseal_call *call;
	struct exchange *exchange;
	enum job_state state;
	size_t server; /* index */
	int is_removal;
	char name[UPDATE_NAME_BYTES];
	char *value;
	const char *asked; /* into name: whose zone is looked for */
	char zone[UPDATE_NAME_BYTES];
	struct update_message message;
	char reasons[DETAIL_BYTES];
};

/* clang-format off */
static const struct postseal_setting settings[] = {
	{ .name = "server", .type = POSTSEAL_SETTING_ADDRESSES,
	  .flags = POSTSEAL_SETTING_REQUIRED,
	  .text = "Numeric addresses with port of the nameserver that takes updates, such as 192.0.2.1:53; of several the first that is reached is used." },
	{ .name = "key_file", .type = POSTSEAL_SETTING_PATH,
	  .text = "File with the TSIG key, as tsig-keygen writes it; not readable by everybody." },
	{ .name = "key_name", .type = POSTSEAL_SETTING_STRING,
	  .text = "Without a key_file: the name of the key." },
	{ .name = "key_algorithm", .type = POSTSEAL_SETTING_STRING,
	  .fallback = "hmac-sha256",
	  .text = "Without a key_file: hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512." },
	{ .name = "key_secret", .type = POSTSEAL_SETTING_STRING,
	  .flags = POSTSEAL_SETTING_SECRET,
	  .text = "Without a key_file: the key in base64; best read from a file by </path." },
	{ .name = "ttl", .type = POSTSEAL_SETTING_INT, .fallback = "60",
	  .min = 0, .max = 86400,
	  .text = "How long others may remember a value, in seconds." },
	{ .name = "timeout", .type = POSTSEAL_SETTING_DURATION, .fallback = "10s",
	  .min = 1000000, .max = 300000000,
	  .text = "How long a server may take for one answer." },
	ZONES_SETTING,
	{ .name = NULL },
};
/* clang-format on */

static void job_begin(struct job *job);

/* --- the end ------------------------------------------------------------------------------ */

static void job_free(struct job *job)
{
	exchange_free(job->exchange);
	free(job->value);
	free(job);
}

static void end_call(const struct provider *self, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	self->services->complete(call, &result);
}

static void finish(struct job *job, enum update_outcome outcome, const char *reason)
{
	const struct provider *self = job->self;
	struct postseal_call *call = job->call;
	char detail[DETAIL_BYTES + 512];

	snprintf(detail, sizeof(detail), "%s%s%s: %s", job->reasons,
		job->reasons[0] ? "; " : "", self->servers[job->server], reason);
	job_free(job);
	end_call(self, call,
		outcome == UPDATE_OK        ? POSTSEAL_OK
		: outcome == UPDATE_REFUSED ? POSTSEAL_REFUSED
					    : POSTSEAL_FAILED,
		outcome == UPDATE_OK ? NULL : detail);
}

/* Nothing was said: perhaps the next one does. */
static void try_next(struct job *job, const char *reason)
{
	size_t n = strlen(job->reasons);

	if (!job->self->servers[job->server + 1]) {
		finish(job, UPDATE_FAILED, reason);
		return;
	}
	snprintf(job->reasons + n, sizeof(job->reasons) - n, "%s%s: %s", n ? "; " : "",
		job->self->servers[job->server], reason);
	job->server++;
	job_begin(job);
}

/* --- asking --------------------------------------------------------------------------------- */

static void on_answer(
	const uint8_t *wire, size_t len, const char *detail, void *userdata);

static void ask(struct job *job, int r)
{
	const struct provider *self = job->self;
	char detail[256] = "the question cannot be written";
	const struct exchange_params params = {
		.host = self->host,
		.services = self->services,
		.server = self->servers[job->server],
		.wire = job->message.wire,
		.len = job->message.len,
		.timeout_usec = self->timeout_usec,
	};

	exchange_free(job->exchange);
	job->exchange = NULL;
	if (r < 0) {
		finish(job, UPDATE_REFUSED, detail);
		return;
	}
	job->exchange = exchange_start(&params, on_answer, job, detail, sizeof(detail));
	if (!job->exchange)
		try_next(job, detail);
}

static void ask_zone(struct job *job)
{
	job->state = JOB_ZONE;
	ask(job, update_make_soa(&job->message, job->asked, job->self->key));
}

static void ask_change(struct job *job)
{
	const struct update_change change = {
		.zone = job->zone,
		.name = job->name,
		.value = job->value,
		.ttl = job->self->ttl,
		.is_removal = job->is_removal,
	};

	job->state = JOB_CHANGE;
	ask(job, update_make_change(&job->message, &change, job->self->key));
}

static void take_zone(struct job *job, const uint8_t *wire, size_t len)
{
	const char *above = strchr(job->asked, '.');

	update_read_zone(job->asked, wire, len, job->zone);
	if (job->zone[0]) {
		ask_change(job);
	} else if (above) {
		job->asked = above + 1;
		ask_zone(job);
	} else {
		finish(job, UPDATE_REFUSED, "it has no zone that the name is in");
	}
}

static void on_answer(
	const uint8_t *wire, size_t len, const char *detail, void *userdata)
{
	struct job *job = userdata;
	char reason[256] = "";

	if (detail) {
		try_next(job, detail);
		return;
	}
	enum update_outcome outcome = update_read(
		&job->message, job->self->key, wire, len, reason, sizeof(reason));
	if (outcome == UPDATE_OK && job->state == JOB_ZONE)
		take_zone(job, wire, len);
	else
		finish(job, outcome, reason);
}

/* --- a call ---------------------------------------------------------------------------------- */

static void job_begin(struct job *job)
{
	const char *zone = zones_find(job->self->zones, job->name);

	job->asked = job->name;
	if (!zone) {
		ask_zone(job);
		return;
	}
	snprintf(job->zone, sizeof(job->zone), "%s", zone);
	ask_change(job);
}

static void change(struct provider *self, const struct postseal_value *value,
	int is_removal, struct postseal_call *call)
{
	struct job *job = calloc(1, sizeof(*job));
	char *copy = strdup(value->value);

	if (!job || !copy || strlen(value->name) >= sizeof(job->name)) {
		free(job);
		free(copy);
		end_call(self, call, POSTSEAL_FAILED, "out of memory");
		return;
	}
	job->self = self;
	job->call = call;
	job->is_removal = is_removal;
	job->value = copy;
	snprintf(job->name, sizeof(job->name), "%s", value->name);
	self->services->call_set_data(call, job);
	job_begin(job);
}

static void provider_place(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	const struct provider *self = instance;

	zones_place(self->services, self->zones, value, call);
}

static void provider_add(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	change(instance, value, 0, call);
}

static void provider_remove(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	change(instance, value, 1, call);
}

static void provider_cancel(void *instance, struct postseal_call *call)
{
	const struct provider *self = instance;
	struct job *job = self->services->call_get_data(call);

	if (job)
		job_free(job);
}

/* --- the object ------------------------------------------------------------------------------- */

/* What the settings say of the key; ret->name empty: none. */
static int find_key(struct postseal_host *host,
	const struct postseal_services *services, struct key_words *ret, char *detail,
	size_t size)
{
	const char *file = services->get_string(host, "key_file");
	const char *name = services->get_string(host, "key_name");
	const char *secret = services->get_string(host, "key_secret");
	char reason[300];

	memset(ret, 0, sizeof(*ret));
	if (file) {
		if (!name && !secret &&
			key_file_read(file, ret, reason, sizeof(reason)) == 0)
			return 0;
		snprintf(detail, size, "key_file: %.200s: %s", file,
			name || secret ? "key_name and key_secret are given, too"
				       : reason);
		return -EINVAL;
	}
	if (!name != !secret) {
		snprintf(detail, size, "key_name and key_secret go together; set both");
		return -EINVAL;
	}
	snprintf(ret->name, sizeof(ret->name), "%s", name ? name : "");
	snprintf(ret->secret, sizeof(ret->secret), "%s", secret ? secret : "");
	snprintf(ret->algorithm, sizeof(ret->algorithm), "%s",
		services->get_string(host, "key_algorithm"));
	return 0;
}

static int open_key(struct provider *self, char *detail, size_t size)
{
	struct key_words words;
	int r = find_key(self->host, self->services, &words, detail, size);

	if (r == 0 && words.name[0]) {
		self->key = update_key_new(
			words.name, words.algorithm, words.secret, detail, size);
		r = self->key ? 0 : -EINVAL;
	}
	explicit_bzero(&words, sizeof(words));
	return r;
}

static int provider_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	struct provider *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	self->host = host;
	self->services = services;
	self->servers = services->get_list(host, "server");
	self->zones = services->get_list(host, "zones");
	self->ttl = (uint32_t)services->get_int(host, "ttl");
	self->timeout_usec = services->get_duration(host, "timeout");
	int r = open_key(self, detail, size);
	if (r == 0 && !self->servers[0]) {
		snprintf(detail, size, "server: is empty");
		r = -EINVAL;
	}
	if (r < 0) {
		update_key_free(self->key);
		free(self);
		return r;
	}
	*ret = self;
	return 0;
}

static void provider_close(void *instance)
{
	struct provider *self = instance;

	update_key_free(self->key);
	free(self);
}

static const struct postseal_dns provider = {
	.size = sizeof(provider),
	.place = provider_place,
	.add = provider_add,
	.remove = provider_remove,
	.cancel = provider_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_DNS,
	.name = "rfc2136",
	.summary = "Puts values into the DNS by dynamic updates (RFC 2136).",
	.version = "1.0",
	.settings = settings,
	.open = provider_open,
	.close = provider_close,
	.dns = &provider,
};
