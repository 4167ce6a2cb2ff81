/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands; userdata of each row's run is the manager. */
#pragma once

#include "core/commands/control.h"

extern const struct control_command commands_table[];
