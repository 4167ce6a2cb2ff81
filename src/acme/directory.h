/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory object (RFC 8555 7.1.1). Part of acme/client.h's noun. */
#pragma once

#include "acme/client.h"

/* Every endpoint is checked against the client's origins. Fills `ret` only on success. */
int acme_directory_parse(struct acme_directory *ret, const struct acme_client *client,
	const json_t *json, struct err *err);
void acme_directory_done(struct acme_directory *directory);
