/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records that must stand in the DNS so that something succeeds, and what was seen of them
 * the last time. */
#pragma once

#include "store/store.h"
#include "util/usec.h"

enum store_record_state {
	STORE_RECORD_PENDING,  /* never seen */
	STORE_RECORD_THERE,    /* seen on every server that answers */
	STORE_RECORD_DIFFERS,  /* something else stands there that was meant to be it */
	STORE_RECORD_VANISHED, /* it was there */
	STORE_RECORD_REMOVED,  /* nobody wants it any more, and it stands */
	_STORE_RECORD_STATE_MAX,
};

extern const char *const store_record_state_names[_STORE_RECORD_STATE_MAX];

struct store_wanted_record {
	int64_t id;
	char *domain;
	char *name;      /* of the domain's, that it validates */
	char *challenge; /* as the configuration calls it */
	char *owner, *type, *value, *why;
	usec_t until_usec; /* wall; it ends by itself; 0 = never */
	enum store_record_state state;
	char *detail;         /* what differs, or who does not have it; NULL */
	usec_t since_usec;    /* wall; of the state */
	usec_t checked_usec;  /* wall; 0 = never */
	unsigned warned_days; /* of the last warning that it ends; 0 = none */
};

void store_wanted_record_done(struct store_wanted_record *record);
/* Sets id. */
int store_wanted_record_add(
	struct store *store, struct store_wanted_record *record, struct err *err);
int store_wanted_record_save(
	struct store *store, const struct store_wanted_record *record, struct err *err);
int store_wanted_record_remove(struct store *store, int64_t id, struct err *err);
typedef int store_wanted_record_fn(
	const struct store_wanted_record *record, void *userdata);
/* By domain, name and challenge. fn's non-zero stops and is returned. */
int store_wanted_record_each(struct store *store, store_wanted_record_fn *fn,
	void *userdata, struct err *err);
