/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command `status`: a row for each slot, a portion of them a turn, and the summary. */
#pragma once

#include "core/commands/control.h"

void command_status_run(
	struct control_request *request, const json_t *args, void *userdata);
