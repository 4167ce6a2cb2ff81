/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command `status`: a row for each slot, a portion of them a turn, and the summary. */
#pragma once

#include "core/commands/control.h"

struct manager;

/* domain: of the configuration; NULL: all. */
void command_status_start(
	struct control_request *request, const char *domain, struct manager *manager);
