/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See image.h. */
#include "core/image.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "core/manager.h"
#include "core/service.h"

#define FAILURE_SEC 2

/* Until the loop takes them: a stop that comes while we start must find us able to end the
 * workers of an earlier manager, too. */
static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int run(const struct load_params *load, const struct upgrade_self *self,
	struct upgrade_luggage *luggage, struct err *err)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(manager_freep) struct manager *manager = NULL;
	int r = loop_new_sdevent(&loop, err);

	if (r >= 0)
		r = manager_new(&manager, loop, load, err);
	if (r >= 0) {
		manager->self = self;
		r = manager_start(manager, err);
	}
	if (r >= 0)
		r = loop_run(loop, err);
	if (r >= 0 && manager->is_upgrading)
		upgrade_pack(luggage, manager->listeners);
	return r;
}

int image_run(const struct load_params *load, char *const *argv, struct err *err)
{
	struct upgrade_luggage luggage = { 0 };
	struct upgrade_self self;

	service_hold_numbers();
	upgrade_self_init(&self, argv);
	hold_signals();
	int r = run(load, &self, &luggage, err);
	if (r >= 0 && luggage.is_packed)
		r = upgrade_exec(&self, &luggage, err);
	upgrade_self_done(&self);
	return r;
}

void image_pause_failure(void)
{
	const struct timespec pause = { .tv_sec = FAILURE_SEC };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getenv("NOTIFY_SOCKET"))
		nanosleep(&pause, NULL);
}
