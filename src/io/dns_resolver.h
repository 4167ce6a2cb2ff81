/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A resolver that validates by DNSSEC (libunbound), in our thread and on our loop. What it
 * was told it keeps for a minute at most, what is not there not at all: records come
 * while we wait for them.
 */
#pragma once

#include "io/dns.h"

struct dns_resolver;
struct dns_lookup;

struct dns_stub {
	const char *zone;
	const char *server; /* "192.0.2.1@53" */
};

/* All copied. Lists end with NULL, and may be NULL. */
struct dns_resolver_params {
	const char *const
		*forwarders; /* "192.0.2.1@53": ask these; none: from the root */
	const struct dns_stub *stubs; /* whom to ask for a zone */
	size_t n_stubs;
	const char *trust_anchor_file;     /* NULL: nothing is validated */
	const char *const *insecure_zones; /* not validated, and never made up here */
	usec_t timeout_usec;               /* of a look-up; 0 = 20 s */
};

int dns_resolver_new(struct dns_resolver **ret, struct loop *loop,
	const struct dns_resolver_params *params, struct err *err);
/* Silences what is under way; the handles of look-ups still have to be cancelled. */
struct dns_resolver *dns_resolver_free(struct dns_resolver *resolver);
DEFINE_CLEANUP(struct dns_resolver *, dns_resolver_free)

struct dns_lookup_params {
	const char *name; /* normalised; copied */
	enum dns_type type;
};

/* FOUND, NO_DATA, NO_NAME, FAILED, BOGUS. Operation contract: doc/architecture.md,
 * Operations. */
int dns_lookup_start(struct dns_lookup **ret, struct dns_resolver *resolver,
	const struct dns_lookup_params *params, dns_done_fn *done, void *userdata,
	struct err *err);
struct dns_lookup *dns_lookup_cancel(struct dns_lookup *lookup);
DEFINE_CLEANUP(struct dns_lookup *, dns_lookup_cancel)
