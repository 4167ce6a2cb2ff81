/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events: the audit trail, one row per change that a person would ask about. */
#pragma once

#include "store/store.h"
#include "util/usec.h"

struct store_event {
	int64_t id;
	usec_t at_usec; /* wall */
	char *kind;     /* "issued", "served", "failed", "account", "reload", … */
	char *subject;  /* domain, authority, listener; NULL = none */
	char *text;     /* one sentence; cleaned of control octets by who adds it */
};

void store_event_done(struct store_event *event);
/* Sets id. Keeps at most `keep` rows (0 = all). */
int store_event_add(
	struct store *store, struct store_event *event, unsigned keep, struct err *err);
typedef int store_event_fn(const struct store_event *event, void *userdata);
/* Those with id > after, oldest first, at most n, of a subject (NULL = all). With after < 0:
 * the last n. */
int store_event_each(struct store *store, int64_t after, unsigned n,
	const char *subject, store_event_fn *fn, void *userdata, struct err *err);
