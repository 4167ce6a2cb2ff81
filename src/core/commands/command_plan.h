/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command plan: what a reload would order, drop and cost. */
#pragma once

#include "conf/conf.h"
#include "core/commands/control.h"

void command_plan_run(
	struct control_request *request, const json_t *args, void *userdata);
/* What was found wrong, or odd, in the files: a row each. */
void command_plan_report(
	struct control_request *request, const struct conf_report *report);
