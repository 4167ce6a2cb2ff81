/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See revocations.h. What is stored decides, so that a crash costs at most one more
 * request: alreadyRevoked is an answer, too.
 *
 *     waiting --replaced--> ENSURE --> by the account ----+--yes--> revoked
 *        ^                                ^ |refused      |
 *        |                                | v             |
 *        |                      by the certificate's key -+--no---> refused
 *        +------------------later-------------------------+
 */
#include "core/revocations.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "core/accounts/signer.h"
#include "core/wanted/policy.h"
#include "pki/cert.h"
#include "store/certificate.h"
#include "store/revocation.h"
#include "util/fault.h"
#include "util/mem.h"

enum method {
	BY_ACCOUNT,
	BY_KEY,
};

struct revocations {
	struct revocations_params in;
	struct loop_defer *defer; /* owned; NULL = no look is planned */
	struct loop_timer *timer; /* owned; the next try */

	/* the one under way; id 0: none */
	struct store_revocation row;
	struct authority *authority; /* borrowed */
	enum method method;
	bool is_second;                  /* the other method was refused */
	struct authority_ensure *ensure; /* owned, as all below */
	struct acme_revocation *request;
	struct signer *key_signer;
	struct acme_client *key_client;
};

static void try_method(struct revocations *v);

/* --- the end of one ------------------------------------------------------------------------ */

static void drop_request(struct revocations *v)
{
	v->request = acme_revocation_cancel(v->request);
	v->ensure = authority_ensure_cancel(v->ensure);
	v->key_client = acme_client_free(v->key_client);
	v->key_signer = signer_free(v->key_signer);
}

static void finish(struct revocations *v)
{
	drop_request(v);
	store_revocation_done(&v->row);
	v->authority = NULL;
	revocations_run(v);
}

static void save(struct revocations *v)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (store_revocation_save(v->in.store, &v->row, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(v->in.log, "revocation of %s: %s", v->row.serial, text);
}

static void end_well(struct revocations *v, bool was_revoked)
{
	v->row.state = STORE_REVOCATION_REVOKED;
	v->row.key_pem = secret_free(v->row.key_pem);
	xstrset(&v->row.error, NULL);
	save(v);
	events_add(v->in.events, LOG_LEVEL_NOTICE, "revoked", v->row.domain,
		"certificate %s %s revoked (%s)", v->row.serial,
		was_revoked ? "had been" : "is",
		acme_revocation_reason_name((int)v->row.reason));
	finish(v);
}

static void end_refused(struct revocations *v, const struct err *cause)
{
	_cleanup_(freep) char *text = err_format(cause);

	v->row.state = STORE_REVOCATION_REFUSED;
	v->row.key_pem = secret_free(v->row.key_pem);
	xstrset(&v->row.error, text);
	save(v);
	events_add(v->in.events, LOG_LEVEL_ERROR, "not-revoked", v->row.domain,
		"certificate %s is not revoked, and will not be asked for again: %s",
		v->row.serial, text);
	finish(v);
}

static void put_off(struct revocations *v, const struct err *cause)
{
	_cleanup_(freep) char *text = err_format(cause);
	usec_t now = loop_wall_now(v->in.loop);
	uint64_t dice = 0;
	char wait[USEC_DURATION_MAX];

	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) < 0)
		dice = 0;
	v->row.attempts++;
	v->row.due_usec = MAX(usec_add(now, policy_back_off(v->row.attempts, dice)),
		MIN(cause->retry_at_usec, usec_add(now, 2 * USEC_PER_DAY)));
	xstrset(&v->row.error, text);
	save(v);
	usec_format_duration(
		usec_sub(v->row.due_usec, now) / USEC_PER_SEC * USEC_PER_SEC, wait,
		sizeof(wait));
	events_add(v->in.events, LOG_LEVEL_WARNING, "not-revoked", v->row.domain,
		"certificate %s is not revoked yet: %s; next try in %s", v->row.serial,
		text, wait);
	finish(v);
}

/* --- asking the CA ------------------------------------------------------------------------- */

/* The CA does not take this signer, or this request. */
static bool is_refusal(const struct acme_problem *problem)
{
	if (!problem)
		return false;
	return acme_problem_reaction(problem) == ACME_REACTION_PERSON ||
	       acme_problem_reaction(problem) == ACME_REACTION_ACCOUNT;
}

/* What is refused to one is asked by the other, once. */
static void on_answered(const struct acme_revocation_result *result, void *userdata)
{
	struct revocations *v = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	FAULT("revocation-answered");
	if (result->is_revoked) {
		end_well(v, result->was_revoked);
		return;
	}
	err_copy(&err, result->err);
	bool is_refused = is_refusal(result->problem);
	drop_request(v);
	if (!is_refused) {
		put_off(v, &err);
	} else if (v->is_second) {
		end_refused(v, &err);
	} else {
		v->is_second = true;
		v->method = v->method == BY_ACCOUNT ? BY_KEY : BY_ACCOUNT;
		try_method(v);
	}
}

static void ask(struct revocations *v, struct acme_client *client)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	_cleanup_(freep) uint8_t *der = NULL;
	size_t der_len = 0;
	int r = cert_chain_parse_pem(
		&chain, v->row.chain_pem, strlen(v->row.chain_pem), &err);

	FAULT("revocation-not-sent");
	if (r >= 0)
		r = cert_chain_format_leaf_der(chain, &der, &der_len, &err);
	const struct acme_revocation_params params = {
		.certificate = der,
		.certificate_len = der_len,
		.reason = (enum acme_revocation_reason)v->row.reason,
	};
	if (r >= 0)
		r = acme_revocation_start(
			&v->request, client, &params, on_answered, v, &err);
	if (r < 0)
		put_off(v, &err);
}

/* Without an account the key is left, unless it has been refused already. */
static void do_without_account(struct revocations *v, const struct err *cause)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	err_copy(&err, cause);
	v->ensure = authority_ensure_cancel(v->ensure);
	if (err.kind == ERR_NETWORK || v->is_second) {
		put_off(v, &err);
		return;
	}
	v->is_second = true;
	v->method = BY_KEY;
	try_method(v);
}

static void on_ensured(const struct err *err, void *userdata)
{
	struct revocations *v = userdata;

	if (err)
		do_without_account(v, err);
	else
		ask(v, authority_get_client(v->authority));
}

static void try_by_key(struct revocations *v)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (authority_make_client(v->authority, v->row.key_pem, &v->key_signer,
		    &v->key_client, &err) < 0) {
		put_off(v, &err);
		return;
	}
	acme_client_set_account(v->key_client, NULL);
	ask(v, v->key_client);
}

static void try_method(struct revocations *v)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (v->method == BY_KEY)
		try_by_key(v);
	else if (authority_ensure_start(
			 &v->ensure, v->authority, 0, on_ensured, v, &err) < 0)
		do_without_account(v, &err);
}

/* --- looking ------------------------------------------------------------------------------- */

/* Another one is served in its place, or nothing is any more. 1, 0. */
static int is_replaced(
	struct revocations *v, const struct store_revocation *row, struct err *err)
{
	_cleanup_(store_slot_done) struct store_slot slot = { 0 };
	_cleanup_(store_certificate_done) struct store_certificate served = { 0 };
	int r = store_slot_load(v->in.store, row->slot_id, &slot, err);

	if (r == STORE_E_NOT_FOUND || (r == 0 && slot.removed))
		return 1;
	if (r == 0 && slot.certificate_id > 0)
		r = store_certificate_load(
			v->in.store, slot.certificate_id, &served, err);
	if (r < 0)
		return r;
	return !served.serial || strcmp(served.serial, row->serial) != 0;
}

static void copy_row(struct store_revocation *ret, const struct store_revocation *row)
{
	*ret = *row;
	ret->domain = xstrdup(row->domain);
	ret->authority = xstrdup(row->authority);
	ret->serial = xstrdup(row->serial);
	ret->chain_pem = xstrdup(row->chain_pem);
	ret->key_pem = row->key_pem ? xstrdup(row->key_pem) : NULL;
	ret->error = row->error ? xstrdup(row->error) : NULL;
}

struct look {
	struct revocations *revocations;
	usec_t now_usec;
	usec_t next_usec; /* the soonest that is not due; USEC_NEVER = none */
};

static int on_waiting(const struct store_revocation *row, void *userdata)
{
	struct look *look = userdata;

	if (row->due_usec > look->now_usec) {
		look->next_usec = MIN(look->next_usec, row->due_usec);
		return 0;
	}
	if (!row->key_pem || is_replaced(look->revocations, row, NULL) != 1)
		return 0;
	copy_row(&look->revocations->row, row);
	return 1;
}

static void begin(struct revocations *v)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	v->is_second = false;
	v->method =
		v->row.reason == ACME_REVOCATION_KEY_COMPROMISE ? BY_KEY : BY_ACCOUNT;
	v->authority = v->in.get_authority(v->row.authority, v->in.userdata, &err);
	if (v->authority)
		try_method(v);
	else
		put_off(v, &err);
}

static void on_look(void *userdata)
{
	struct revocations *v = userdata;
	struct look look = {
		.revocations = v,
		.now_usec = loop_wall_now(v->in.loop),
		.next_usec = USEC_NEVER,
	};
	_cleanup_(err_done) struct err err = ERR_INIT;

	v->defer = loop_defer_free(v->defer);
	int r = store_revocation_each_waiting(v->in.store, on_waiting, &look, &err);
	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(v->in.log, "revocations: %s", text);
	}
	if (v->row.id > 0)
		begin(v);
	else if (look.next_usec != USEC_NEVER)
		loop_timer_set_wall(v->timer, look.next_usec);
}

void revocations_run(struct revocations *v)
{
	if (v && !v->defer && v->row.id == 0)
		v->defer = loop_defer_new(v->in.loop, on_look, v);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	revocations_run(userdata);
}

void revocations_stop(struct revocations *v)
{
	drop_request(v);
	store_revocation_done(&v->row);
	v->authority = NULL;
	loop_timer_disarm(v->timer);
}

/* --- asking for one -------------------------------------------------------------------------- */

static int store_wish(struct revocations *v, const struct store_certificate *c,
	const struct store_slot *slot, enum acme_revocation_reason reason,
	struct err *err)
{
	usec_t now = loop_wall_now(v->in.loop);
	struct store_revocation row = {
		.slot_id = slot->id,
		.domain = slot->domain,
		.authority = c->authority,
		.serial = c->serial,
		.chain_pem = c->chain_pem,
		.key_pem = c->key_pem,
		.reason = reason,
		.asked_usec = now,
		.due_usec = now,
	};
	int r = store_begin(v->in.store, err);

	if (r < 0)
		return r;
	r = store_revocation_add(v->in.store, &row, err);
	if (r == 0 && slot->certificate_id == c->id && !slot->removed)
		r = store_slot_set_due(v->in.store, slot->id, now, err);
	if (r == 0)
		r = store_commit(v->in.store, err);
	else
		store_rollback(v->in.store);
	return r;
}

int revocations_ask(struct revocations *v, int64_t certificate_id,
	enum acme_revocation_reason reason, bool *ret_serves, struct err *err)
{
	_cleanup_(store_certificate_done) struct store_certificate c = { 0 };
	_cleanup_(store_slot_done) struct store_slot slot = { 0 };
	int r = store_certificate_load(v->in.store, certificate_id, &c, err);

	if (r == 0)
		r = store_slot_load(v->in.store, c.slot_id, &slot, err);
	if (r == STORE_E_NOT_FOUND)
		return err_set(err, -ENOENT, "no such certificate");
	if (r == 0)
		r = store_wish(v, &c, &slot, reason, err);
	if (r < 0)
		return r;
	*ret_serves = slot.certificate_id == c.id && !slot.removed;
	events_add(v->in.events, LOG_LEVEL_NOTICE, "revocation", slot.domain,
		"certificate %s shall be revoked (%s)%s", c.serial,
		acme_revocation_reason_name(reason),
		*ret_serves ? ", when its replacement is served" : "");
	revocations_run(v);
	return 0;
}

struct summary {
	unsigned n;
	char *text;
};

static int on_summary(const struct store_revocation *row, void *userdata)
{
	struct summary *s = userdata;

	s->n++;
	if (s->text && !row->error)
		return 0;
	free(s->text);
	s->text = xasprintf("%s of %s %s", row->serial, row->domain,
		row->error ? row->error : "waits for its replacement");
	return 0;
}

char *revocations_format_waiting(struct revocations *v)
{
	struct summary s = { 0 };

	store_revocation_each_waiting(v->in.store, on_summary, &s, NULL);
	_cleanup_(freep) char *text = s.text;
	if (s.n == 0)
		return NULL;
	return xasprintf("%u certificate%s to be revoked: %s", s.n,
		s.n == 1 ? " is" : "s are", text);
}

/* --- the object -------------------------------------------------------------------------------- */

struct revocations *revocations_new(const struct revocations_params *params)
{
	struct revocations *v = xnew(struct revocations);

	v->in = *params;
	v->timer = loop_timer_new(params->loop, on_timer, v);
	return v;
}

struct revocations *revocations_free(struct revocations *v)
{
	if (!v)
		return NULL;
	revocations_stop(v);
	loop_timer_free(v->timer);
	loop_defer_free(v->defer);
	free(v);
	return NULL;
}
