/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See events.h. Trouble with the store or with a notifier is logged, and never an event
 * itself: that would go the same way again, without end.
 */
#include "core/notice/events.h"

#include <stdarg.h>

#include "core/notice/notifier.h"
#include "store/told.h"
#include "util/list.h"
#include "util/map.h"
#include "util/mem.h"
#include "util/text.h"

#define TEXT_MAX       2048
#define COMPLAINT_USEC USEC_PER_MIN

struct events {
	/* inputs */
	struct instances *instances; /* borrowed, as all here; NULL = nobody is told */
	struct store *store;
	struct loop *loop;
	const struct log_ctx *log;
	unsigned keep;
	/* owned */
	struct map *notifiers; /* of struct notifier, by name */
	struct list followers;
	/* results */
	struct list *next_follower; /* while they are told */
	usec_t complained_usec;     /* about the store; monotonic; 0 = never */
};

struct events_follower {
	struct events *events; /* borrowed */
	struct list link;
	events_follow_fn *fn;
	void *userdata;
};

/* --- where an event goes ---------------------------------------------------------------- */

/* The job goes on without its row: the log has the event all the same. */
static void save(struct events *events, struct store_event *event)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	usec_t now = loop_now(events->loop);

	if (!events->store ||
		store_event_add(events->store, event, events->keep, &err) >= 0)
		return;
	if (events->complained_usec > 0 &&
		usec_sub(now, events->complained_usec) < COMPLAINT_USEC)
		return;
	_cleanup_(freep) char *why = err_format(&err);
	log_error(events->log, "event not stored: %s", why);
	events->complained_usec = now;
}

static void log_event(
	struct events *events, enum log_level level, const struct store_event *event)
{
	const struct log_ctx subject = { events->log, "SUBJECT", event->subject };

	log_at(event->subject ? &subject : events->log, level, __FILE__, __LINE__, "%s",
		event->text);
}

static struct notifier *get_notifier(
	struct events *events, const char *name, int64_t since_id)
{
	struct notifier *notifier = map_find(events->notifiers, name);

	if (notifier)
		return notifier;
	notifier = notifier_new(&(struct notifier_params){
		.name = name,
		.instances = events->instances,
		.store = events->store,
		.loop = events->loop,
		.log = events->log,
		.since_id = since_id,
	});
	map_set(events->notifiers, name, notifier);
	return notifier;
}

static void notify(struct events *events, const struct store_event *event)
{
	const struct conf *conf =
		events->instances ? instances_get_conf(events->instances) : NULL;

	if (!conf)
		return;
	char *const *names = conf_get_list(conf_get_root(conf), "notify");
	for (size_t i = 0; names[i]; i++)
		notifier_add(
			get_notifier(events, names[i], MAX(event->id - 1, 0)), event);
}

static int on_last(const struct store_event *event, void *userdata)
{
	*(int64_t *)userdata = event->id;
	return 0;
}

static int on_told(const char *notifier, void *userdata)
{
	strv_append(userdata, notifier);
	return 0;
}

/* Who comes back later is not told what it was not there for. */
static void forget_told(struct events *events, char *const *names)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(strv_freep) char **known = NULL;
	int r = store_told_each(events->store, on_told, &known, &err);

	for (size_t i = 0; r >= 0 && known && known[i]; i++)
		if (!strv_contains(names, known[i]))
			r = store_told_remove(events->store, known[i], &err);
	if (r >= 0)
		return;
	_cleanup_(freep) char *why = err_format(&err);
	log_error(events->log, "who has been told of what: %s", why);
}

static void forget_notifiers(struct events *events, char *const *names)
{
	struct notifier *notifier;
	const char *name;
	size_t pos;

	map_foreach(events->notifiers, pos, name, notifier)
		if (!strv_contains(names, name)) {
			notifier_free(notifier);
			map_remove(events->notifiers, name);
		}
}

void events_follow_notifiers(struct events *events)
{
	const struct store_event_range last = { .after = -1, .n = 1 };
	const struct conf *conf =
		events->instances ? instances_get_conf(events->instances) : NULL;
	int64_t last_id = 0;

	if (!conf || !events->store)
		return;
	char *const *names = conf_get_list(conf_get_root(conf), "notify");
	forget_notifiers(events, names);
	forget_told(events, names);
	store_event_each(events->store, &last, on_last, &last_id, NULL);
	for (size_t i = 0; names[i]; i++)
		get_notifier(events, names[i], last_id);
}

/* A follower may unfollow itself or another one when it is told. */
static void tell_followers(struct events *events, const struct store_event *event)
{
	struct list *l = events->followers.next;

	while (l && l != &events->followers) {
		struct events_follower *f = list_entry(l, struct events_follower, link);

		events->next_follower = l->next;
		f->fn(event, f->userdata);
		l = TAKE_PTR(events->next_follower);
	}
}

void events_add(struct events *events, enum log_level level, const char *kind,
	const char *subject, const char *fmt, ...)
{
	char text[TEXT_MAX];
	_cleanup_(freep) char *clean_subject = xstrdup(subject);
	va_list ap;

	va_start(ap, fmt);
	text_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (clean_subject)
		text_clean(clean_subject);
	struct store_event event = {
		.at_usec = loop_wall_now(events->loop),
		.kind = (char *)kind,
		.subject = clean_subject,
		.text = text,
	};
	save(events, &event);
	log_event(events, level, &event);
	notify(events, &event);
	tell_followers(events, &event);
}

/* --- followers ----------------------------------------------------------------------------- */

struct events_follower *events_follow(
	struct events *events, events_follow_fn *fn, void *userdata)
{
	struct events_follower *f = xnew(struct events_follower);

	f->events = events;
	f->fn = fn;
	f->userdata = userdata;
	list_append(&events->followers, &f->link);
	return f;
}

struct events_follower *events_unfollow(struct events_follower *f)
{
	if (!f)
		return NULL;
	if (f->events && f->events->next_follower == &f->link)
		f->events->next_follower = f->link.next;
	list_remove(&f->link);
	free(f);
	return NULL;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void on_closing(struct plugin_instance *instance, void *userdata)
{
	struct events *events = userdata;
	struct notifier *notifier;
	const char *name;
	size_t pos;

	map_foreach(events->notifiers, pos, name, notifier)
		notifier_leave(notifier, instance);
}

struct events *events_new(const struct events_params *params)
{
	struct events *events = xnew(struct events);

	events->instances = params->instances;
	events->store = params->store;
	events->loop = params->loop;
	events->log = params->log;
	events->keep = params->keep;
	events->notifiers = map_new();
	list_init(&events->followers);
	if (events->instances)
		instances_on_closing(events->instances, on_closing, events);
	return events;
}

struct events *events_free(struct events *events)
{
	struct notifier *notifier;
	const char *name;
	size_t pos;

	if (!events)
		return NULL;
	if (events->instances)
		instances_on_closing(events->instances, NULL, NULL);
	map_foreach(events->notifiers, pos, name, notifier)
		notifier_free(notifier);
	map_free(events->notifiers);
	/* Who still follows keeps its handle, and hears nothing more. */
	while (!list_is_empty(&events->followers)) {
		struct events_follower *f = list_entry(
			events->followers.next, struct events_follower, link);
		f->events = NULL;
		list_remove(&f->link);
	}
	free(events);
	return NULL;
}
