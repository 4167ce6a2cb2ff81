/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plan: how the slots in the store would have to change to be what a configuration
 * wants, slot by slot, and why. A reload makes one and carries it out; `postsealctl plan`
 * makes the same one and shows it.
 */
#pragma once

#include "conf/conf.h"
#include "store/slot.h"

enum plan_action {
	PLAN_ADD,     /* a slot that the store does not have */
	PLAN_CHANGE,  /* other names, authority or profile */
	PLAN_RETURN,  /* one that was removed is wanted again */
	PLAN_REMOVE,  /* no longer wanted; forgotten after PLAN_KEEP_USEC */
	PLAN_INSTALL, /* the same certificate, at a target that it is not at */
	PLAN_LEAVE,   /* nothing is done at a target any more; what is there stays */
	_PLAN_ACTION_MAX,
};

extern const char *const plan_action_names[_PLAN_ACTION_MAX];

/* A domain that is taken out and in again within this time costs no order. */
#define PLAN_KEEP_USEC (30 * USEC_PER_DAY)

struct plan_entry {
	enum plan_action action;
	struct store_slot slot; /* as it will be; owned strings */
	char *authority;        /* owned; name of its block; NULL when removed */
	char *why;              /* owned; setting by setting */
	bool has_certificate;   /* there is something that could get worse */
	bool needs_order;
	bool is_renewal; /* of a certificate of the same CA, as CAs count */
	bool is_reorder; /* what it was ordered as has changed: an open order is off */
	char *install; /* owned; targets that get the certificate there is; NULL = none */
	char *leave;   /* owned; targets that are no longer the domain's; NULL = none */
};

struct plan {
	struct plan_entry *entry; /* owned; in the order of the configuration */
	size_t n;
	size_t n_slots; /* in the store, not removed, before */
	size_t count[_PLAN_ACTION_MAX];
	size_t n_orders;
	size_t n_upset;  /* with a certificate, that would be re-issued or removed */
	uint64_t digest; /* of all that is wanted: the same for the same wish */
};

/* All of it at once (planning.h: in steps). Linear in the number of domains. wall_now:
 * whether a certificate is valid still. */
int plan_new(struct plan **ret, struct store *store, const struct conf *conf,
	usec_t wall_now_usec, struct err *err);
struct plan *plan_free(struct plan *plan);
DEFINE_CLEANUP(struct plan *, plan_free)

/* For who makes it: an entry of that slot, whose strings are copied, and once it is filled
 * in, what it counts for. */
struct plan_entry *plan_add(
	struct plan *plan, enum plan_action action, const struct store_slot *slot);
void plan_count(struct plan *plan, const struct plan_entry *entry);

/* Would it re-issue or remove more than this share, and more than PLAN_BRAKE_LEAST? */
#define PLAN_BRAKE_LEAST 10
bool plan_is_braked(const struct plan *plan, int64_t percent);
/* "12 of 40 certificates would be re-issued or removed …"; owned by the caller. */
char *plan_format_brake(const struct plan *plan, int64_t percent);
/* Does it change a slot that is there? */
bool plan_has_slot(const struct plan *plan, int64_t slot_id);
