/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See store_watch.h. The store tells of trouble in the midst of a statement that fails, so
 * it is only noted there, and told on a turn of its own. A disk that is well for a moment
 * only makes no more noise than one that stays full.
 */
#include "core/notice/store_watch.h"

#include <errno.h>

#include "util/mem.h"

/* What was found well is believed for so long, unless something else is heard. */
#define FRESH_USEC (30 * USEC_PER_SEC)
#define AGAIN_USEC (10 * USEC_PER_SEC)
/* Trouble that comes back within this time is not told anew, and not tried at once. */
#define CALM_USEC (10 * USEC_PER_MIN)

struct store_watch {
	struct store_watch_params in;
	struct loop_timer *timer; /* owned; armed while there is trouble */
	char *alarm;              /* owned; NULL: all is well */
	bool is_damaged;
	bool is_told;
	/* monotonic; 0 = never */
	usec_t since_usec; /* the trouble */
	usec_t well_usec;  /* last found well */
	usec_t told_usec;
};

static usec_t age(const struct store_watch *watch, usec_t usec)
{
	return usec == 0 ? USEC_NEVER : usec_sub(loop_now(watch->in.loop), usec);
}

/* --- trouble ------------------------------------------------------------------------------- */

static void on_trouble(int code, const char *text, void *userdata)
{
	struct store_watch *watch = userdata;
	bool is_damaged = code == -EUCLEAN;

	if (watch->alarm && (watch->is_damaged || !is_damaged))
		return;
	free(watch->alarm);
	watch->alarm = xasprintf(
		"%s; until then nothing is ordered, and what is served "
		"stays%s",
		text, is_damaged ? " (a restart serves from the last good copy)" : "");
	watch->is_damaged = is_damaged;
	watch->is_told = false;
	watch->since_usec = loop_now(watch->in.loop);
	bool is_back = age(watch, watch->well_usec) < AGAIN_USEC;
	loop_timer_set_after(watch->timer, is_back ? AGAIN_USEC : 0);
}

static void tell_trouble(struct store_watch *watch)
{
	watch->is_told = true;
	if (!watch->is_damaged && age(watch, watch->told_usec) < CALM_USEC)
		return;
	watch->told_usec = loop_now(watch->in.loop);
	events_add(
		watch->in.events, LOG_LEVEL_ERROR, "store", NULL, "%s", watch->alarm);
}

static void end_trouble(struct store_watch *watch)
{
	char text[USEC_DURATION_MAX];
	usec_t lasted = age(watch, watch->since_usec);

	usec_format_duration(
		MAX(lasted, (usec_t)USEC_PER_SEC) / USEC_PER_SEC * USEC_PER_SEC, text,
		sizeof(text));
	xstrset(&watch->alarm, NULL);
	watch->well_usec = loop_now(watch->in.loop);
	if (watch->told_usec >= watch->since_usec)
		events_add(watch->in.events, LOG_LEVEL_NOTICE, "store", NULL,
			"the database can be written again, after %s", text);
	if (watch->in.on_well)
		watch->in.on_well(watch->in.userdata);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct store_watch *watch = userdata;

	if (!watch->alarm)
		return;
	if (!watch->is_told)
		tell_trouble(watch);
	if (watch->is_damaged)
		return;
	if (store_probe(watch->in.store, NULL) < 0)
		loop_timer_set_after(watch->timer, AGAIN_USEC);
	else
		end_trouble(watch);
}

/* --- questions ------------------------------------------------------------------------------ */

const char *store_watch_get_alarm(const struct store_watch *watch)
{
	return watch ? watch->alarm : NULL;
}

int store_watch_check(struct store_watch *watch, struct err *err)
{
	_cleanup_(err_done) struct err why = ERR_INIT;

	if (!watch)
		return 0;
	if (!watch->alarm && age(watch, watch->well_usec) < FRESH_USEC)
		return 0;
	if (!watch->alarm && store_probe(watch->in.store, &why) >= 0) {
		watch->well_usec = loop_now(watch->in.loop);
		return 0;
	}
	if (watch->alarm)
		return err_set(err, -EAGAIN, "%s", watch->alarm);
	if (err)
		err_move(err, &why);
	return -EAGAIN;
}

/* --- the object ------------------------------------------------------------------------------ */

struct store_watch *store_watch_new(const struct store_watch_params *params)
{
	struct store_watch *watch = xnew(struct store_watch);

	watch->in = *params;
	watch->timer = loop_timer_new(params->loop, on_timer, watch);
	store_set_trouble(params->store, on_trouble, watch);
	return watch;
}

struct store_watch *store_watch_free(struct store_watch *watch)
{
	if (!watch)
		return NULL;
	store_set_trouble(watch->in.store, NULL, NULL);
	loop_timer_free(watch->timer);
	free(watch->alarm);
	free(watch);
	return NULL;
}
