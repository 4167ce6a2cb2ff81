/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See image.h. */
#include "core/process/image.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "core/process/manager.h"
#include "core/process/starts.h"
#include "core/workers/service.h"
#include "link/command.h"
#include "util/mem.h"

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

/* Whose deaths count when it has lived, and whose do not matter any more. */
struct life {
	struct starts starts;
	struct manager *manager; /* borrowed */
};

static void on_lived(struct loop_timer *timer, void *userdata)
{
	const struct life *life = userdata;

	if (life->manager->is_ready)
		starts_forget(&life->starts);
	else
		loop_timer_set_after(timer, STARTS_WELL_USEC);
}

static int live(struct life *life, struct loop *loop, struct err *err)
{
	_cleanup_(loop_timer_freep) struct loop_timer *timer =
		loop_timer_new(loop, on_lived, life);

	loop_timer_set_after(timer, STARTS_WELL_USEC);
	return loop_run(loop, err);
}

static int run(const struct load_params *load, const struct upgrade_self *self,
	struct life *life, struct upgrade_luggage *luggage, struct err *err)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(manager_freep) struct manager *manager = NULL;
	int r = loop_new_sdevent(&loop, err);

	if (r >= 0)
		r = manager_new(&manager, loop, load, err);
	life->manager = manager;
	if (r >= 0) {
		manager->self = self;
		r = manager_start(manager, err);
	}
	if (r >= 0)
		r = live(life, loop, err);
	if (r >= 0 && manager->is_upgrading)
		upgrade_pack(luggage, manager->listeners);
	return r;
}

/* >0: an exit code, with which systemd starts us again and lets the workers live. */
static int begin_life(struct life *life, const struct load_params *load)
{
	_cleanup_(freep) char *directory =
		load_find_early(&load->conf, "run_directory");

	if (upgrade_has_mark())
		starts_init_upgraded(&life->starts, directory);
	else
		starts_init(&life->starts, directory);
	return starts_pause(&life->starts) == 0 ? 0 : COMMAND_FAILED;
}

/* What a configuration needs is a person, and no pause after that. */
static bool is_orderly(int r, const struct err *err)
{
	return r == 0 || (r < 0 && err->kind == ERR_CONFIG);
}

int image_run(const struct load_params *load, char *const *argv, struct err *err)
{
	struct upgrade_luggage luggage = { 0 };
	struct upgrade_self self;
	struct life life = { 0 };

	service_hold_numbers();
	upgrade_self_init(&self, argv);
	hold_signals();
	int r = begin_life(&life, load);
	if (r == 0)
		r = run(load, &self, &life, &luggage, err);
	if (!luggage.is_packed && is_orderly(r, err))
		starts_forget(&life.starts);
	starts_done(&life.starts);
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
