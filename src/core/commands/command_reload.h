/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command `reload`: reads the configuration anew; ends when it is in force, or is not. */
#pragma once

#include "core/commands/control.h"

void command_reload_run(
	struct control_request *request, const json_t *args, void *userdata);
