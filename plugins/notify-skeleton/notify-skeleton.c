/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a plugin needs: a notifier that writes each event to the log. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugins/postseal-plugin.h"

struct skeleton {
	struct postseal_host *host;               /* who we are to the host */
	const struct postseal_services *services; /* what it does for us */
};

/* A block `notify skeleton { greeting = … }` sets it; postseal.conf(5) shows it. */
static const struct postseal_setting settings[] = {
	{ "greeting", POSTSEAL_SETTING_STRING, "hello", 0, 0, NULL, 0,
		"What each line begins with." },
	{ NULL, POSTSEAL_SETTING_STRING, NULL, 0, 0, NULL, 0, NULL },
};

static int skeleton_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	struct skeleton *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->host = host;
	p->services = services;
	*ret = p;
	return 0;
}

static void skeleton_close(void *instance)
{
	free(instance);
}

static void skeleton_notify(void *instance, const struct postseal_notice *notice,
	struct postseal_call *call)
{
	struct skeleton *p = instance;
	const struct postseal_result result = { .size = sizeof(result) }; /* OK */
	char line[512];

	snprintf(line, sizeof(line), "%s: %s: %s",
		p->services->get_string(p->host, "greeting"), notice->kind,
		notice->text);
	p->services->log(p->host, POSTSEAL_LOG_INFO, line);
	p->services->complete(call, &result);
}

static const struct postseal_notify notify = {
	.size = sizeof(notify),
	.notify = skeleton_notify,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_NOTIFY,
	.name = "skeleton",
	.summary = "Writes each event to the log.",
	.version = "1",
	.settings = settings,
	.open = skeleton_open,
	.close = skeleton_close,
	.notify = &notify,
};
