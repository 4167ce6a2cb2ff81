/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See aftermath.h. The workers come to the rendezvous by themselves. */
#include "core/process/aftermath.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/workers/orphans.h"
#include "core/workers/service.h"
#include "link/command.h"
#include "util/mem.h"

/* They try every 200 ms. */
#define ARRIVAL_USEC (1 * USEC_PER_SEC)

/* A crash may be followed by a stop before the next start: then its job is there. */
static bool is_stop(const char *unit)
{
	const char *result = getenv("SERVICE_RESULT");

	if (!result || strcmp(result, "success") == 0 || strcmp(result, "timeout") == 0)
		return true;
	return service_has_stop_job(unit);
}

static int on_lookup(const char *name, unsigned client, struct fleet_found *ret,
	void *userdata, struct err *err)
{
	return 0;
}

static void on_time(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 0);
}

static int end_all(const char *path, struct err *err)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(orphans_freep) struct orphans *orphans = NULL;
	_cleanup_(loop_timer_freep) struct loop_timer *timer = NULL;
	struct orphans_params params = { .path = path, .lookup = on_lookup };

	int r = loop_new_epoll(&loop, err);
	params.loop = loop;
	if (r >= 0)
		r = orphans_new(&orphans, &params, err);
	if (r < 0)
		return r;
	timer = loop_timer_new(loop, on_time, loop);
	loop_timer_set_after(timer, ARRIVAL_USEC);
	r = loop_run(loop, err);
	orphans_end(orphans);
	return r;
}

int aftermath_end(const struct load_params *load, const char *unit)
{
	_cleanup_(freep) char *directory =
		load_find_early(&load->conf, "run_directory");
	_cleanup_(freep) char *path = xasprintf("%s/link", directory);
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (access(path, F_OK) < 0 || !is_stop(unit) || end_all(path, &err) >= 0)
		return COMMAND_OK;
	_cleanup_(freep) char *text = err_format(&err);
	log_warning(NULL, "%s", text);
	return COMMAND_FAILED;
}
