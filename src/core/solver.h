/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The solver of one job: answers acme/solver.h with the challenge plugins that the
 * domain's policy names, in its order, and remembers why each that was passed over was.
 */
#pragma once

#include "acme/solver.h"
#include "conf/conf.h"
#include "core/accounts/authority.h"
#include "core/notice/instances.h"
#include "core/records/records.h"

struct solver;

/* Keeps what stands outside; NULLs of a whole record that is all zero: nobody does. */
struct solver_record {
	/* < 0: it is not presented. */
	int (*present)(void *userdata, const struct acme_offer *offer, size_t index,
		struct err *err);
	void (*withdraw)(void *userdata, const char *url, const char *type);
	void *userdata;
};

struct solver_params {
	struct loop *loop;
	struct solver_record record;
	const struct conf_block *domain;   /* borrowed */
	const struct instances *instances; /* borrowed */
	struct records *records;           /* borrowed; NULL: none are wanted (tests) */
	struct authority *authority;       /* borrowed; NULL in tests */
	const struct log_ctx *log;
};

struct solver *solver_new(const struct solver_params *params);
/* Cancels everything, clean-ups too: the record still has what these were for. */
struct solver *solver_free(struct solver *solver);
DEFINE_CLEANUP(struct solver *, solver_free)
/* The same domain of another configuration, while nothing is being solved. */
void solver_follow(struct solver *solver, const struct conf_block *domain);
/* Borrowed. */
const struct acme_solver *solver_get(const struct solver *solver);
/* "http-01 (tls-alpn-01: not offered by the CA)": what was used and why not another;
 * "" when nothing was tried. Borrowed. */
const char *solver_get_note(const struct solver *solver);
/* Is no clean-up under way? */
bool solver_is_idle(const struct solver *solver);
