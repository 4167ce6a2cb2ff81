/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates that are to be revoked (RFC 8555 7.6): one after the other, each only when
 * its slot serves another one, and tried until the CA has revoked it or refuses for good.
 * It is signed by the account, or by the certificate's own key where the account is not
 * taken, and the other way round for a compromised key: that is the proof.
 */
#pragma once

#include "acme/revocation.h"
#include "core/accounts/authority.h"
#include "store/slot.h"

struct revocations;

struct revocations_params {
	struct loop *loop; /* borrowed, as all here */
	struct store *store;
	struct events *events;
	/* Which one has that directory; NULL with err: none that can be opened. */
	struct authority *(*get_authority)(
		const char *directory, void *userdata, struct err *err);
	void *userdata;
	const struct log_ctx *log;
};

struct revocations *revocations_new(const struct revocations_params *params);
struct revocations *revocations_free(struct revocations *revocations);
DEFINE_CLEANUP(struct revocations *, revocations_free)

/* Stores that it is wanted, and makes its slot due if it is the one in force: a job orders
 * another one first. *ret_serves: it is in force. */
int revocations_ask(struct revocations *revocations, int64_t certificate_id,
	enum acme_revocation_reason reason, bool *ret_serves, struct err *err);
/* Looks soon for what can be done: at the start, and whenever a job has ended. NULL ok. */
void revocations_run(struct revocations *revocations);
/* Drops the request under way, before authorities are closed. */
void revocations_stop(struct revocations *revocations);

/* One sentence about what waits; owned by the caller. NULL: nothing does. */
char *revocations_format_waiting(struct revocations *revocations);
