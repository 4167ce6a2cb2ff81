/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Giving an account up for good (RFC 8555 7.3.6). */
#pragma once

#include "acme/client.h"

struct acme_deactivation;

struct acme_deactivation_result {
	bool is_deactivated; /* the CA says so; else err tells why not */
	const struct acme_problem *problem;
	const struct err *err;
};

typedef void acme_deactivation_done_fn(
	const struct acme_deactivation_result *result, void *userdata);

/* The client must know its account. Contract: doc/architecture.md, Operations. */
int acme_deactivation_start(struct acme_deactivation **ret, struct acme_client *client,
	acme_deactivation_done_fn *done, void *userdata, struct err *err);
struct acme_deactivation *acme_deactivation_cancel(struct acme_deactivation *op);
DEFINE_CLEANUP(struct acme_deactivation *, acme_deactivation_cancel)
