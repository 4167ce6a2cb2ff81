/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a worker gives up before it hears the first word from outside: it is what the
 * internet talks to, and whoever takes it over shall find nothing to go on with.
 */
#pragma once

#include "util/err.h"

/* At the beginning: nobody may look into it, nothing of it is written to a disk. */
void confine_begin(void);
/* When all is opened: no file, no program, no process but itself, no socket but a stream
 * of inet, inet6 or unix, no port of its own. For good. */
int confine_enter(struct err *err);
