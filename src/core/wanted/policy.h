/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a domain's policy says, and what only the whole configuration can tell to be
 * wrong: shared by `postsealctl check`, start and reload. */
#pragma once

#include "conf/conf.h"
#include "pki/key.h"
#include "plugin/host.h"

/* Errors that no single row can know: a wildcard name with challenges that cannot
 * validate one (and which can), names in two domains, no authority, a listener without
 * a backend, two listeners on one address, more names than a certificate takes, … */
void policy_check(const struct conf *conf, const struct plugin_host *host,
	struct conf_report *report);
/* The same in steps of one block: policy_check() is a loop over them. All three are
 * borrowed until it is freed. */
struct policy_checking;

struct policy_checking *policy_checking_new(const struct conf *conf,
	const struct plugin_host *host, struct conf_report *report);
/* False: nothing is left to do. */
bool policy_checking_step(struct policy_checking *check);
/* At any time. NULL ok; returns NULL. */
struct policy_checking *policy_checking_free(struct policy_checking *check);
DEFINE_CLEANUP(struct policy_checking *, policy_checking_free)

/* "names" of a domain, sorted and without duplicates, joined by blanks: the slot's set.
 * Owned by the caller. */
char *policy_format_names(const struct conf_block *domain);
/* The domain that is called so, or has that name in its certificate; its name. NULL: none. */
const char *policy_find_domain(
	const struct conf *conf, const char *name, struct err *err);
/* First authority of the list. Never NULL after policy_check. */
const struct conf_block *policy_get_authority(
	const struct conf *conf, const struct conf_block *domain);

/* Is what a domain's job works with the same in both: the domain as its policy makes it,
 * its authority, what it is deployed by, and the challenges? */
bool policy_is_same_slice(const struct conf *a_conf, const struct conf_block *a,
	const struct conf *b_conf, const struct conf_block *b);

enum policy_self_check {
	POLICY_SELF_CHECK_OFF,
	POLICY_SELF_CHECK_ADVISE,
	POLICY_SELF_CHECK_REQUIRE,
};
enum policy_self_check policy_get_self_check(const struct conf_block *domain);

/* Does a listener answer acme-tls/1? Unset, https does. */
bool policy_has_acme(const struct conf_block *listener);

/* When a certificate should be renewed: a third of its lifetime left, half if it lives
 * less than ten days; less up to 2 % jitter, the same for the same fingerprint. */
usec_t policy_renew_at(usec_t not_before_usec, usec_t not_after_usec,
	const char *fingerprint, usec_t renew_before_usec);
/* However late the CA would have it: half of that margin is the operator's own. */
usec_t policy_renew_latest(usec_t not_before_usec, usec_t not_after_usec);
/* Back-off after the nth failure in a row (1..): 1 min, 10 min, 100 min, then daily,
 * with up to 10 % jitter from `random`: longer, of a day shorter. Never below one minute,
 * never above a day. */
usec_t policy_back_off(unsigned attempts, uint64_t random);
