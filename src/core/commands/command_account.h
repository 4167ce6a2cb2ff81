/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands about accounts: rows of core/commands/commands.c, userdata is the manager. */
#pragma once

#include "core/commands/control.h"

struct manager;
struct store_account;

/* What waits for an account at that directory is ordered now. */
void command_account_make_due(struct manager *m, const struct store_account *account);

void command_account_show(
	struct control_request *request, const json_t *args, void *userdata);
void command_account_create(
	struct control_request *request, const json_t *args, void *userdata);
/* These end when the CA has answered, or when orders under way took too long. */
void command_account_rollover(
	struct control_request *request, const json_t *args, void *userdata);
void command_account_deactivate(
	struct control_request *request, const json_t *args, void *userdata);
