/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command revoke. */
#pragma once

#include "core/commands/control.h"

void command_revoke_run(
	struct control_request *request, const json_t *args, void *userdata);
