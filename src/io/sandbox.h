/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process that gives up what it will not need: its capabilities, system calls by
 * seccomp(2), and files, ports and signals by Landlock where the kernel has it. There is no way back, and what
 * it starts is bound as well.
 */
#pragma once

#include <stdint.h>

#include "util/err.h"

#define SANDBOX_ARGS_MAX 3
/* As a value: our own process. */
#define SANDBOX_SELF UINT64_MAX

/* That argument has that value, in the bits of mask. mask 0: no condition. */
struct sandbox_arg {
	unsigned index;
	uint64_t mask, value;
};

/* A call, if all conditions hold; it may be named several times. */
struct sandbox_call {
	const char
		*name; /* NULL: the end of the table; not on this machine: no matter */
	struct sandbox_arg args[SANDBOX_ARGS_MAX];
};

struct sandbox_rules {
	const struct sandbox_call *allowed;
	/* What a library may try without harm: EACCES. All else ends the process with
	 * SIGSYS. */
	const struct sandbox_call *refused;
};

/* On error the process may be confined in part: it should end. */
int sandbox_enter(const struct sandbox_rules *rules, struct err *err);
