/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The host services that lead from a challenge plugin to the front: publish an answer
 * to the workers, look at it with our own eyes through our own listener, withdraw it. And
 * a plugin's saved state. This is what plugin/host.h calls its backing.
 */
#pragma once

#include "core/workers/fleet.h"
#include "io/http.h"
#include "plugin/host.h"
#include "store/store.h"

struct publication;

struct publication_params {
	struct loop *loop;
	struct fleet **fleet; /* borrowed; where it will be; NULL there: none */
	const struct listeners *listeners; /* borrowed */
	struct store **store;              /* borrowed; where it will be */
	struct http_client *http; /* borrowed; for looking at http-01 answers */
};

struct publication *publication_new(const struct publication_params *params);
struct publication *publication_free(struct publication *publication);
DEFINE_CLEANUP(struct publication *, publication_free)
/* Borrowed. */
const struct plugin_backing *publication_get(const struct publication *publication);
