/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One map by what is asked and one by number. A look-up that nobody waits for any more
 * is kept for its answer, which still belongs into the cache; who wants the same again
 * asks again, lest one lost answer should close a name for ever.
 */
#include "front/lookup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "util/map.h"
#include "util/mem.h"

struct lookup {
	uint64_t request;
	char *key;                    /* owned */
	char *what;                   /* owned; key of by_question */
	char *listener, *name, *alpn; /* owned; of the question, to ask it again */
	unsigned client;
	struct list waiters;
};

struct lookups {
	lookup_send_fn *send;
	void *userdata;
	struct map *by_question; /* owned, with the look-ups in it */
	struct map *by_request;  /* owned; the same look-ups, borrowed */
	uint64_t last_request;
};

struct request_text {
	char s[24];
};

static struct request_text format_request(uint64_t request)
{
	struct request_text text;

	snprintf(text.s, sizeof(text.s), "%" PRIu64, request);
	return text;
}

struct lookups *lookups_new(lookup_send_fn *send, void *userdata)
{
	struct lookups *lookups = xnew(struct lookups);

	lookups->send = send;
	lookups->userdata = userdata;
	lookups->by_question = map_new();
	lookups->by_request = map_new();
	return lookups;
}

static void unlink_lookup(struct lookups *lookups, struct lookup *lookup)
{
	map_remove(lookups->by_request, format_request(lookup->request).s);
	map_remove(lookups->by_question, lookup->what);
}

static void free_lookup(struct lookup *lookup)
{
	free(lookup->key);
	free(lookup->what);
	free(lookup->listener);
	free(lookup->name);
	free(lookup->alpn);
	free(lookup);
}

void lookup_waiter_cancel(struct lookup_waiter *waiter)
{
	if (!waiter->is_waiting)
		return;
	list_remove(&waiter->entry);
	waiter->is_waiting = false;
}

static struct lookup_waiter *take_waiter(struct lookup *lookup)
{
	if (list_is_empty(&lookup->waiters))
		return NULL;
	struct lookup_waiter *waiter =
		list_entry(lookup->waiters.next, struct lookup_waiter, entry);
	lookup_waiter_cancel(waiter);
	return waiter;
}

static struct lookup *take_any(struct lookups *lookups)
{
	const char *key;
	void *lookup;
	size_t pos = 0;

	if (!map_next(lookups->by_question, &pos, &key, &lookup))
		return NULL;
	unlink_lookup(lookups, lookup);
	return lookup;
}

struct lookups *lookups_free(struct lookups *lookups)
{
	struct lookup *lookup;

	if (!lookups)
		return NULL;
	while ((lookup = take_any(lookups))) {
		while (take_waiter(lookup))
			;
		free_lookup(lookup);
	}
	map_free(lookups->by_question);
	map_free(lookups->by_request);
	free(lookups);
	return NULL;
}

/* Sends a question that is not under way yet. NULL: there is no link. */
static struct lookup *ask(struct lookups *lookups,
	const struct lookup_question *question, const char *what)
{
	uint64_t request = ++lookups->last_request;

	if (lookups->send(request, question, lookups->userdata) < 0)
		return NULL;
	struct lookup *lookup = xnew(struct lookup);
	lookup->request = request;
	lookup->key = xstrdup(question->key);
	lookup->what = xstrdup(what);
	lookup->listener = xstrdup(question->listener);
	lookup->name = xstrdup(question->name);
	lookup->alpn = xstrdup(question->alpn);
	lookup->client = question->client;
	list_init(&lookup->waiters);
	map_set(lookups->by_question, what, lookup);
	map_set(lookups->by_request, format_request(request).s, lookup);
	return lookup;
}

int lookups_wait(struct lookups *lookups, struct lookup_waiter *waiter,
	const struct lookup_question *question)
{
	_cleanup_(freep) char *what =
		xasprintf("%u %s", question->client, question->key);
	struct lookup *lookup = map_find(lookups->by_question, what);

	if (lookup && list_is_empty(&lookup->waiters)) {
		unlink_lookup(lookups, lookup);
		free_lookup(lookup);
		lookup = NULL;
	}
	if (!lookup)
		lookup = ask(lookups, question, what);
	if (!lookup)
		return -ENOTCONN;
	list_init(&waiter->entry);
	list_append(&lookup->waiters, &waiter->entry);
	waiter->is_waiting = true;
	return 0;
}

bool lookups_get_question(const struct lookups *lookups, uint64_t request,
	const char **ret_key, unsigned *ret_client)
{
	const struct lookup *lookup =
		map_find(lookups->by_request, format_request(request).s);

	if (!lookup)
		return false;
	*ret_key = lookup->key;
	*ret_client = lookup->client;
	return true;
}

/* A waiter may end other connections, so the list is looked at anew each time. */
static void wake_all(
	struct lookup *lookup, enum lookup_outcome outcome, struct tls_context *context)
{
	struct lookup_waiter *waiter;

	while ((waiter = take_waiter(lookup)))
		waiter->done(outcome, context, waiter->userdata);
	free_lookup(lookup);
}

void lookups_complete(struct lookups *lookups, uint64_t request,
	enum lookup_outcome outcome, struct tls_context *context)
{
	struct lookup *lookup =
		map_find(lookups->by_request, format_request(request).s);

	if (!lookup)
		return;
	unlink_lookup(lookups, lookup);
	wake_all(lookup, outcome, context);
}

/* One that nobody waits for is left as it is: who wants it asks anew. A failure to send
 * ends the link, and comes back here. */
void lookups_resend(struct lookups *lookups)
{
	const char *key;
	struct lookup *lookup;
	size_t pos;

	map_foreach(lookups->by_question, pos, key, lookup) {
		const struct lookup_question question = {
			.listener = lookup->listener,
			.key = lookup->key,
			.name = lookup->name,
			.client = lookup->client,
			.alpn = lookup->alpn,
		};

		if (!list_is_empty(&lookup->waiters))
			lookups->send(lookup->request, &question, lookups->userdata);
	}
}

void lookups_fail_all(struct lookups *lookups)
{
	struct lookup *lookup;

	while ((lookup = take_any(lookups)))
		wake_all(lookup, LOOKUP_FAILED, NULL);
}
