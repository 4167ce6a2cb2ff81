/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command `upgrade`: has what is installed executed; the new image is asked for the end. */
#pragma once

#include "core/commands/control.h"

void command_upgrade_run(
	struct control_request *request, const json_t *args, void *userdata);
