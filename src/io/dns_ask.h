/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One question to one server: by UDP from a port of its own, asked again when nothing
 * comes, by TCP where the answer is too long. Operation contract: doc/architecture.md,
 * Operations.
 */
#pragma once

#include "io/address.h"
#include "io/dns.h"

struct dns_ask;

struct dns_ask_params {
	struct loop *loop;
	struct address server;
	const char *name; /* normalised; copied */
	enum dns_type type;
	/* Of a resolver; else of a server that has the authority, and REFERRAL is an answer */
	bool wants_recursion;
	usec_t timeout_usec; /* for all of it; 0 = 5 s */
};

int dns_ask_start(struct dns_ask **ret, const struct dns_ask_params *params,
	dns_done_fn *done, void *userdata, struct err *err);
/* NULL ok; returns NULL. */
struct dns_ask *dns_ask_cancel(struct dns_ask *ask);
DEFINE_CLEANUP(struct dns_ask *, dns_ask_cancel)
