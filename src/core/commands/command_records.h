/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command records. */
#pragma once

#include "core/commands/control.h"

void command_records_run(
	struct control_request *request, const json_t *args, void *userdata);
