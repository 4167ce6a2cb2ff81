/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A loop whose clock stands still until it is told to go on: io/loop.h for replays.
 * Link it instead of libio.la. */
#pragma once

#include "io/loop.h"

struct loop *replay_loop_new(usec_t wall_usec);
/* Runs one deferred call. False: there is none. */
bool replay_loop_turn(struct loop *loop);
/* Runs what is deferred until nothing is; time stands still. */
void replay_loop_settle(struct loop *loop);
/* Lets time pass: each timer fires at its time, and what it defers runs then. */
void replay_loop_advance(struct loop *loop, usec_t usec);
/* Up to the next timer and through it. False: none is armed. */
bool replay_loop_advance_to_timer(struct loop *loop);
