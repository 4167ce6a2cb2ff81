/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the manager gives way to another image of itself: the program that is installed now,
 * or itself once more when the database can be used again.
 */
#include <errno.h>

#include "core/process/manager_priv.h"
#include "core/workers/service.h"
#include "util/mem.h"

/* RELOADING until the new image is ready. What is written to who asked leaves first. */
static void leave_for_exec(struct manager *m)
{
	events_add(m->events, LOG_LEVEL_NOTICE, "upgrade", NULL,
		"postseal %s gives way to what is installed at %s", PACKAGE_VERSION,
		m->self->program);
	m->is_upgrading = true;
	service_reloading(m->service, loop_now(m->loop));
	loop_exit(m->loop, 0);
}

static void on_upgrade_checked(const char *error, void *userdata)
{
	struct manager *m = userdata;
	upgrade_done_fn *done = TAKE_PTR(m->upgrade_done);

	if (!error && m->is_stopping)
		error = "postseald is about to end";
	if (error)
		events_add(m->events, LOG_LEVEL_ERROR, "upgrade", NULL,
			"refused, postseal %s goes on: %s", PACKAGE_VERSION, error);
	done(error, m->upgrade_userdata);
	m->upgrade = upgrade_check_cancel(m->upgrade);
	if (!error)
		leave_for_exec(m);
}

int manager_upgrade(
	struct manager *m, upgrade_done_fn *done, void *userdata, struct err *err)
{
	if (m->upgrade || m->is_upgrading)
		return err_set(err, -EBUSY, "an upgrade is under way");
	if (m->is_stopping)
		return err_set(err, -ESHUTDOWN, "postseald is about to end");
	m->upgrade_done = done;
	m->upgrade_userdata = userdata;
	return upgrade_check_start(
		&m->upgrade, m->loop, m->self, on_upgrade_checked, m, err);
}

void manager_cancel_upgrade(struct manager *m)
{
	m->upgrade = upgrade_check_cancel(m->upgrade);
}

/* --- out of a rescue --- */

/* If it refuses, it stays as it is until somebody restarts us. */
static void on_rescued(const char *error, void *userdata)
{
}

void manager_leave_rescue(void *userdata)
{
	struct manager *m = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	log_notice(&m->log, "the database can be used again");
	if (manager_upgrade(m, on_rescued, m, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(&m->log, "restart postseal to use the database again: %s", text);
}
