/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See notifier.h. The first of the queue is the one that is being told: it is dropped
 * when the plugin has said how it went, whatever it said.
 */
#include "core/notifier.h"

#include <errno.h>

#include "plugin/notify.h"
#include "util/fault.h"
#include "util/list.h"
#include "util/mem.h"

#define COMPLAINT_USEC USEC_PER_MIN

struct queued {
	struct list link;
	struct store_event event; /* owned copies */
};

struct notifier {
	/* inputs */
	char *name;                  /* owned */
	struct instances *instances; /* borrowed, as all here */
	struct loop *loop;
	const struct log_ctx *log;
	/* owned operations */
	struct list queue; /* of struct queued */
	size_t n_queued;
	struct plugin_call *call;               /* NULL = none */
	const struct plugin_instance *instance; /* borrowed; that the call goes to */
	struct loop_defer *next;                /* NULL = no need */
	/* results */
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
	drop_first(n);
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

	n->next = loop_defer_free(n->next);
	if (tell(n, &find_first(n)->event, &err) >= 0)
		return;
	_cleanup_(freep) char *why = err_format(&err);
	complain(n, why);
	drop_first(n);
	run_later(n);
}

/* --- from outside ------------------------------------------------------------------------- */

void notifier_add(struct notifier *n, const struct store_event *event)
{
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
	run_later(n);
}

struct notifier *notifier_new(const struct notifier_params *params)
{
	struct notifier *n = xnew(struct notifier);

	n->name = xstrdup(params->name);
	n->instances = params->instances;
	n->loop = params->loop;
	n->log = params->log;
	list_init(&n->queue);
	return n;
}

struct notifier *notifier_free(struct notifier *n)
{
	if (!n)
		return NULL;
	n->next = loop_defer_free(n->next);
	n->call = plugin_call_cancel(n->call);
	while (find_first(n))
		drop_first(n);
	free(n->name);
	free(n);
	return NULL;
}
