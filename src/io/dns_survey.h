/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One question to each authoritative server of the zone that a name is in, in parallel.
 * CNAMEs are followed: servers that know of the CNAME lead on to those of its target,
 * others stand among the seen with what they said. No resolver is ever asked for the name
 * itself: it would remember that there is nothing. Operation contract:
 * doc/architecture.md, Operations.
 */
#pragma once

#include "io/dns_resolver.h"

#define DNS_SERVERS_MAX 32

struct dns_survey;

struct dns_seen {
	char *server; /* owned; "ns1.example.org (192.0.2.1)" */
	struct dns_answer answer;
};

struct dns_survey_result {
	const struct dns_seen *seen;
	size_t n_seen;
	char *const *chain; /* the CNAMEs' targets, NULL-terminated; NULL: none */
	const char *detail; /* NULL unless n_seen is 0: why nobody could be asked */
};

struct dns_survey_params {
	struct loop *loop;
	struct dns_resolver *resolver; /* for the servers' names */
	const char *name;              /* normalised; copied */
	enum dns_type type;
	usec_t timeout_usec; /* for all of it; 0 = 30 s */
};

/* All that it points to lives until it returns, whatever is cancelled meanwhile. */
typedef void dns_survey_done_fn(const struct dns_survey_result *result, void *userdata);

int dns_survey_start(struct dns_survey **ret, const struct dns_survey_params *params,
	dns_survey_done_fn *done, void *userdata, struct err *err);
/* NULL ok; returns NULL. */
struct dns_survey *dns_survey_cancel(struct dns_survey *survey);
DEFINE_CLEANUP(struct dns_survey *, dns_survey_cancel)
