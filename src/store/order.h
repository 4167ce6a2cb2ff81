/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders and their authorizations (RFC 8555 7.1.3, 7.1.4). The row with the certificate
 * key exists, committed, before newOrder is sent; the URL is stored before any
 * authorization is touched.
 */
#pragma once

#include "store/store.h"
#include "util/usec.h"

struct store_order {
	int64_t id;
	int64_t slot_id;
	int64_t account_id;
	char *names;   /* space separated, as sent */
	char *key_pem; /* secret; the certificate's key */
	char *state;   /* acme/order.h state name */
	char *url;     /* NULL until the CA has answered newOrder */
	char *finalize_url;
	char *certificate_url;
	usec_t sent_usec;    /* newOrder was about to be sent at; 0 = not yet */
	usec_t expires_usec; /* as the CA says; 0 = unknown */
	bool finished;       /* nothing more to do (issued, failed, abandoned) */
};

void store_order_done(struct store_order *order);
/* Sets order->id. -EEXIST: the slot has an unfinished one. The slot's finished ones go,
 * but for those whose authorizations still want cleaning up. */
int store_order_add(struct store *store, struct store_order *order, struct err *err);
/* Writes all that comes after key_pem. */
int store_order_save(
	struct store *store, const struct store_order *order, struct err *err);
/* 0, STORE_E_NOT_FOUND. */
int store_order_load(
	struct store *store, int64_t id, struct store_order *ret, struct err *err);
/* The unfinished order of a slot: 0, STORE_E_NOT_FOUND. */
int store_order_find_open(
	struct store *store, int64_t slot_id, struct store_order *ret, struct err *err);

struct store_authorization {
	int64_t id;
	int64_t order_id;
	char *name; /* identifier value, without "*." */
	char *url;
	char *challenge; /* type chosen; NULL = not yet */
	char *challenge_url;
	char *token;    /* NULL = none */
	char *state;    /* acme/authz.h state name */
	bool presented; /* an answer stands and wants cleaning up */
};

void store_authorization_done(struct store_authorization *authorization);
/* Inserts (id 0, sets it) or updates. */
int store_authorization_save(struct store *store,
	struct store_authorization *authorization, struct err *err);
typedef int store_authorization_fn(
	const struct store_authorization *authorization, void *userdata);
int store_authorization_each(struct store *store, int64_t order_id,
	store_authorization_fn *fn, void *userdata, struct err *err);
/* All with presented = true, of whichever order: what a crash left behind. */
int store_authorization_each_presented(struct store *store, store_authorization_fn *fn,
	void *userdata, struct err *err);
