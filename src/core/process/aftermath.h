/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a service that has stopped must not leave: workers whose manager was killed, and
 * had no successor that could end them. */
#pragma once

#include "core/wanted/load.h"

/* Run after the service's end (ExecStopPost=). Does nothing after a crash, from which the
 * workers are to be taken over, unless a stop of the unit was asked for since. An exit
 * code. */
int aftermath_end(const struct load_params *load, const char *unit);
