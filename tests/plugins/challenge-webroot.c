/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A challenge, for tests: http-01 (RFC 8555 8.3) by a web server that serves a folder. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postseal-plugin.h"

struct webroot {
	struct postseal_host *host;
	const struct postseal_services *services;
};

static const struct postseal_setting settings[] = {
	{ "folder", POSTSEAL_SETTING_PATH, NULL, 0, 0, NULL, POSTSEAL_SETTING_REQUIRED,
		"The folder that is served below /.well-known/acme-challenge/." },
	{ NULL, POSTSEAL_SETTING_STRING, NULL, 0, 0, NULL, 0, NULL },
};

/* No token has other octets than base64url's. A CA that gives none refuses by itself. */
static void set_file(const struct webroot *p, struct postseal_call *call,
	const char *token, const char *text)
{
	char path[4096], detail[256] = "";
	struct postseal_result result = { .size = sizeof(result), .detail = detail };
	const struct postseal_file file = { path, text, text ? strlen(text) : 0, 0644,
		0, 0 };

	snprintf(path, sizeof(path), "%s/%s",
		p->services->get_string(p->host, "folder"), token ? token : "");
	if (!text)
		unlink(path);
	else if (p->services->write_files(p->host, &file, 1, detail, 256) < 0)
		result.outcome = POSTSEAL_FAILED;
	p->services->complete(call, &result);
}

static void webroot_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	set_file(instance, call, task->token, task->key_authorization);
}

static void webroot_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	set_file(instance, call, task->token, NULL);
}

static int webroot_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	struct webroot *p = *ret = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = (struct webroot){ host, services };
	return 0;
}

static const struct postseal_challenge challenge = {
	.size = sizeof(challenge),
	.type = "http-01",
	.present = webroot_present,
	.cleanup = webroot_cleanup,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "webroot",
	.summary = "Validates a name by a file that a web server serves.",
	.version = "1",
	.settings = settings,
	.open = webroot_open,
	.close = free,
	.challenge = &challenge,
};
