/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What foreign code is running now, in a page of a file beside the database that is
 * mapped into memory: it outlives the process, costs no system call, and stands outside
 * of any transaction. It need not outlive the machine: a power cut is nobody's fault.
 *
 * A process that dies by a signal of its own doing (or calls exit()) marks the page. One
 * that is killed from outside does not: that says nothing about the code.
 */
#pragma once

#include <stdbool.h>

#include "util/err.h"

/* One line each; what is longer is cut. Empty: there was none. */
struct call_place {
	char kind[32];
	char name[128];
	char method[64];
	char subject[256];
};

struct call_death {
	struct call_place place; /* kind empty: nothing was running */
	int signo;               /* 0: killed from outside; -1: it called exit() */
};

struct call_note;

/* One a process. *ret_death is what the page says of the process before; it is taken off
 * the page. */
int call_note_open(struct call_note **ret, const char *path,
	struct call_death *ret_death, struct err *err);
struct call_note *call_note_close(struct call_note *note);
DEFINE_CLEANUP(struct call_note *, call_note_close)

/* NULLs are empty. */
void call_note_set(struct call_note *note, const char *kind, const char *name,
	const char *method, const char *subject);
void call_note_clear(struct call_note *note);
