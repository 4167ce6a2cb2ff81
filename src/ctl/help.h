/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What --help prints: all of it comes from the tables. */
#pragma once

#include "ctl/ctl.h"

/* The list of commands, the options for all, the exit codes. */
void help_print(FILE *out);
/* One command: how it is called, what it does, its options. */
void help_print_command(FILE *out, const struct ctl_command *command);
