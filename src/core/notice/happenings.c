/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See happenings.h. They are remembered as they come: to look for them among all events
 * would cost more than a status may. */
#include "core/notice/happenings.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

/* So far back is looked at the start. */
#define ROWS_MAX 2000

static const char *const kinds[] = { "takeover", "resumed", "upgrade", "reload", "held",
	"rolled-back", "rescue", "restore", "store", "plugin", "clock" };

struct happenings {
	struct events_follower *follower;           /* owned */
	struct store_event last[ARRAY_SIZE(kinds)]; /* owned strings; kind NULL: none */
	unsigned n;                                 /* that were seen */
	unsigned order[ARRAY_SIZE(kinds)]; /* of each: the how manieth of them */
};

static int find_kind(const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i], kind) == 0)
			return (int)i;
	return -1;
}

static void on_event(const struct store_event *event, void *userdata)
{
	struct happenings *h = userdata;
	int i = find_kind(event->kind);

	if (i < 0)
		return;
	store_event_done(&h->last[i]);
	h->last[i] = (struct store_event){
		.id = event->id,
		.at_usec = event->at_usec,
		.kind = xstrdup(event->kind),
		.subject = xstrdup(event->subject),
		.text = xstrdup(event->text),
	};
	h->order[i] = ++h->n;
}

static int on_stored(const struct store_event *event, void *userdata)
{
	on_event(event, userdata);
	return 0;
}

struct happenings *happenings_new(struct events *events, struct store *store)
{
	const struct store_event_range range = { .after = -1, .n = ROWS_MAX };
	struct happenings *h = xnew(struct happenings);

	store_event_each(store, &range, on_stored, h, NULL);
	h->follower = events_follow(events, on_event, h);
	return h;
}

struct happenings *happenings_free(struct happenings *h)
{
	if (!h)
		return NULL;
	events_unfollow(h->follower);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		store_event_done(&h->last[i]);
	free(h);
	return NULL;
}

/* --- telling -------------------------------------------------------------------------- */

static json_t *format_one(const struct store_event *event)
{
	char at[USEC_RFC3339_MAX];

	return json_pack("{s:s, s:s, s:s?, s:s}", "kind", event->kind, "at",
		usec_format_rfc3339(event->at_usec, at, sizeof(at)), "subject",
		event->subject, "text", event->text);
}

/* The one that came last before the `before`th of all; NULL: none. */
static const struct store_event *find_newest(
	const struct happenings *h, unsigned before, unsigned *ret_order)
{
	const struct store_event *newest = NULL;

	*ret_order = 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (h->order[i] < before && h->order[i] > *ret_order) {
			*ret_order = h->order[i];
			newest = &h->last[i];
		}
	return newest;
}

json_t *happenings_format(const struct happenings *h)
{
	const struct store_event *event;
	unsigned order = h->n + 1;
	json_t *list = json_array();

	while ((event = find_newest(h, order, &order)))
		json_array_append_new(list, format_one(event));
	return list;
}
