/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command `renew`: orders what is due, or with force what is not, and may wait for it. */
#pragma once

#include "core/commands/control.h"

void command_renew_run(
	struct control_request *request, const json_t *args, void *userdata);
