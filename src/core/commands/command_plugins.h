/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands about plugins; rows of the table in commands.c. */
#pragma once

#include "core/commands/control.h"

void command_plugins_list(
	struct control_request *request, const json_t *args, void *userdata);
void command_plugins_enable(
	struct control_request *request, const json_t *args, void *userdata);
