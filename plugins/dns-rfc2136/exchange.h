/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One message to one server by TCP, and its answer. */
#pragma once

#include "plugins/postseal-plugin.h"

struct exchange;

/* detail NULL: an answer came, of which wire lives until it returns. Else what went wrong.
 * The exchange is over then, and freed by its owner, also within. */
typedef void exchange_fn(
	const uint8_t *wire, size_t len, const char *detail, void *userdata);

struct exchange_params {
	struct postseal_host *host;
	const struct postseal_services *services;
	const char *server;  /* "192.0.2.1:53", "[2001:db8::1]:53" */
	const uint8_t *wire; /* copied */
	size_t len;
	uint64_t timeout_usec;
};

/* NULL, with a sentence in detail (size octets): it did not begin. */
struct exchange *exchange_start(const struct exchange_params *params, exchange_fn *fn,
	void *userdata, char *detail, size_t size);
/* NULL ok. */
void exchange_free(struct exchange *exchange);
