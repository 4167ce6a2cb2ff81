/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a slot wants, held against what it has: nothing, an order, or only the
 * installation of what was issued.
 */
#include <string.h>

#include "core/job_priv.h"
#include "core/renewal.h"
#include "store/order.h"
#include "store/revocation.h"
#include "util/mem.h"

/* Neither less nor more than the slot shall have now. */
static bool is_as_wanted(
	const struct job *job, const struct store_certificate *certificate)
{
	return str_is_same(certificate->names, job->slot.names) &&
	       str_is_same(certificate->authority, job->slot.authority) &&
	       str_is_same(certificate->profile, job->slot.profile);
}

bool job_is_current_again(const struct job *job)
{
	return job->issued.id > 0 && job->issued.id == job->current.id;
}

static bool has_open_order(const struct job *job)
{
	_cleanup_(store_order_done) struct store_order order = { 0 };

	return store_order_find_open(job->env->store, job->slot.id, &order, NULL) == 0;
}

/* A row that cannot be read is no reason to order. */
bool job_is_unwanted(const struct job *job, const struct store_certificate *certificate)
{
	return certificate->id > 0 &&
	       store_revocation_is_asked(job->env->store, certificate->authority,
		       certificate->serial, NULL) > 0;
}

/* That a target does not take the current certificate is no reason to order. */
bool job_needs_order(const struct job *job)
{
	if (job->flags & JOB_FORCED)
		return true;
	if (job->current.id == 0 || !is_as_wanted(job, &job->current))
		return true;
	if (job_is_unwanted(job, &job->current))
		return true;
	return job->slot.attempts > 0 &&
	       (!job_is_current_again(job) || has_open_order(job));
}

/* A target that fails must not keep the current one from its renewal: that is asked for
 * before the next try. */
bool job_needs_install(const struct job *job)
{
	if (job->issued.id == 0 || (job->flags & JOB_FORCED))
		return false;
	if (job_is_current_again(job) && job->slot.attempts > 0)
		return false;
	return is_as_wanted(job, &job->issued) && !job_is_unwanted(job, &job->issued) &&
	       job->issued.not_after_usec > loop_wall_now(job->env->loop);
}

static bool has_common_name(const char *a, const char *b)
{
	_cleanup_(strv_freep) char **names = strv_split(a);
	_cleanup_(strv_freep) char **others = strv_split(b);

	for (size_t i = 0; names && names[i]; i++)
		if (strv_contains(others, names[i]))
			return true;
	return false;
}

/* What this order replaces in the eyes of the CA (RFC 9773 5): the newest that it has
 * issued for the slot, be it proven or not. Owned by the caller; NULL: nothing. */
char *job_format_predecessor(const struct job *job)
{
	const struct store_certificate *last =
		job->issued.id ? &job->issued : &job->current;

	if (last->id == 0 || strcmp(last->authority, job->slot.authority) != 0)
		return NULL;
	return has_common_name(last->names, job->slot.names) ? renewal_format_id(last)
							     : NULL;
}
