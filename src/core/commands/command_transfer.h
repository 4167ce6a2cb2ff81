/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands account-export and account-import: rows of core/commands/commands.c, userdata is
 * the manager.
 *
 * The seal is made and opened by postsealctl, so the key itself crosses the control
 * socket, as it does for account-create. Otherwise the passphrase would, which is worth no
 * less, and the manager's one thread would stand still for the second that deriving a key
 * from it takes. The socket is a local one, only root and our own user may say these
 * commands, and requests and rows are never logged.
 */
#pragma once

#include "core/commands/control.h"

void command_transfer_export(
	struct control_request *request, const json_t *args, void *userdata);
void command_transfer_import(
	struct control_request *request, const json_t *args, void *userdata);
