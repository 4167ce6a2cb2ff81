/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See certificate.h. Chain and key have a table of their own, written in the same
 * transaction, so that the walk at start reads only the small rows. */
#include "store/certificate.h"

#include <string.h>

#include "store/store_priv.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/strtab.h"

#define NAME_MAX_BYTES 253

const char *const store_certificate_state_names[_STORE_CERTIFICATE_STATE_MAX] = {
	[STORE_CERTIFICATE_ISSUED] = "issued",
	[STORE_CERTIFICATE_SERVED] = "served",
	[STORE_CERTIFICATE_SUPERSEDED] = "superseded",
	[STORE_CERTIFICATE_REJECTED] = "rejected",
};

void store_certificate_done(struct store_certificate *certificate)
{
	free(certificate->profile);
	free(certificate->issuer);
	free(certificate->fingerprint);
	free(certificate->serial);
	secret_free(certificate->key_pem);
	free(certificate->chain_pem);
	free(certificate->names);
	free(certificate->authority);
	*certificate = (struct store_certificate){ 0 };
}

/* SQLite does not see that a row has rotted. Never 0. */
static int64_t sum_up(const struct store_certificate *c)
{
	static const struct hash_key key = { .k = "certificate_pem" };
	uint64_t chain = hash_bytes(&key, c->chain_pem, strlen(c->chain_pem));
	uint64_t both = 31 * chain + hash_bytes(&key, c->key_pem, strlen(c->key_pem));

	return (int64_t)(both >> 2) + 1;
}

static int read_certificate(struct store_stmt *q, struct store_certificate *ret)
{
	_cleanup_(store_certificate_done) struct store_certificate c = { 0 };

	c.id = store_stmt_read_begin(q, "certificate");
	c.slot_id = store_stmt_read_int(q, 1, INT64_MAX);
	c.authority = store_stmt_read_text(q, STORE_TEXT_MAX);
	c.names = store_stmt_read_text(q, STORE_NAMES_MAX);
	c.chain_pem = store_stmt_read_text(q, STORE_PEM_MAX);
	c.key_pem = store_stmt_read_text(q, STORE_PEM_MAX);
	c.serial = store_stmt_read_text(q, STORE_TEXT_MAX);
	c.fingerprint = store_stmt_read_text(q, STORE_TEXT_MAX);
	c.issuer = store_stmt_read_text(q, STORE_TEXT_MAX);
	c.not_before_usec = store_stmt_read_usec(q);
	c.not_after_usec = store_stmt_read_usec(q);
	c.issued_usec = store_stmt_read_usec(q);
	c.state = (enum store_certificate_state)store_stmt_read_enum(
		q, store_certificate_state_names, _STORE_CERTIFICATE_STATE_MAX);
	c.profile = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	int64_t checksum = store_stmt_read_id(q);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	c.is_damaged = checksum != 0 && checksum != sum_up(&c);
	*ret = c;
	c = (struct store_certificate){ 0 };
	return 0;
}

int store_certificate_load(
	struct store *store, int64_t id, struct store_certificate *ret, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_CERTIFICATE_LOAD, err);
	store_stmt_bind_int(&q, id);
	int r = store_stmt_fetch(&q);
	return r == 0 ? read_certificate(&q, ret) : r;
}

int store_certificate_find(
	struct store *store, const char *serial, int64_t *ret, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_CERTIFICATE_FIND, err);
	store_stmt_bind_text(&q, serial, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	if (r == 0)
		*ret = store_stmt_read_int(&q, 1, INT64_MAX);
	return r;
}

static int add_row(
	struct store *store, struct store_certificate *certificate, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_CERTIFICATE_ADD, err);
	store_stmt_bind_int(&q, certificate->slot_id);
	store_stmt_bind_text(&q, certificate->authority, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, certificate->names, STORE_NAMES_MAX);
	store_stmt_bind_text(&q, certificate->serial, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, certificate->fingerprint, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, certificate->issuer, STORE_TEXT_MAX);
	store_stmt_bind_usec(&q, certificate->not_before_usec);
	store_stmt_bind_usec(&q, certificate->not_after_usec);
	store_stmt_bind_usec(&q, certificate->issued_usec);
	store_stmt_bind_text(&q,
		STRTAB_NAME(store_certificate_state_names, certificate->state),
		STORE_TEXT_MAX);
	store_stmt_bind_text(&q, certificate->profile, STORE_TEXT_MAX);
	return store_stmt_run_add(&q, &certificate->id);
}

static int add_pem(struct store *store, const struct store_certificate *certificate,
	struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_CERTIFICATE_ADD_PEM, err);
	store_stmt_bind_int(&q, certificate->id);
	store_stmt_bind_text(&q, certificate->chain_pem, STORE_PEM_MAX);
	store_stmt_bind_text(&q, certificate->key_pem, STORE_PEM_MAX);
	if (certificate->chain_pem && certificate->key_pem)
		store_stmt_bind_int(&q, sum_up(certificate));
	return store_stmt_run(&q);
}

int store_certificate_add(
	struct store *store, struct store_certificate *certificate, struct err *err)
{
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	r = add_row(store, certificate, err);
	if (r == 0)
		r = add_pem(store, certificate, err);
	return store_finish(store, r, err);
}

int store_certificate_set_state(struct store *store, int64_t id,
	enum store_certificate_state state, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_CERTIFICATE_SET_STATE, err);
	store_stmt_bind_text(
		&q, STRTAB_NAME(store_certificate_state_names, state), STORE_TEXT_MAX);
	store_stmt_bind_int(&q, id);
	return store_stmt_run_on(&q, "certificate", id);
}

int store_certificate_prune(
	struct store *store, int64_t slot_id, unsigned keep, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_CERTIFICATE_PRUNE, err);
	store_stmt_bind_int(&q, slot_id);
	store_stmt_bind_int(&q, keep);
	return store_stmt_run(&q);
}

struct walk {
	store_served_fn *fn;
	void *userdata;
	struct store_served_cursor *cursor;
	int n;
};

static int visit_names(
	char *names, int64_t id, const char *key_type, const struct walk *walk)
{
	for (char *rest = names, *name; (name = strsep(&rest, " "));) {
		int r = name[0] ? walk->fn(name, id, key_type, walk->userdata) : 0;
		if (r != 0)
			return r;
	}
	return 0;
}

static bool has_long_name(const char *names)
{
	for (const char *p = names; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");
		if (len > NAME_MAX_BYTES)
			return true;
		p += len;
	}
	return false;
}

static int on_served(struct store_stmt *q, void *userdata)
{
	struct walk *walk = userdata;
	int64_t id = store_stmt_read_begin(q, "certificate");

	int64_t slot_id = store_stmt_read_id(q);
	usec_t due_usec = store_stmt_read_usec(q);

	/* Whatever else is wrong with it, the walk gets on. */
	walk->n++;
	if (slot_id > 0) {
		walk->cursor->slot_id = slot_id;
		walk->cursor->due_usec = due_usec;
	}
	_cleanup_(freep) char *names = store_stmt_read_text(q, STORE_NAMES_MAX);
	_cleanup_(freep) char *key_type = store_stmt_read_text(q, STORE_TEXT_MAX);

	if (names && has_long_name(names))
		store_stmt_reject(q, "names", "has one that is too long");
	int r = store_stmt_read_end(q);
	return r == 0 ? visit_names(names, id, key_type, walk) : r;
}

static int see_page(struct store_stmt *q, struct walk *walk)
{
	int r = store_stmt_each(q, on_served, walk);

	return r == 0 ? walk->n > 0 : r;
}

int store_certificate_page_served(struct store *store,
	struct store_served_cursor *cursor, store_served_fn *fn, void *userdata,
	struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata, .cursor = cursor };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_CERTIFICATE_EACH_SERVED, err);
	store_stmt_bind_text(&q, cursor->target, STORE_TEXT_MAX);
	store_stmt_bind_int(&q, cursor->slot_id);
	store_stmt_bind_int(&q, cursor->n);
	return see_page(&q, &walk);
}

int store_certificate_page_retired(struct store *store,
	struct store_served_cursor *cursor, store_served_fn *fn, void *userdata,
	struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata, .cursor = cursor };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_CERTIFICATE_EACH_RETIRED, err);
	store_stmt_bind_int(&q, cursor->slot_id);
	store_stmt_bind_usec(&q, cursor->due_usec);
	store_stmt_bind_int(&q, cursor->n);
	return see_page(&q, &walk);
}
