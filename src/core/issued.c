/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See issued.h. Nothing is served that has not passed here. */
#include "core/issued.h"

#include <string.h>

#include "core/wanted/quota.h"
#include "pki/cert.h"
#include "pki/tls_context.h"
#include "util/fault.h"
#include "util/mem.h"

#define KEEP_CERTIFICATES 2

static bool is_change(const struct issued_params *p)
{
	return p->is_wanted || p->current->id == 0 ||
	       strcmp(p->current->authority, p->slot->authority) != 0 ||
	       !str_is_same(p->current->profile, p->slot->profile) ||
	       strcmp(p->current->names, p->slot->names) != 0;
}

static int check_chain(
	const struct issued_params *p, const struct cert_chain *chain, struct err *err)
{
	_cleanup_(strv_freep) char **names = strv_split(p->slot->names);
	_cleanup_(key_freep) struct key *key = NULL;
	int r = intent_load_key(p->intent, &key, err);

	if (r < 0)
		return r;
	struct cert_check check = {
		.key = key,
		.names = names,
		.wall_now_usec = p->wall_now_usec,
		.ends_from_usec = is_change(p) ? 0 : p->current->not_after_usec,
	};
	return cert_chain_check(chain, &check, err);
}

static int rehearse(const struct issued_params *p, enum tls_version version,
	const char *chain_pem, struct err *err)
{
	_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;
	_cleanup_(strv_freep) char **names = strv_split(p->slot->names);
	const char *key_pem = intent_get_order(p->intent)->key_pem;
	int r = tls_context_new(&context, chain_pem, key_pem, err);

	if (r >= 0)
		r = tls_context_rehearse(context, version, names[0], err);
	if (r >= 0)
		return 0;
	if (err) /* it came from the CA like this, and would come again */
		err->kind = ERR_CA;
	return err_wrap(err, r, "handshake in memory");
}

static void fill(struct store_certificate *ret, const struct issued_params *p,
	const struct cert_chain *chain, char *chain_pem)
{
	char fingerprint[CERT_FINGERPRINT_TEXT];

	cert_chain_format_fingerprint(chain, fingerprint);
	*ret = (struct store_certificate){
		.slot_id = p->slot->id,
		.authority = xstrdup(p->slot->authority),
		.profile = xstrdup(p->slot->profile),
		.names = xstrdup(p->slot->names),
		.chain_pem = chain_pem,
		.key_pem = xstrdup(intent_get_order(p->intent)->key_pem),
		.serial = xstrdup(cert_chain_get_serial(chain)),
		.fingerprint = xstrdup(fingerprint),
		.issuer = xstrdup(cert_chain_get_issuer(chain)),
		.not_before_usec = cert_chain_get_not_before(chain),
		.not_after_usec = cert_chain_get_not_after(chain),
		.issued_usec = p->wall_now_usec,
		.state = STORE_CERTIFICATE_ISSUED,
	};
}

/* For those who ask later what a change would cost. */
static int count_issued(const struct store_certificate *certificate,
	const struct issued_params *p, struct err *err)
{
	const struct quota_issued issued = {
		.directory = p->slot->authority,
		.names = p->slot->names,
		.is_renewal = quota_is_renewal(
			p->current, p->slot->authority, p->slot->names),
		.at_usec = certificate->issued_usec,
	};

	return quota_save(p->store, &issued, err);
}

static int save_all(struct store_certificate *certificate,
	const struct issued_params *p, struct err *err)
{
	int64_t superseded = p->slot->pending_id;
	int r = store_certificate_add(p->store, certificate, err);

	if (r >= 0)
		r = count_issued(certificate, p, err);
	if (r >= 0 && superseded > 0 && superseded != p->slot->certificate_id)
		r = store_certificate_set_state(
			p->store, superseded, STORE_CERTIFICATE_SUPERSEDED, err);
	p->slot->pending_id = certificate->id;
	p->slot->attempts = 0;
	xstrset(&p->slot->error, NULL);
	if (r >= 0)
		r = store_slot_save(p->store, p->slot, err);
	return r < 0 ? r : intent_finish(p->intent, err);
}

/* What a transaction changes of the slot in memory. */
struct before {
	struct store_slot slot; /* its strings are not looked at */
	char *error;            /* owned */
};

static struct before note_before(const struct store_slot *slot)
{
	return (struct before){ *slot, xstrdup(slot->error) };
}

/* Ends the transaction that was begun, by what came of it: if it failed, the slot in
 * memory is what it was before, too. */
static int end_transaction(struct store *store, struct store_slot *slot,
	struct before *before, int r, struct err *err)
{
	if (r >= 0)
		r = store_commit(store, err);
	else
		store_rollback(store);
	if (r < 0) {
		slot->certificate_id = before->slot.certificate_id;
		slot->pending_id = before->slot.pending_id;
		slot->attempts = before->slot.attempts;
		slot->due_usec = before->slot.due_usec;
		xstrset(&slot->error, before->error);
	}
	free(before->error);
	return r;
}

/* *ret_pem: the very octets that will be handed out. */
static int check(const struct issued_params *params, enum tls_version version,
	struct cert_chain **ret_chain, char **ret_pem, struct err *err)
{
	int r = cert_chain_parse_pem(
		ret_chain, params->chain_pem, params->chain_len, err);

	if (r >= 0)
		r = check_chain(params, *ret_chain, err);
	if (r >= 0)
		r = cert_chain_format_pem(*ret_chain, ret_pem, err);
	return r < 0 ? r : rehearse(params, version, *ret_pem, err);
}

int issued_check(const struct issued_params *params, struct err *err)
{
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	_cleanup_(freep) char *chain_pem = NULL;

	return check(params, TLS_VERSION_13, &chain, &chain_pem, err);
}

int issued_take(struct store_certificate *ret, const struct issued_params *params,
	struct err *err)
{
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	_cleanup_(freep) char *chain_pem = NULL;
	int r = check(params, TLS_VERSION_12, &chain, &chain_pem, err);

	if (r >= 0)
		r = store_begin(params->store, err);
	if (r < 0)
		return r;
	struct before before = note_before(params->slot);
	fill(ret, params, chain, TAKE_PTR(chain_pem));
	r = save_all(ret, params, err);
	FAULT("certificate-not-committed");
	r = end_transaction(params->store, params->slot, &before, r, err);
	if (r < 0) {
		store_certificate_done(ret);
		*ret = (struct store_certificate){ 0 };
	}
	return r;
}

static int save_served(struct store *store, struct store_slot *slot,
	int64_t certificate_id, struct err *err)
{
	int64_t before = slot->certificate_id;
	int r = store_certificate_set_state(
		store, certificate_id, STORE_CERTIFICATE_SERVED, err);

	if (r >= 0 && before > 0 && before != certificate_id)
		r = store_certificate_set_state(
			store, before, STORE_CERTIFICATE_SUPERSEDED, err);
	slot->certificate_id = certificate_id;
	slot->pending_id = 0;
	slot->attempts = 0;
	xstrset(&slot->error, NULL);
	if (r >= 0)
		r = store_slot_save(store, slot, err);
	return r < 0 ? r
		     : store_certificate_prune(store, slot->id, KEEP_CERTIFICATES, err);
}

int issued_save_served(struct store *store, struct store_slot *slot,
	int64_t certificate_id, usec_t due_usec, struct err *err)
{
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	struct before before = note_before(slot);
	slot->due_usec = due_usec;
	r = save_served(store, slot, certificate_id, err);
	return end_transaction(store, slot, &before, r, err);
}
