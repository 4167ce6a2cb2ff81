/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See notifier.h. The first of the queue is the one that is being told: it is dropped
 * when the plugin has said how it went, whatever it said.
 */
#include "core/notice/notifier.h"

#include <errno.h>

#include "plugin/notify.h"
#include "store/told.h"
#include "util/fault.h"
#include "util/list.h"
#include "util/mem.h"

#define COMPLAINT_USEC USEC_PER_MIN

struct queued {
	struct list link;
	struct store_event event; /* owned copies; id 0: the store has it not */
	unsigned tries;           /* begun, also before we were started */
};

struct notifier {
	/* inputs */
	char *name;                  /* owned */
	struct instances *instances; /* borrowed, as all here */
	struct store *store;         /* NULL: no marks */
	struct loop *loop;
	const struct log_ctx *log;
	/* owned operations */
	struct list queue; /* of struct queued */
	size_t n_queued;
	struct plugin_call *call;               /* NULL = none */
	const struct plugin_instance *instance; /* borrowed; that the call goes to */
	struct loop_defer *next;                /* NULL = no need */
	/* results */
	int64_t last_id;        /* the newest event that was queued */
	struct store_told mark; /* as it should stand in the store */
	unsigned n_unsaid;      /* events not told since the last complaint */
	usec_t complained_usec; /* monotonic; 0 = never */
};

static struct queued *find_first(const struct notifier *n)
{
	return list_is_empty(&n->queue)
		       ? NULL
		       : list_entry(n->queue.next, struct queued, link);
}

static void drop_first(struct notifier *n)
{
	struct queued *q = find_first(n);

	list_remove(&q->link);
	n->n_queued--;
	store_event_done(&q->event);
	free(q);
}

static void complain(struct notifier *n, const char *why)
{
	usec_t now = loop_now(n->loop);

	n->n_unsaid++;
	if (n->complained_usec > 0 &&
		usec_sub(now, n->complained_usec) < COMPLAINT_USEC)
		return;
	log_warning(n->log, "notify %s: %u %s not told: %s", n->name, n->n_unsaid,
		n->n_unsaid == 1 ? "event was" : "events were", why);
	n->complained_usec = now;
	n->n_unsaid = 0;
}

/* --- marks: an event is told when the plugin has answered ---------------------------------- */

static void save_mark(struct notifier *n, int64_t event_id, unsigned attempts)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!n->store || event_id == 0)
		return;
	n->mark = (struct store_told){ event_id, attempts };
	if (store_told_save(n->store, n->name, &n->mark, &err) >= 0)
		return;
	_cleanup_(freep) char *why = err_format(&err);
	log_error(n->log, "notify %s: how far it was told is not stored: %s", n->name,
		why);
}

/* The mark of the next one says the same, if there is one. */
static void mark_told(struct notifier *n, int64_t event_id)
{
	n->mark = (struct store_told){ event_id, 0 };
	if (n->n_queued == 0)
		save_mark(n, event_id, 0);
}

/* As if it had not been begun: who ends in good order, or changes its settings, is not
 * what it failed at. */
static void unmark(struct notifier *n)
{
	struct queued *q = find_first(n);

	q->tries--;
	if (q->tries > 0)
		save_mark(n, q->event.id, q->tries);
	else if (q->event.id > 0)
		save_mark(n, q->event.id - 1, 0);
}

/* Whatever came of it. */
static void finish_first(struct notifier *n)
{
	int64_t id = find_first(n)->event.id;

	drop_first(n);
	if (id > 0)
		mark_told(n, id);
}

/* --- telling ------------------------------------------------------------------------------ */

static void on_next(void *userdata);

static void run_later(struct notifier *n)
{
	if (!n->next && !n->call && find_first(n))
		n->next = loop_defer_new(n->loop, on_next, n);
}

static void on_told(const struct plugin_result *result, void *userdata)
{
	struct notifier *n = userdata;

	if (result->outcome != POSTSEAL_OK)
		complain(n, result->detail ? result->detail : "it does not say why");
	n->call = plugin_call_cancel(n->call);
	n->instance = NULL;
	finish_first(n);
	run_later(n);
}

static int tell(struct notifier *n, const struct store_event *event, struct err *err)
{
	const struct postseal_notice notice = {
		.size = sizeof(notice),
		.kind = event->kind,
		.subject = event->subject,
		.text = event->text,
		.at_sec = event->at_usec / USEC_PER_SEC,
	};
	struct plugin_instance *instance =
		instances_find(n->instances, POSTSEAL_KIND_NOTIFY, n->name);

	if (!instance)
		return err_set_kind(
			err, ERR_PLUGIN, -ENOENT, "the plugin could not be opened");
	int r = plugin_notify_start(&n->call, instance, &notice, on_told, n, err);
	FAULT("hook-running");
	if (r >= 0)
		n->instance = instance;
	return r;
}

static void on_next(void *userdata)
{
	struct notifier *n = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct queued *q = find_first(n);

	n->next = loop_defer_free(n->next);
	if (q->tries >= NOTIFIER_TRIES_MAX) {
		err_set(&err, -ELOOP, "it was under way each time that we died");
	} else {
		save_mark(n, q->event.id, ++q->tries);
		if (tell(n, &q->event, &err) >= 0)
			return;
	}
	_cleanup_(freep) char *why = err_format(&err);
	complain(n, why);
	finish_first(n);
	run_later(n);
}

/* --- from outside ------------------------------------------------------------------------- */

void notifier_add(struct notifier *n, const struct store_event *event)
{
	if (event->id > 0 && event->id <= n->last_id)
		return;
	n->last_id = MAX(n->last_id, event->id);
	if (n->n_queued >= NOTIFIER_QUEUE_MAX) {
		complain(n, "too many are waiting");
		return;
	}
	struct queued *q = xnew(struct queued);
	q->event = (struct store_event){
		.id = event->id,
		.at_usec = event->at_usec,
		.kind = xstrdup(event->kind),
		.subject = xstrdup(event->subject),
		.text = xstrdup(event->text),
	};
	list_append(&n->queue, &q->link);
	n->n_queued++;
	run_later(n);
}

void notifier_leave(struct notifier *n, const struct plugin_instance *instance)
{
	if (!n->call || n->instance != instance)
		return;
	n->call = plugin_call_cancel(n->call);
	n->instance = NULL;
	unmark(n);
	run_later(n);
}

/* --- what is left of an earlier life -------------------------------------------------------- */

static int on_untold(const struct store_event *event, void *userdata)
{
	notifier_add(userdata, event);
	return 0;
}

/* More than the queue takes were not told; the newest are worth most. */
static void load_untold(struct notifier *n, int64_t since_id)
{
	struct store_event_range range = {
		.after = MAX(n->last_id, since_id - NOTIFIER_QUEUE_MAX),
		.n = NOTIFIER_QUEUE_MAX,
	};

	if (range.after > n->last_id)
		complain(n, "too many were waiting when we ended");
	store_event_each(n->store, &range, on_untold, n, NULL);
	struct queued *q = find_first(n);
	if (q && q->event.id == n->mark.event_id)
		q->tries = n->mark.attempts;
}

static void load_mark(struct notifier *n, int64_t since_id)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = store_told_load(n->store, n->name, &n->mark, &err);

	if (r == STORE_E_NOT_FOUND || n->mark.event_id > since_id + 1) {
		n->last_id = since_id;
		save_mark(n, since_id, 0);
		return;
	}
	if (r < 0) {
		_cleanup_(freep) char *why = err_format(&err);
		log_error(n->log, "notify %s: %s", n->name, why);
		n->last_id = since_id;
		return;
	}
	n->last_id = n->mark.event_id - (n->mark.attempts > 0);
	load_untold(n, since_id);
}

struct notifier *notifier_new(const struct notifier_params *params)
{
	struct notifier *n = xnew(struct notifier);

	n->name = xstrdup(params->name);
	n->instances = params->instances;
	n->store = params->store;
	n->loop = params->loop;
	n->log = params->log;
	list_init(&n->queue);
	if (n->store)
		load_mark(n, params->since_id);
	return n;
}

struct notifier *notifier_free(struct notifier *n)
{
	if (!n)
		return NULL;
	n->next = loop_defer_free(n->next);
	if (n->call)
		unmark(n);
	else if (n->n_queued > 0)
		save_mark(n, n->mark.event_id, n->mark.attempts);
	n->call = plugin_call_cancel(n->call);
	while (find_first(n))
		drop_first(n);
	free(n->name);
	free(n);
	return NULL;
}
