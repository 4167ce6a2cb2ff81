/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order object as the CA sends it (RFC 8555 7.1.3), checked. */
#pragma once

#include "acme/client.h"
#include "util/usec.h"

enum order_status {
	ORDER_STATUS_PENDING,
	ORDER_STATUS_READY,
	ORDER_STATUS_PROCESSING,
	ORDER_STATUS_VALID,
	ORDER_STATUS_INVALID,
	_ORDER_STATUS_MAX,
};

struct order_object {
	enum order_status status;
	char *finalize_url;          /* owned; NULL = not said */
	char *certificate_url;       /* owned; NULL = not said */
	char **authorizations;       /* owned; without repetition; NULL = none */
	usec_t expires_usec;         /* wall; 0 = not said */
	struct acme_problem problem; /* owned */
	bool has_problem;
};

/* json may be NULL. Every URL is checked, and what the status calls for must be there.
 * Releases what `ret` held before; fills it only on success. */
int order_object_parse(struct order_object *ret, const struct acme_client *client,
	const json_t *json, struct err *err);
void order_object_done(struct order_object *object);
