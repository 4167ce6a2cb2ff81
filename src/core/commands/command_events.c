/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See command_events.h. It waits for a peer that reads slower than we write. Whoever
 * follows misses nothing: the last page and the beginning to follow are one turn.
 */
#include "core/commands/command_events.h"

#include <errno.h>
#include <string.h>

#include "core/base/steps.h"
#include "core/process/manager.h"
#include "store/event.h"
#include "util/mem.h"

#define COUNT_DEFAULT 50
#define COUNT_MAX     10000
#define PAGE          32 /* events between two looks at the clock */

struct answer {
	struct manager *manager;          /* borrowed */
	struct control_request *request;  /* borrowed */
	struct steps *steps;              /* owned; NULL once all has been told */
	struct events_follower *follower; /* owned; NULL: not yet */
	char *subject;                    /* owned; NULL = all */
	int64_t after;                    /* the last one told; < 0: to be found */
	unsigned n_left;
	bool wants_more;    /* follow */
	struct err trouble; /* with rows that cannot be read */
};

static void answer_free(struct answer *answer)
{
	steps_cancel(answer->steps);
	if (answer->follower)
		events_unfollow(answer->follower);
	err_done(&answer->trouble);
	free(answer->subject);
	free(answer);
}

static void on_gone(void *userdata)
{
	answer_free(userdata);
}

static json_t *format_event(const struct store_event *event)
{
	char at[USEC_RFC3339_MAX];

	return json_pack("{s:I, s:s, s:s, s:s?, s:s}", "id", (json_int_t)event->id,
		"at", usec_format_rfc3339(event->at_usec, at, sizeof(at)), "kind",
		event->kind, "subject", event->subject, "text", event->text);
}

/* --- what has happened ------------------------------------------------------------------- */

static int find_start(void *userdata, struct err *err)
{
	struct answer *a = userdata;

	if (a->after >= 0)
		return 0;
	return store_event_find_before_last(
		a->manager->store, a->n_left, a->subject, &a->after, err);
}

static int on_event(const struct store_event *event, void *userdata)
{
	struct answer *a = userdata;

	control_request_row(a->request, format_event(event));
	a->after = event->id;
	a->n_left--;
	return 0;
}

/* One that cannot be read costs only itself, and is said at the end. */
static int tell_page(void *userdata, struct err *err)
{
	struct answer *a = userdata;
	_cleanup_(err_done) struct err bad = ERR_INIT;
	const int64_t before = a->after;
	const struct store_event_range range = {
		.after = a->after,
		.n = MIN(a->n_left, (unsigned)PAGE),
		.subject = a->subject,
	};
	int r = store_event_each(a->manager->store, &range, on_event, a, &bad);
	bool has_moved = a->after != before;

	if (r < 0 && (r != -EUCLEAN || !has_moved)) {
		err_move(err, &bad);
		return r;
	}
	if (r < 0)
		err_move(&a->trouble, &bad);
	return a->n_left > 0 && has_moved;
}

static bool is_busy(void *userdata)
{
	const struct answer *a = userdata;

	return control_request_is_busy(a->request);
}

/* --- what happens ------------------------------------------------------------------------ */

static void on_new_event(const struct store_event *event, void *userdata)
{
	struct answer *a = userdata;

	if (a->subject && (!event->subject || strcmp(a->subject, event->subject) != 0))
		return;
	control_request_row(a->request, format_event(event));
}

static void end(struct answer *a, const struct err *err)
{
	struct control_request *request = a->request;
	_cleanup_(err_done) struct err trouble = ERR_INIT;

	err_copy(&trouble, err ? err : &a->trouble);
	control_request_on_gone(request, NULL, NULL);
	answer_free(a);
	if (err_is_set(&trouble))
		control_request_fail(request, COMMAND_FAILED, &trouble);
	else
		control_request_end(request, COMMAND_OK, "%s", "");
}

static void on_told(int r, const struct err *err, void *userdata)
{
	struct answer *a = userdata;

	if (r < 0 || !a->wants_more) {
		end(a, err);
		return;
	}
	a->steps = steps_cancel(a->steps);
	a->follower = events_follow(a->manager->events, on_new_event, a);
}

void command_events_run(
	struct control_request *request, const json_t *args, void *userdata)
{
	static steps_part_fn *const parts[] = { find_start, tell_page, NULL };
	struct manager *m = userdata;
	int64_t count = json_view_int(args, "count", COUNT_DEFAULT);

	if (count < 0 || count > COUNT_MAX) {
		control_request_end(
			request, COMMAND_USAGE, "count is 0 to %d", COUNT_MAX);
		return;
	}
	struct answer *a = xnew(struct answer);
	a->manager = m;
	a->request = request;
	a->subject = xstrdup(json_view_string(args, "name"));
	a->after = json_view_int(args, "after", -1);
	a->n_left = (unsigned)count;
	a->wants_more = json_view_bool(args, "follow", false);
	control_request_on_gone(request, on_gone, a);
	const struct steps_params params = {
		.loop = m->loop,
		.parts = parts,
		.is_busy = is_busy,
		.done = on_told,
		.userdata = a,
	};
	a->steps = steps_start(&params);
}
