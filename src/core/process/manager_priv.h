/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What manager.c shares with manager_build.c, manager_reload.c and manager_upgrade.c. */
#pragma once

#include "core/process/manager.h"

static inline const struct conf_block *manager_get_root(const struct manager *m)
{
	return conf_get_root(m->loaded.conf);
}

/* --- manager.c --- */

/* In run_directory; owned by the caller. */
char *manager_format_run_path(const struct manager *m, const char *name);
void manager_log_report(struct manager *m, const struct conf_report *report);

/* --- manager_reload.c --- */

/* What the plugins' host takes from the configuration in force. */
void manager_follow_host(struct manager *m);
/* Store and index follow the configuration, unless the brake holds it (m->held). */
int manager_follow_at_start(struct manager *m, struct err *err);
/* We are about to end: who waits for a reload is told. */
void manager_end_reloads(struct manager *m);
/* The same in silence. */
void manager_free_reloads(struct manager *m);

/* --- manager_upgrade.c --- */

/* The database can be used again: by executing ourselves anew sessions go on, and all
 * begins with it. userdata: the manager. */
void manager_leave_rescue(void *userdata);
