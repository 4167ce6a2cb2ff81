/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A deployer that does what no plugin may, as the first word of a file says at each call;
 * for tests. An empty file, or none: it installs nothing and says that all is well.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postseal-plugin.h"

struct faulty {
	struct postseal_host *host;
	const struct postseal_services *services;
	struct postseal_call *last; /* a handle that may be over */
};

static const struct postseal_setting settings[] = {
	{ "mode_file", POSTSEAL_SETTING_PATH, NULL, 0, 0, NULL, 0,
		"The file that says what to do." },
	{ NULL, POSTSEAL_SETTING_STRING, NULL, 0, 0, NULL, 0, NULL },
};

static void read_mode(struct faulty *p, char *mode)
{
	FILE *file = fopen(p->services->get_string(p->host, "mode_file"), "re");

	mode[0] = '\0';
	if (!file)
		return;
	if (fscanf(file, "%15s", mode) != 1)
		mode[0] = '\0';
	fclose(file);
}

static int recurse(volatile char *up, int depth)
{
	volatile char room[4096];

	room[0] = up ? up[0] : 1;
	return depth < 0 ? 0 : recurse(room, depth + 1) + room[0];
}

static int faulty_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	struct faulty *p = calloc(1, sizeof(*p));
	char mode[16];

	if (!p)
		return -ENOMEM;
	p->host = host;
	p->services = services;
	read_mode(p, mode);
	if (strcmp(mode, "open") == 0)
		raise(SIGSEGV);
	*ret = p;
	return 0;
}

static void faulty_close(void *instance)
{
	free(instance);
}

static void end(struct faulty *p, struct postseal_call *call)
{
	const struct postseal_result result = { .size = sizeof(result) };

	p->services->complete(call, &result);
}

static void on_timer(void *userdata)
{
	struct faulty *p = userdata;
	char mode[16];

	read_mode(p, mode);
	if (strcmp(mode, "callback") == 0)
		abort();
	end(p, p->last);
	if (strcmp(mode, "twice") == 0)
		end(p, p->last);
}

static void faulty_install(void *instance, const struct postseal_bundle *bundle,
	struct postseal_call *call)
{
	struct faulty *p = instance;
	char mode[16];

	p->last = call;
	read_mode(p, mode);
	if (strcmp(mode, "segv") == 0)
		*(volatile int *)0 = 1;
	else if (strcmp(mode, "abort") == 0)
		abort();
	else if (strcmp(mode, "exit") == 0)
		exit(0);
	else if (strcmp(mode, "stack") == 0)
		recurse(NULL, 0);
	else if (strcmp(mode, "kill") == 0)
		raise(SIGKILL);
	else if (strcmp(mode, "callback") == 0 || strcmp(mode, "twice") == 0)
		p->services->timer_start(p->host, 10000, on_timer, p);
	else if (strcmp(mode, "hang") != 0 && strcmp(mode, "late") != 0)
		end(p, call);
}

/* "late": it has been told to be silent, and is not. */
static void faulty_cancel(void *instance, struct postseal_call *call)
{
	struct faulty *p = instance;
	char mode[16];

	read_mode(p, mode);
	if (strcmp(mode, "late") == 0)
		p->services->timer_start(p->host, 10000, on_timer, p);
}

static const struct postseal_deploy deploy = {
	.size = sizeof(deploy),
	.install = faulty_install,
	.cancel = faulty_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_DEPLOY,
	.name = "faulty",
	.summary = "Does what no plugin may.",
	.version = "1",
	.settings = settings,
	.open = faulty_open,
	.close = faulty_close,
	.deploy = &deploy,
};
