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

/* Which ones. */
struct store_event_range {
	int64_t after;       /* those with a greater id; < 0: the last n */
	unsigned n;          /* at most; 0 = none */
	const char *subject; /* NULL = all; borrowed */
};

/* The id behind which the last n stand (of that subject; NULL: of all); 0: all do. */
int store_event_find_before_last(struct store *store, unsigned n, const char *subject,
	int64_t *ret, struct err *err);

typedef int store_event_fn(const struct store_event *event, void *userdata);
/* Oldest first. fn's non-zero stops and is returned. */
int store_event_each(struct store *store, const struct store_event_range *range,
	store_event_fn *fn, void *userdata, struct err *err);
