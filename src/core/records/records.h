/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wanted records: what must stand in the DNS so that a challenge succeeds, put there by
 * people or by somebody else's tool. Each is looked for on all authoritative servers for
 * as long as it is wanted: every minute until it is there, every hour afterwards, at once
 * after a start. What becomes of it is an event.
 *
 *   PENDING ──► THERE ◄──► DIFFERS
 *      │          │  ▲
 *      │          ▼  │
 *      │       VANISHED
 *      ▼
 *   REMOVED     nobody wants it: shown until it stands nowhere any more
 */
#pragma once

#include "core/notice/events.h"
#include "core/notice/instances.h"
#include "io/dns_resolver.h"
#include "store/wanted_record.h"

struct records;

/* Something of a domain has been seen that it may have waited for. */
typedef void records_seen_fn(const char *domain, void *userdata);

struct records_params {
	struct loop *loop; /* borrowed, as all here */
	struct store *store;
	struct events *events;
	const struct instances *instances; /* whose challenges say what fits */
	struct dns_resolver *resolver;     /* NULL: nothing can be looked for */
	records_seen_fn *on_seen;
	void *userdata;
	const struct log_ctx *log;
};

/* Takes up what the store has. */
int records_new(
	struct records **ret, const struct records_params *params, struct err *err);
struct records *records_free(struct records *records);
DEFINE_CLEANUP(struct records *, records_free)

/* What a challenge wants for one name of a domain. */
struct records_wish {
	const char *domain;
	const char *name;
	const char *challenge;
	const struct postseal_wanted *wanted;
	size_t n_wanted;
};

/* Takes the place of what the same challenge wanted for that name before. 1: all of it is
 * there; 0: not yet. *ret_missing: which is not, owned by the caller; NULL ok. */
int records_want(struct records *records, const struct records_wish *wish,
	char **ret_missing, struct err *err);
/* What no domain of the configuration wants any more may be taken away. */
void records_follow(struct records *records, const struct conf *conf);
/* Looks at once for those of a domain; NULL: for all. The number of them. */
unsigned records_check(struct records *records, const char *domain);
/* How many are being looked for now? */
unsigned records_count_open(const struct records *records);

typedef void records_fn(const struct store_wanted_record *record, void *userdata);
/* By domain and name. */
void records_each(const struct records *records, records_fn *fn, void *userdata);
/* How many are wanted and not there? */
unsigned records_count_missing(const struct records *records);
/* Is one of that domain wanted and not there? */
bool records_is_waited_for(const struct records *records, const char *domain);
