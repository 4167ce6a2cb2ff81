/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What CAs limit besides orders, as Let's Encrypt does: new certificates for each
 * registered domain, and certificates for exactly the same names. A renewal is not new:
 * one that replaces a certificate of the same CA, or has the names of an earlier one.
 */
#pragma once

#include "core/wanted/plan.h"
#include "store/certificate.h"

/* The certificate that a slot has, if any, and what is to be ordered now. */
bool quota_is_renewal(const struct store_certificate *before, const char *directory,
	const char *names);

/* One that was issued, in the transaction of whoever stores it. */
struct quota_issued {
	const char *directory;
	const char *names;
	bool is_renewal;
	usec_t at_usec; /* wall */
};

int quota_save(struct store *store, const struct quota_issued *issued, struct err *err);

struct quota_row {
	char *name; /* owned; a registered domain, or names separated by blanks */
	size_t n_new, n_renewals; /* that the plan would order */
	int64_t n_counted;        /* that the CA has issued in the window */
};

struct quota_rows {
	struct quota_row *row; /* owned; the fullest first */
	size_t n;
};

/* What a plan would take of one authority's limits. */
struct quota;

struct quota_params {
	struct store *store; /* borrowed, as all here */
	const struct plan *plan;
	const char *authority; /* name of its block */
	const char *directory;
	usec_t since_usec; /* wall; the window's begin */
};

struct quota *quota_new(const struct quota_params *params);
struct quota *quota_free(struct quota *quota);
DEFINE_CLEANUP(struct quota *, quota_free)
/* 1: there is more to count; 0: all is counted. */
int quota_step(struct quota *quota, struct err *err);
const struct quota_rows *quota_get_domains(const struct quota *quota);
/* Those that are counted more than once. */
const struct quota_rows *quota_get_sets(const struct quota *quota);
