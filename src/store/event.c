/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See event.h. Ids have no gaps, since rows go only from the old end; so the number of
 * rows to keep is a difference of ids. */
#include "store/event.h"

#include "store/store_priv.h"
#include "util/mem.h"

void store_event_done(struct store_event *event)
{
	free(event->text);
	free(event->subject);
	free(event->kind);
	*event = (struct store_event){ 0 };
}

static int read_event(struct store_stmt *q, struct store_event *ret)
{
	_cleanup_(store_event_done) struct store_event e = { 0 };

	e.id = store_stmt_read_begin(q, "event");
	e.at_usec = store_stmt_read_usec(q);
	e.kind = store_stmt_read_text(q, STORE_TEXT_MAX);
	e.subject = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	e.text = store_stmt_read_text(q, STORE_TEXT_MAX);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	*ret = e;
	e = (struct store_event){ 0 };
	return 0;
}

static int add_row(struct store *store, struct store_event *event, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_EVENT_ADD, err);
	store_stmt_bind_usec(&q, event->at_usec);
	store_stmt_bind_text(&q, event->kind, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, event->subject, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, event->text, STORE_TEXT_MAX);
	return store_stmt_run_add(&q, &event->id);
}

static int prune(struct store *store, int64_t last_gone, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_EVENT_PRUNE, err);
	store_stmt_bind_int(&q, last_gone);
	return store_stmt_run(&q);
}

int store_event_add(
	struct store *store, struct store_event *event, unsigned keep, struct err *err)
{
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	r = add_row(store, event, err);
	if (r == 0 && keep > 0 && event->id > keep)
		r = prune(store, event->id - keep, err);
	return store_finish(store, r, err);
}

struct walk {
	store_event_fn *fn;
	void *userdata;
};

static int on_row(struct store_stmt *q, void *userdata)
{
	const struct walk *walk = userdata;
	_cleanup_(store_event_done) struct store_event event = { 0 };

	int r = read_event(q, &event);
	return r == 0 ? walk->fn(&event, walk->userdata) : r;
}

static enum store_stmt_id choose(const struct store_event_range *range)
{
	if (range->after < 0)
		return range->subject ? STORE_STMT_EVENT_LAST_OF
				      : STORE_STMT_EVENT_LAST;
	return range->subject ? STORE_STMT_EVENT_EACH_OF : STORE_STMT_EVENT_EACH;
}

int store_event_each(struct store *store, const struct store_event_range *range,
	store_event_fn *fn, void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, choose(range), err);
	if (range->after >= 0)
		store_stmt_bind_int(&q, range->after);
	store_stmt_bind_int(&q, range->n);
	if (range->subject)
		store_stmt_bind_text(&q, range->subject, STORE_TEXT_MAX);
	return store_stmt_each(&q, on_row, &walk);
}

int store_event_find_before_last(struct store *store, unsigned n, const char *subject,
	int64_t *ret, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store,
		subject ? STORE_STMT_EVENT_BEFORE_LAST_OF
			: STORE_STMT_EVENT_BEFORE_LAST,
		err);
	store_stmt_bind_int(&q, n);
	if (subject)
		store_stmt_bind_text(&q, subject, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	if (r == STORE_E_NOT_FOUND) {
		*ret = 0;
		return 0;
	}
	if (r < 0)
		return r;
	*ret = store_stmt_read_begin(&q, "event");
	return store_stmt_read_end(&q);
}
