/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See revocation.h. */
#include "store/revocation.h"

#include <limits.h>

#include "store/store_priv.h"
#include "util/mem.h"

const char *const store_revocation_state_names[_STORE_REVOCATION_STATE_MAX] = {
	[STORE_REVOCATION_WAITING] = "waiting",
	[STORE_REVOCATION_REVOKED] = "revoked",
	[STORE_REVOCATION_REFUSED] = "refused",
};

void store_revocation_done(struct store_revocation *revocation)
{
	free(revocation->error);
	secret_free(revocation->key_pem);
	free(revocation->chain_pem);
	free(revocation->serial);
	free(revocation->authority);
	free(revocation->domain);
	*revocation = (struct store_revocation){ 0 };
}

static int read_revocation(struct store_stmt *q, struct store_revocation *ret)
{
	_cleanup_(store_revocation_done) struct store_revocation v = { 0 };

	v.id = store_stmt_read_begin(q, "revocation");
	v.slot_id = store_stmt_read_int(q, 0, INT64_MAX);
	v.domain = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.authority = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.serial = store_stmt_read_text(q, STORE_TEXT_MAX);
	v.chain_pem = store_stmt_read_text(q, STORE_PEM_MAX);
	v.key_pem = store_stmt_read_text_or_null(q, STORE_PEM_MAX);
	v.reason = (unsigned)store_stmt_read_int(q, 0, UINT_MAX);
	v.asked_usec = store_stmt_read_usec(q);
	v.due_usec = store_stmt_read_usec(q);
	v.attempts = (unsigned)store_stmt_read_int(q, 0, UINT_MAX);
	v.error = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	v.state = (enum store_revocation_state)store_stmt_read_enum(
		q, store_revocation_state_names, _STORE_REVOCATION_STATE_MAX);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	*ret = v;
	v = (struct store_revocation){ 0 };
	return 0;
}

static void bind_progress(struct store_stmt *q, const struct store_revocation *v)
{
	store_stmt_bind_text(q, v->key_pem, STORE_PEM_MAX);
	store_stmt_bind_int(q, v->reason);
	store_stmt_bind_usec(q, v->asked_usec);
	store_stmt_bind_usec(q, v->due_usec);
	store_stmt_bind_int(q, v->attempts);
	store_stmt_bind_text(q, v->error, STORE_TEXT_MAX);
	store_stmt_bind_text(q, store_revocation_state_names[v->state], STORE_TEXT_MAX);
}

int store_revocation_add(
	struct store *store, struct store_revocation *revocation, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_REVOCATION_ADD, err);
	store_stmt_bind_int(&q, revocation->slot_id);
	store_stmt_bind_text(&q, revocation->domain, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, revocation->authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, revocation->serial, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, revocation->chain_pem, STORE_PEM_MAX);
	bind_progress(&q, revocation);
	return store_stmt_run_returning(&q, &revocation->id);
}

int store_revocation_save(
	struct store *store, const struct store_revocation *revocation, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_REVOCATION_SAVE, err);
	bind_progress(&q, revocation);
	store_stmt_bind_int(&q, revocation->id);
	return store_stmt_run_on(&q, "revocation", revocation->id);
}

struct walk {
	store_revocation_fn *fn;
	void *userdata;
};

static int on_row(struct store_stmt *q, void *userdata)
{
	_cleanup_(store_revocation_done) struct store_revocation v = { 0 };
	const struct walk *walk = userdata;
	int r = read_revocation(q, &v);

	return r == 0 ? walk->fn(&v, walk->userdata) : r;
}

int store_revocation_each_waiting(
	struct store *store, store_revocation_fn *fn, void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_REVOCATION_EACH_WAITING, err);
	return store_stmt_each(&q, on_row, &walk);
}

int store_revocation_is_asked(
	struct store *store, const char *authority, const char *serial, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_REVOCATION_IS_ASKED, err);
	store_stmt_bind_text(&q, authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, serial, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	if (r != 0)
		return r == STORE_E_NOT_FOUND ? 0 : r;
	return (int)store_stmt_read_int(&q, 0, 1);
}
