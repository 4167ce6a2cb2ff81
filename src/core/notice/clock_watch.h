/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is this machine's clock right? It is not before the day on which this program was
 * built, nor apart from what the authorities' answers say (Date) by more than the
 * tolerance. While it is wrong there is an alarm, and no order is made: what is due, what
 * has expired and what a CA suggests would all be decided wrongly.
 */
#pragma once

#include "core/notice/events.h"

struct clock_watch;

/* The clock was set; back_usec: by so much, if it was set back. */
typedef void clock_watch_set_fn(usec_t back_usec, void *userdata);

struct clock_watch_params {
	struct loop *loop;     /* borrowed */
	struct events *events; /* borrowed */
	usec_t build_usec;     /* wall; 0 = when this program was built */
	usec_t tolerance_usec;
	clock_watch_set_fn *on_set; /* NULL = nobody wants to know */
	void *userdata;
};

/* Looks for the first time on a later turn, so that an alarm is heard by all. */
int clock_watch_new(struct clock_watch **ret, const struct clock_watch_params *params,
	struct err *err);
struct clock_watch *clock_watch_free(struct clock_watch *watch);
DEFINE_CLEANUP(struct clock_watch *, clock_watch_free)

void clock_watch_set_tolerance(struct clock_watch *watch, usec_t tolerance_usec);
/* An authority's answer has just said what time it is there. */
void clock_watch_observe(
	struct clock_watch *watch, const char *authority, usec_t date_usec);

/* It may be the authority that was wrong: now and then, and at the operator's word, it is
 * asked anew. */
#define CLOCK_WATCH_E_LOOK 1

enum {
	CLOCK_WATCH_FORCED = 1 << 0,  /* the operator's word: look now */
	CLOCK_WATCH_SETTLED = 1 << 1, /* it has been looked: no E_LOOK */
};

/* May an order be made there? One authority that is wrong holds up only its own. 0;
 * CLOCK_WATCH_E_LOOK: not before it has been asked what time it is, and this checked once
 * more; -EAGAIN: no. */
int clock_watch_check(struct clock_watch *watch, const char *authority, unsigned flags,
	struct err *err);
/* What is wrong, in one sentence; NULL: nothing that we know of. */
const char *clock_watch_get_alarm(const struct clock_watch *watch);
