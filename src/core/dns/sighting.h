/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a TXT value seen where the policy's `propagation` wants it: on the name's
 * authoritative servers, and by resolvers. One look; who wants more of them repeats it.
 * Operation contract: doc/architecture.md, Operations.
 */
#pragma once

#include "conf/conf.h"
#include "io/dns_resolver.h"

struct sighting;

struct sighting_params {
	struct loop *loop;               /* borrowed */
	struct dns_resolver *resolver;   /* borrowed */
	const struct conf_block *domain; /* borrowed */
	const char *name;                /* copied */
	const char *value;               /* copied */
};

/* detail: NULL if it is seen, else who does not have it. */
typedef void sighted_fn(const char *detail, void *userdata);

int sighting_start(struct sighting **ret, const struct sighting_params *params,
	sighted_fn *done, void *userdata, struct err *err);
/* NULL ok; returns NULL. */
struct sighting *sighting_cancel(struct sighting *sighting);
DEFINE_CLEANUP(struct sighting *, sighting_cancel)
