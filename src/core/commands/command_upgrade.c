/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See command_upgrade.h. */
#include "core/commands/command_upgrade.h"

#include "core/process/manager.h"
#include "util/mem.h"

static json_t *format_generation(const struct manager *m)
{
	return json_pack("{s:I, s:s, s:b}", "generation", (json_int_t)m->started_usec,
		"version", PACKAGE_VERSION, "ready", (int)m->is_ready);
}

struct upgrade_request {
	struct control_request *request;
	struct manager *manager;
};

static void on_upgrade_gone(void *userdata)
{
	struct upgrade_request *u = userdata;

	manager_cancel_upgrade(u->manager);
	free(u);
}

/* A good end is not for us to tell: the new image is asked for it. */
static void on_upgrade_checked(const char *error, void *userdata)
{
	struct upgrade_request *u = userdata;

	control_request_on_gone(u->request, NULL, NULL);
	if (error)
		control_request_end(
			u->request, COMMAND_FAILED, "%s; what runs goes on", error);
	else
		control_request_end(u->request, COMMAND_OK, "the new build takes over");
	free(u);
}

void command_upgrade_run(
	struct control_request *request, const json_t *args, void *userdata)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	control_request_row(request, format_generation(userdata));
	if (json_view_bool(args, "ask", false)) {
		control_request_end(
			request, COMMAND_OK, "postseal %s", PACKAGE_VERSION);
		return;
	}
	struct upgrade_request *u = xnew(struct upgrade_request);
	u->request = request;
	u->manager = userdata;
	if (manager_upgrade(u->manager, on_upgrade_checked, u, &err) < 0) {
		free(u);
		control_request_fail(request, COMMAND_FAILED, &err);
		return;
	}
	control_request_on_gone(request, on_upgrade_gone, u);
}
