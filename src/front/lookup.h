/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Look-ups that wait for the manager. Connections that want the same (key, what the
 * client can do) share one LOOKUP. There is no deadline here: a connection has its own,
 * and takes its waiter away when it is over.
 */
#pragma once

#include "pki/tls_context.h"
#include "util/list.h"

struct lookups;

enum lookup_outcome {
	LOOKUP_FOUND,  /* with a context */
	LOOKUP_NONE,   /* the manager has no certificate for it: the placeholder */
	LOOKUP_FAILED, /* no answer will come, or it was useless */
};

/* The context is borrowed until it returns. May end any connection. */
typedef void lookup_done_fn(
	enum lookup_outcome outcome, struct tls_context *context, void *userdata);

/* Embedded in who waits; zeroed before its first use. */
struct lookup_waiter {
	struct list entry;
	bool is_waiting;
	lookup_done_fn *done;
	void *userdata;
};

struct lookup_question {
	const char *listener;
	const char *key;  /* as the cache calls it: a name or a wildcard */
	const char *name; /* as the client calls it */
	unsigned client;
	const char *alpn; /* NULL or the first offered */
};

/* Sends one LOOKUP. 0 while there is no link: it is sent again when there is one
 * (lookups_resend). Negative: no answer will ever come. */
typedef int lookup_send_fn(
	uint64_t request, const struct lookup_question *question, void *userdata);

struct lookups *lookups_new(lookup_send_fn *send, void *userdata);
/* Silent: nobody is called. */
struct lookups *lookups_free(struct lookups *lookups);
DEFINE_CLEANUP(struct lookups *, lookups_free)

/* 0: done will be called once, not from within. Negative: it could not be asked. */
int lookups_wait(struct lookups *lookups, struct lookup_waiter *waiter,
	const struct lookup_question *question);
/* Silent; legal when it does not wait. */
void lookup_waiter_cancel(struct lookup_waiter *waiter);

/* What was asked under this number? False: nothing that is still known. *ret_key is
 * borrowed until the look-up is completed. */
bool lookups_get_question(const struct lookups *lookups, uint64_t request,
	const char **ret_key, unsigned *ret_client);
/* Wakes all that wait for it. */
void lookups_complete(struct lookups *lookups, uint64_t request,
	enum lookup_outcome outcome, struct tls_context *context);
/* There is a link to another manager: what is waited for is asked of that one. */
void lookups_resend(struct lookups *lookups);
/* The link is gone for good. */
void lookups_fail_all(struct lookups *lookups);
