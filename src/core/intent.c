/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See intent.h. */
#include "core/intent.h"

#include <string.h>

#include "acme/authz.h"
#include "pki/csr.h"
#include "store/ledger.h"
#include "util/fault.h"
#include "util/mem.h"

struct intent {
	struct store *store; /* borrowed */
	struct loop *loop;   /* borrowed */
	struct store_order order;
	struct store_authorization *authz; /* owned; n_authz */
	size_t n_authz;
	struct acme_progress progress;
	intent_guard_fn *guard; /* NULL: nobody objects */
	void *guard_userdata;
	bool is_resumed;
};

/* --- progress of the protocol -------------------------------------------------------- */

static int on_order_changed(
	void *userdata, const struct acme_order_facts *facts, struct err *err)
{
	struct intent *intent = userdata;
	struct store_order *order = &intent->order;

	if (facts->state == ACME_ORDER_NEW && intent->guard) {
		int r = intent->guard(intent->guard_userdata, err);
		if (r < 0)
			return r;
	}
	xstrset(&order->state, acme_order_state_name(facts->state));
	xstrset(&order->url, facts->url);
	xstrset(&order->finalize_url, facts->finalize_url);
	xstrset(&order->certificate_url, facts->certificate_url);
	order->expires_usec = facts->expires_usec;
	if (order->sent_usec == 0)
		order->sent_usec = loop_wall_now(intent->loop);
	return store_order_save(intent->store, order, err);
}

static struct store_authorization *get_authorization(
	struct intent *intent, const char *url)
{
	for (size_t i = 0; i < intent->n_authz; i++)
		if (strcmp(intent->authz[i].url, url) == 0)
			return &intent->authz[i];
	intent->authz = xreallocarray(
		intent->authz, intent->n_authz + 1, sizeof(*intent->authz));
	intent->authz[intent->n_authz] = (struct store_authorization){
		.order_id = intent->order.id,
		.url = xstrdup(url),
	};
	return &intent->authz[intent->n_authz++];
}

static int on_authz_changed(
	void *userdata, const struct acme_authz_facts *facts, struct err *err)
{
	struct intent *intent = userdata;
	struct store_authorization *authz = get_authorization(intent, facts->url);

	xstrset(&authz->name, facts->name);
	xstrset(&authz->state, facts->state);
	/* Which answer stands is known better below, also from an earlier life. */
	if (facts->challenge) {
		xstrset(&authz->challenge, facts->challenge);
		xstrset(&authz->challenge_url, facts->challenge_url);
		xstrset(&authz->token, facts->token);
	}
	return store_authorization_save(intent->store, authz, err);
}

/* --- what stands outside ------------------------------------------------------------- */

int intent_present(struct intent *intent, const struct acme_offer *offer, size_t index,
	struct err *err)
{
	const struct acme_challenge *challenge = &offer->challenge[index];
	struct store_authorization *authz = get_authorization(intent, offer->url);

	xstrset(&authz->name, offer->name);
	xstrset(&authz->challenge, challenge->type);
	xstrset(&authz->challenge_url, challenge->url);
	xstrset(&authz->token, challenge->token);
	if (!authz->state)
		authz->state = xstrdup(acme_authz_state_name(ACME_AUTHZ_SOLVE));
	authz->presented = true;
	return store_authorization_save(intent->store, authz, err);
}

int intent_withdraw(
	struct intent *intent, const char *url, const char *type, struct err *err)
{
	for (size_t i = 0; i < intent->n_authz; i++) {
		struct store_authorization *authz = &intent->authz[i];

		if (!authz->presented || strcmp(authz->url, url) != 0 ||
			strcmp(authz->challenge, type) != 0)
			continue;
		authz->presented = false;
		return store_authorization_save(intent->store, authz, err);
	}
	return 0;
}

/* --- the row -------------------------------------------------------------------------- */

static int on_stored(const struct store_authorization *stored, void *userdata)
{
	struct store_authorization *authz = get_authorization(userdata, stored->url);

	authz->id = stored->id;
	authz->presented = stored->presented;
	xstrset(&authz->name, stored->name);
	xstrset(&authz->state, stored->state);
	xstrset(&authz->challenge, stored->challenge);
	xstrset(&authz->challenge_url, stored->challenge_url);
	xstrset(&authz->token, stored->token);
	return 0;
}

static struct intent *intent_new(const struct intent_params *params)
{
	struct intent *intent = xnew(struct intent);

	intent->store = params->store;
	intent->loop = params->loop;
	intent->progress = (struct acme_progress){
		.order_changed = on_order_changed,
		.authz_changed = on_authz_changed,
		.userdata = intent,
	};
	return intent;
}

int intent_find(
	struct intent **ret, const struct intent_params *params, struct err *err)
{
	_cleanup_(intent_freep) struct intent *intent = intent_new(params);
	struct store_order *order = &intent->order;
	int r = store_order_find_open(params->store, params->slot->id, order, err);

	if (r != 0)
		return r;
	if (order->account_id != params->account_id ||
		strcmp(order->names, params->slot->names) != 0) {
		r = intent_finish(intent, err);
		return r < 0 ? r : STORE_E_NOT_FOUND;
	}
	intent->is_resumed = order->url != NULL;
	r = store_authorization_each(params->store, order->id, on_stored, intent, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(intent);
	return 0;
}

int intent_add(struct intent **ret, const struct intent_params *params,
	const struct key *key, struct err *err)
{
	_cleanup_(intent_freep) struct intent *intent = intent_new(params);

	intent->order = (struct store_order){
		.slot_id = params->slot->id,
		.account_id = params->account_id,
		.names = xstrdup(params->slot->names),
		.state = xstrdup(acme_order_state_name(ACME_ORDER_NEW)),
	};
	int r = key_format_pem(key, &intent->order.key_pem, err);
	FAULT("order-key-made");
	if (r >= 0)
		r = store_order_add(params->store, &intent->order, err);
	FAULT("order-key-stored");
	if (r >= 0)
		r = store_ledger_count(params->store, params->slot->authority,
			LEDGER_ORDER, "", loop_wall_now(params->loop), err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(intent);
	return 0;
}

struct intent *intent_free(struct intent *intent)
{
	if (!intent)
		return NULL;
	for (size_t i = 0; i < intent->n_authz; i++)
		store_authorization_done(&intent->authz[i]);
	free(intent->authz);
	store_order_done(&intent->order);
	free(intent);
	return NULL;
}

void intent_set_guard(struct intent *intent, intent_guard_fn *fn, void *userdata)
{
	intent->guard = fn;
	intent->guard_userdata = userdata;
}

bool intent_is_resumed(const struct intent *intent)
{
	return intent->is_resumed;
}

const struct store_order *intent_get_order(const struct intent *intent)
{
	return &intent->order;
}

const struct acme_progress *intent_get_progress(const struct intent *intent)
{
	return &intent->progress;
}

int intent_load_key(const struct intent *intent, struct key **ret, struct err *err)
{
	const char *pem = intent->order.key_pem;

	return key_parse_pem(ret, pem, strlen(pem), err);
}

int intent_format_csr(
	const struct intent *intent, uint8_t **ret, size_t *ret_len, struct err *err)
{
	_cleanup_(strv_freep) char **names = strv_split(intent->order.names);
	_cleanup_(key_freep) struct key *key = NULL;
	int r = intent_load_key(intent, &key, err);

	if (r < 0)
		return r;
	return csr_generate(key, names, ret, ret_len, err);
}

int intent_finish(struct intent *intent, struct err *err)
{
	intent->order.finished = true;
	return store_order_save(intent->store, &intent->order, err);
}
