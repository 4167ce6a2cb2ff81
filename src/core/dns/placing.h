/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where in the DNS a value for a name is put, and by which of the policy's providers: the
 * setting `delegation` and what the providers say of the name's zone. Operation contract:
 * doc/architecture.md, Operations.
 */
#pragma once

#include "core/notice/instances.h"
#include "io/dns_resolver.h"

struct placing;

struct placing_params {
	struct loop *loop; /* borrowed, as all here */
	const struct instances *instances;
	struct dns_resolver *resolver; /* NULL: CNAMEs are not looked for */
	const struct conf_block *domain;
	const char *domain_name; /* whose policy that block has */
	const char *name;        /* that the CA will ask for; copied */
	const struct log_ctx *log;
};

struct placed {
	enum postseal_outcome outcome;
	const char *detail;                   /* NULL if OK */
	struct plugin_instance *instance;     /* borrowed */
	const char *provider;                 /* as the configuration calls it */
	const char *place;                    /* where it shall stand */
	const struct postseal_wanted *wanted; /* what has to stand before */
	size_t n_wanted;
};

/* All that it points to lives until it returns, whatever is cancelled meanwhile. */
typedef void placed_fn(const struct placed *placed, void *userdata);

int placing_start(struct placing **ret, const struct placing_params *params,
	placed_fn *done, void *userdata, struct err *err);
/* NULL ok; returns NULL. */
struct placing *placing_cancel(struct placing *placing);
DEFINE_CLEANUP(struct placing *, placing_cancel)
