/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a reload would publish: names that every worker gets or loses at the listeners,
 * listeners themselves, and answers to challenges: those that stand for an order which is
 * given up, and those that new orders will need.
 */
#pragma once

#include "core/process/manager.h"

struct publish;

struct publish_params {
	struct manager *manager; /* borrowed, as all here */
	struct control_request *request;
	const struct conf *conf;
	const struct plan *plan;
};

struct publish *publish_new(const struct publish_params *params);
struct publish *publish_free(struct publish *publish);
DEFINE_CLEANUP(struct publish *, publish_free)
/* Rows of the command plan, some of them. 1: there is more to tell; 0: all is told. */
int publish_step(struct publish *publish, struct err *err);
