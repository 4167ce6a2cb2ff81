/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One image of the manager: from its start to its end, or to the next image of the same
 * process. */
#pragma once

#include "core/wanted/load.h"

/* Serves. An exit code, or an error; does not return when it has given way to a new
 * build. argv is main's. */
int image_run(const struct load_params *load, char *const *argv, struct err *err);
/* The service manager starts us again at once, which after a crash is right: what will fail
 * again takes its time first. */
void image_pause_failure(void);
