/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long the turns of a loop took. A turn whose process was not given a processor is
 * not the turn's fault: the kernel says how long that was (run delay), and it is taken
 * off. What is left is work and waiting within a system call: both hold up the others.
 */
#pragma once

#include "io/loop_priv.h"

#define LOOP_METER_MINUTES 61

struct loop_meter {
	int fd;       /* owned; schedstat of the thread, -1: the kernel has none */
	usec_t begun; /* of the turn under way: three clocks */
	usec_t begun_cpu;
	usec_t begun_delay;
	const char *source; /* static; what the turn has run, NULL: nothing of ours */
	usec_t warned_usec; /* monotonic; 0: never */
	struct loop_turns turns;

	struct {
		usec_t minute; /* since the machine's start, plus one; 0: unused */
		struct loop_turn worst;
	} recent[LOOP_METER_MINUTES];
};

void loop_meter_init(struct loop_meter *meter);
void loop_meter_done(struct loop_meter *meter);
void loop_meter_begin(struct loop_meter *meter);
void loop_meter_end(struct loop_meter *meter);
/* Enters a turn as if it had been measured. */
void loop_meter_add(struct loop_meter *meter, const struct loop_turn *turn);
void loop_meter_get(
	const struct loop_meter *meter, usec_t now_usec, struct loop_turns *ret);
