/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a reload would publish: names that every worker gets or loses at the listeners,
 * listeners themselves, and answers to challenges: those that stand for an order which is
 * given up, and those that new orders will need.
 */
#pragma once

#include "core/manager.h"

/* Rows of the command plan. */
int publish_tell(struct manager *manager, struct control_request *request,
	const struct conf *conf, const struct plan *plan, struct err *err);
