/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See order.h. An index sees to it that a slot has one unfinished order at most. */
#include "store/order.h"

#include "store/store_priv.h"
#include "util/mem.h"

void store_order_done(struct store_order *order)
{
	free(order->certificate_url);
	free(order->finalize_url);
	free(order->url);
	free(order->state);
	secret_free(order->key_pem);
	free(order->names);
	*order = (struct store_order){ 0 };
}

static int read_order(struct store_stmt *q, struct store_order *ret)
{
	_cleanup_(store_order_done) struct store_order o = { 0 };

	o.id = store_stmt_read_begin(q, "order");
	o.slot_id = store_stmt_read_int(q, 1, INT64_MAX);
	o.account_id = store_stmt_read_int(q, 1, INT64_MAX);
	o.names = store_stmt_read_text(q, STORE_NAMES_MAX);
	o.key_pem = store_stmt_read_text(q, STORE_PEM_MAX);
	o.state = store_stmt_read_text(q, STORE_TEXT_MAX);
	o.url = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	o.finalize_url = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	o.certificate_url = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	o.sent_usec = store_stmt_read_usec(q);
	o.expires_usec = store_stmt_read_usec(q);
	o.finished = store_stmt_read_bool(q);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	*ret = o;
	o = (struct store_order){ 0 };
	return 0;
}

static int prune(struct store *store, int64_t slot_id, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_ORDER_PRUNE, err);
	store_stmt_bind_int(&q, slot_id);
	return store_stmt_run(&q);
}

static void bind_progress(struct store_stmt *q, const struct store_order *order)
{
	store_stmt_bind_text(q, order->state, STORE_TEXT_MAX);
	store_stmt_bind_text(q, order->url, STORE_TEXT_MAX);
	store_stmt_bind_text(q, order->finalize_url, STORE_TEXT_MAX);
	store_stmt_bind_text(q, order->certificate_url, STORE_TEXT_MAX);
	store_stmt_bind_usec(q, order->sent_usec);
	store_stmt_bind_usec(q, order->expires_usec);
	store_stmt_bind_int(q, order->finished);
}

static int add_row(struct store *store, struct store_order *order, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_ORDER_ADD, err);
	store_stmt_bind_int(&q, order->slot_id);
	store_stmt_bind_int(&q, order->account_id);
	store_stmt_bind_text(&q, order->names, STORE_NAMES_MAX);
	store_stmt_bind_text(&q, order->key_pem, STORE_PEM_MAX);
	bind_progress(&q, order);
	return store_stmt_run_add(&q, &order->id);
}

int store_order_add(struct store *store, struct store_order *order, struct err *err)
{
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	r = prune(store, order->slot_id, err);
	if (r == 0)
		r = add_row(store, order, err);
	return store_finish(store, r, err);
}

int store_order_save(
	struct store *store, const struct store_order *order, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_ORDER_SAVE, err);
	bind_progress(&q, order);
	store_stmt_bind_int(&q, order->id);
	return store_stmt_run_on(&q, "order", order->id);
}

static int load(struct store *store, enum store_stmt_id statement, int64_t id,
	struct store_order *ret, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, statement, err);
	store_stmt_bind_int(&q, id);
	int r = store_stmt_fetch(&q);
	return r == 0 ? read_order(&q, ret) : r;
}

int store_order_load(
	struct store *store, int64_t id, struct store_order *ret, struct err *err)
{
	return load(store, STORE_STMT_ORDER_LOAD, id, ret, err);
}

int store_order_find_open(
	struct store *store, int64_t slot_id, struct store_order *ret, struct err *err)
{
	return load(store, STORE_STMT_ORDER_FIND_OPEN, slot_id, ret, err);
}

void store_authorization_done(struct store_authorization *authorization)
{
	free(authorization->state);
	free(authorization->token);
	free(authorization->challenge_url);
	free(authorization->challenge);
	free(authorization->url);
	free(authorization->name);
	*authorization = (struct store_authorization){ 0 };
}

static int read_authorization(struct store_stmt *q, struct store_authorization *ret)
{
	_cleanup_(store_authorization_done) struct store_authorization a = { 0 };

	a.id = store_stmt_read_begin(q, "authorization");
	a.order_id = store_stmt_read_int(q, 1, INT64_MAX);
	a.name = store_stmt_read_text(q, STORE_TEXT_MAX);
	a.url = store_stmt_read_text(q, STORE_TEXT_MAX);
	a.challenge = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	a.challenge_url = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	a.token = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	a.state = store_stmt_read_text(q, STORE_TEXT_MAX);
	a.presented = store_stmt_read_bool(q);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	*ret = a;
	a = (struct store_authorization){ 0 };
	return 0;
}

int store_authorization_save(
	struct store *store, struct store_authorization *authorization, struct err *err)
{
	bool is_new = authorization->id == 0;
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store,
		is_new ? STORE_STMT_AUTHORIZATION_ADD : STORE_STMT_AUTHORIZATION_SAVE,
		err);
	store_stmt_bind_int(&q, authorization->order_id);
	store_stmt_bind_text(&q, authorization->name, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, authorization->url, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, authorization->challenge, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, authorization->challenge_url, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, authorization->token, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, authorization->state, STORE_TEXT_MAX);
	store_stmt_bind_int(&q, authorization->presented);
	if (is_new)
		return store_stmt_run_add(&q, &authorization->id);
	store_stmt_bind_int(&q, authorization->id);
	return store_stmt_run_on(&q, "authorization", authorization->id);
}

struct walk {
	store_authorization_fn *fn;
	void *userdata;
};

static int on_row(struct store_stmt *q, void *userdata)
{
	const struct walk *walk = userdata;
	_cleanup_(store_authorization_done) struct store_authorization a = { 0 };

	int r = read_authorization(q, &a);
	return r == 0 ? walk->fn(&a, walk->userdata) : r;
}

int store_authorization_each(struct store *store, int64_t order_id,
	store_authorization_fn *fn, void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_AUTHORIZATION_EACH, err);
	store_stmt_bind_int(&q, order_id);
	return store_stmt_each(&q, on_row, &walk);
}

int store_authorization_each_presented(struct store *store, store_authorization_fn *fn,
	void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_AUTHORIZATION_EACH_PRESENTED, err);
	return store_stmt_each(&q, on_row, &walk);
}
