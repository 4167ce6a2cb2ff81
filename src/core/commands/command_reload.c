/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See command_reload.h. */
#include "core/commands/command_reload.h"

#include "core/commands/command_plan.h"
#include "core/process/manager.h"
#include "util/mem.h"

struct reload_request {
	struct control_request *request;
	struct manager *manager;
	struct reload *reload;
};

static void reload_request_free(struct reload_request *r)
{
	manager_forget_reload(r->reload);
	free(r);
}

static void on_reload_gone(void *userdata)
{
	reload_request_free(userdata);
}

static void on_reloaded(
	int r, const struct conf_report *report, const struct err *err, void *userdata)
{
	struct reload_request *reload = userdata;
	struct control_request *request = reload->request;

	control_request_on_gone(request, NULL, NULL);
	command_plan_report(request, report);
	if (r == MANAGER_E_HELD)
		control_request_end(request, COMMAND_ATTENTION,
			"held, the configuration in force stays: %s",
			reload->manager->held_text);
	else if (r >= 0)
		control_request_end(request, COMMAND_OK, "configuration in force");
	else if (report->n_errors)
		control_request_end(request, COMMAND_CONFIG,
			"%zu error%s: the configuration in force stays",
			report->n_errors, report->n_errors == 1 ? "" : "s");
	else
		control_request_fail(request, COMMAND_FAILED, err);
	reload_request_free(reload);
}

void command_reload_run(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct reload_request *r = xnew(struct reload_request);
	bool yes = json_view_bool(args, "yes", false);

	r->request = request;
	r->manager = userdata;
	control_request_on_gone(request, on_reload_gone, r);
	r->reload = manager_reload(r->manager, yes ? MANAGER_YES : 0, on_reloaded, r);
}
