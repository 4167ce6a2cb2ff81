/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See clock_watch.h. What an authority said is kept together with the time since the
 * start of the machine, which nobody can set: so it tells what the calendar should say
 * now, and an alarm ends with the very setting of the clock.
 */
#include "core/notice/clock_watch.h"

#include <errno.h>
#include <string.h>

#include "util/list.h"
#include "util/mem.h"

/* What was said longer ago counts no more. */
#define KEEP_USEC USEC_PER_DAY
/* How often an authority that seems wrong is asked anew. */
#define LOOK_USEC (10 * USEC_PER_MIN)
/* How often an alarm is looked at by itself. */
#define ALARM_USEC USEC_PER_MIN

/* What one authority has said. Its times are loop_boot_now. */
struct said {
	struct list entry;
	char *authority;    /* owned */
	usec_t date_usec;   /* wall; 0 = nothing yet */
	usec_t at_usec;     /* when it said so */
	usec_t looked_usec; /* when it was last to be asked anew; 0 = never */
	bool is_apart;      /* by more than the tolerance */
};

struct clock_watch {
	/* inputs */
	struct loop *loop;     /* borrowed */
	struct events *events; /* borrowed */
	usec_t build_usec;
	usec_t tolerance_usec;
	clock_watch_set_fn *on_set;
	void *userdata;

	/* owned */
	struct loop_wall_watch *wall_watch;
	struct loop_timer *timer; /* while there is an alarm */
	struct list said;         /* said.entry */

	/* results */
	usec_t wall_usec, boot_usec; /* both clocks, when last looked at */
	char *alarm;                 /* owned; NULL: none */
};

static struct said *find_said(const struct clock_watch *watch, const char *authority)
{
	struct said *s;

	list_foreach(s, &watch->said, entry)
		if (strcmp(s->authority, authority) == 0)
			return s;
	return NULL;
}

static struct said *get_said(struct clock_watch *watch, const char *authority)
{
	struct said *s = find_said(watch, authority);

	if (s)
		return s;
	s = xnew(struct said);
	s->authority = xstrdup(authority);
	list_append(&watch->said, &s->entry);
	return s;
}

/* --- what it should say ---------------------------------------------------------------- */

static bool is_fresh(const struct clock_watch *watch, const struct said *s)
{
	return s->date_usec > 0 &&
	       usec_sub(loop_boot_now(watch->loop), s->at_usec) < KEEP_USEC;
}

/* The time at that authority now. */
static usec_t get_time_at(const struct clock_watch *watch, const struct said *s)
{
	return usec_add(s->date_usec, usec_sub(loop_boot_now(watch->loop), s->at_usec));
}

/* An eighth of play, or a clock at the edge would ring and fall silent in turn. */
static void compare(const struct clock_watch *watch, struct said *s)
{
	usec_t there = get_time_at(watch, s), here = loop_wall_now(watch->loop);
	usec_t apart = MAX(usec_sub(there, here), usec_sub(here, there));
	usec_t play = s->is_apart ? watch->tolerance_usec / 8 : 0;

	s->is_apart = is_fresh(watch, s) && apart > watch->tolerance_usec - play;
}

static bool is_before_build(const struct clock_watch *watch)
{
	return loop_wall_now(watch->loop) < watch->build_usec;
}

/* --- the alarm -------------------------------------------------------------------------- */

static char *format_before_build(const struct clock_watch *watch)
{
	char here[USEC_RFC3339_MAX], build[USEC_RFC3339_MAX];

	return xasprintf(
		"this machine's clock says %s, and this program was built on %s",
		usec_format_rfc3339(loop_wall_now(watch->loop), here, sizeof(here)),
		usec_format_rfc3339(watch->build_usec, build, sizeof(build)));
}

static char *format_apart(const struct clock_watch *watch, const struct said *s)
{
	char here[USEC_RFC3339_MAX], there[USEC_RFC3339_MAX];

	return xasprintf("this machine's clock says %s, authority %s says %s",
		usec_format_rfc3339(loop_wall_now(watch->loop), here, sizeof(here)),
		s->authority,
		usec_format_rfc3339(get_time_at(watch, s), there, sizeof(there)));
}

/* NULL: nothing is wrong. Owned by the caller. */
static char *find_wrong(const struct clock_watch *watch)
{
	const struct said *s;

	if (is_before_build(watch))
		return format_before_build(watch);
	list_foreach(s, &watch->said, entry)
		if (s->is_apart)
			return format_apart(watch, s);
	return NULL;
}

static void update(struct clock_watch *watch)
{
	struct said *s;

	list_foreach(s, &watch->said, entry)
		compare(watch, s);
	char *wrong = find_wrong(watch);
	bool was_wrong = watch->alarm;

	free(watch->alarm);
	watch->alarm = wrong;
	if (wrong)
		loop_timer_set_after(watch->timer, ALARM_USEC);
	else
		loop_timer_disarm(watch->timer);
	if (wrong && !was_wrong)
		events_add(watch->events, LOG_LEVEL_ERROR, "clock", NULL,
			"%s: no order is made until it is right", wrong);
	else if (!wrong && was_wrong)
		events_add(watch->events, LOG_LEVEL_NOTICE, "clock", NULL,
			"this machine's clock is right again");
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	update(userdata);
}

static void on_wall_set(void *userdata)
{
	struct clock_watch *watch = userdata;
	usec_t wall = loop_wall_now(watch->loop), boot = loop_boot_now(watch->loop);
	usec_t expected = usec_add(watch->wall_usec, usec_sub(boot, watch->boot_usec));

	watch->wall_usec = wall;
	watch->boot_usec = boot;
	update(watch);
	if (watch->on_set)
		watch->on_set(usec_sub(expected, wall), watch->userdata);
}

/* --- from outside ------------------------------------------------------------------------- */

void clock_watch_observe(
	struct clock_watch *watch, const char *authority, usec_t date_usec)
{
	struct said *s = get_said(watch, authority);

	s->date_usec = date_usec;
	s->at_usec = loop_boot_now(watch->loop);
	update(watch);
}

void clock_watch_set_tolerance(struct clock_watch *watch, usec_t tolerance_usec)
{
	watch->tolerance_usec = tolerance_usec;
	update(watch);
}

const char *clock_watch_get_alarm(const struct clock_watch *watch)
{
	return watch->alarm;
}

/* The authority's own word, else that of others, if none of them says that all is well. */
static const struct said *find_objection(
	const struct clock_watch *watch, const char *authority)
{
	const struct said *own = find_said(watch, authority), *s, *found = NULL;

	if (own && is_fresh(watch, own))
		return own->is_apart ? own : NULL;
	list_foreach(s, &watch->said, entry) {
		if (s->is_apart)
			found = s;
		else if (is_fresh(watch, s))
			return NULL;
	}
	return found;
}

static bool is_to_look(struct clock_watch *watch, const char *authority, unsigned flags)
{
	struct said *s = get_said(watch, authority);
	usec_t boot = loop_boot_now(watch->loop);

	if (flags & CLOCK_WATCH_SETTLED)
		return false;
	if (!(flags & CLOCK_WATCH_FORCED) && s->looked_usec > 0 &&
		usec_sub(boot, s->looked_usec) < LOOK_USEC)
		return false;
	s->looked_usec = boot;
	return true;
}

int clock_watch_check(struct clock_watch *watch, const char *authority, unsigned flags,
	struct err *err)
{
	_cleanup_(freep) char *text = NULL;

	update(watch);
	if (is_before_build(watch)) {
		text = format_before_build(watch);
	} else {
		const struct said *objection = find_objection(watch, authority);

		if (!objection)
			return 0;
		if (is_to_look(watch, authority, flags))
			return CLOCK_WATCH_E_LOOK;
		text = format_apart(watch, objection);
	}
	return err_set(err, -EAGAIN, "%s: no order before it is right", text);
}

/* --- the object ----------------------------------------------------------------------------- */

int clock_watch_new(struct clock_watch **ret, const struct clock_watch_params *params,
	struct err *err)
{
	_cleanup_(clock_watch_freep) struct clock_watch *watch =
		xnew(struct clock_watch);

	watch->loop = params->loop;
	watch->events = params->events;
	watch->build_usec = params->build_usec ?: BUILD_EPOCH * USEC_PER_SEC;
	watch->tolerance_usec = params->tolerance_usec;
	watch->on_set = params->on_set;
	watch->userdata = params->userdata;
	list_init(&watch->said);
	watch->timer = loop_timer_new(watch->loop, on_timer, watch);
	int r = loop_wall_watch_new(
		&watch->wall_watch, watch->loop, on_wall_set, watch, err);
	if (r < 0)
		return r;
	watch->wall_usec = loop_wall_now(watch->loop);
	watch->boot_usec = loop_boot_now(watch->loop);
	loop_timer_set_after(watch->timer, 0);
	*ret = TAKE_PTR(watch);
	return 0;
}

struct clock_watch *clock_watch_free(struct clock_watch *watch)
{
	struct said *s, *next;

	if (!watch)
		return NULL;
	list_foreach_safe(s, next, &watch->said, entry) {
		list_remove(&s->entry);
		free(s->authority);
		free(s);
	}
	loop_wall_watch_free(watch->wall_watch);
	loop_timer_free(watch->timer);
	free(watch->alarm);
	free(watch);
	return NULL;
}
