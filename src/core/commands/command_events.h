/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command events: what has happened, in portions, and what happens from then on. */
#pragma once

#include "core/commands/control.h"

void command_events_run(
	struct control_request *request, const json_t *args, void *userdata);
