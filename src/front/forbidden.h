/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a confined worker must not be able to do, as acts that a test can ask for:
 * POSTSEAL_FORBIDDEN=NAME makes a worker try it as soon as it is confined. Only a build
 * with --enable-faults has them: elsewhere they are nothing at all.
 */
#pragma once

#include <stdbool.h>

#if WITH_FAULTS
#	define FORBIDDEN() forbidden_try_wanted()
/* Returns when nothing is wanted, or when it was refused; exits with 0 when the act has
 * succeeded. */
void forbidden_try_wanted(void);

struct forbidden_act {
	const char *name; /* NULL: the end of the table */
	int (*act)(void); /* less than 0: refused, with errno */
	bool is_fatal;    /* else refused with EACCES */
};
extern const struct forbidden_act forbidden_acts[];
#else
#	define FORBIDDEN() ((void)0)
#endif
