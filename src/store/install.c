/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See install.h. */
#include "store/install.h"

#include <limits.h>

#include "store/store_priv.h"
#include "util/mem.h"

void store_install_done(struct store_install *install)
{
	free(install->settings);
	free(install->error);
	free(install->address);
	free(install->target);
	*install = (struct store_install){ 0 };
}

static int read_install(struct store_stmt *q, struct store_install *ret)
{
	_cleanup_(store_install_done) struct store_install i = { 0 };

	i.id = store_stmt_read_begin(q, "install");
	i.certificate_id = store_stmt_read_int(q, 1, INT64_MAX);
	i.target = store_stmt_read_text(q, STORE_TEXT_MAX);
	i.address = store_stmt_read_text_or_empty(q, STORE_TEXT_MAX);
	i.done_usec = store_stmt_read_usec(q);
	i.proven_usec = store_stmt_read_usec(q);
	i.next_usec = store_stmt_read_usec(q);
	i.attempts = (unsigned)store_stmt_read_int(q, 0, UINT_MAX);
	i.error = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	i.settings = store_stmt_read_text_or_null(q, STORE_TEXT_MAX);
	int r = store_stmt_read_end(q);
	if (r < 0)
		return r;
	*ret = i;
	i = (struct store_install){ 0 };
	return 0;
}

int store_install_save(
	struct store *store, struct store_install *install, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_INSTALL_SAVE, err);
	store_stmt_bind_int(&q, install->certificate_id);
	store_stmt_bind_text(&q, install->target, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, install->address, STORE_TEXT_MAX);
	store_stmt_bind_usec(&q, install->done_usec);
	store_stmt_bind_usec(&q, install->proven_usec);
	store_stmt_bind_usec(&q, install->next_usec);
	store_stmt_bind_int(&q, install->attempts);
	store_stmt_bind_text(&q, install->error, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, install->settings, STORE_TEXT_MAX);
	return store_stmt_run_returning(&q, &install->id);
}

struct walk {
	store_install_fn *fn;
	void *userdata;
};

static int on_row(struct store_stmt *q, void *userdata)
{
	const struct walk *walk = userdata;
	_cleanup_(store_install_done) struct store_install install = { 0 };

	int r = read_install(q, &install);
	return r == 0 ? walk->fn(&install, walk->userdata) : r;
}

int store_install_each(struct store *store, int64_t certificate_id,
	store_install_fn *fn, void *userdata, struct err *err)
{
	struct walk walk = { .fn = fn, .userdata = userdata };
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_INSTALL_EACH, err);
	store_stmt_bind_int(&q, certificate_id);
	return store_stmt_each(&q, on_row, &walk);
}

struct keep {
	char *const *addresses; /* borrowed from the caller */
	int64_t *removed;       /* owned; ids */
	size_t n;
};

static int on_address(struct store_stmt *q, void *userdata)
{
	struct keep *keep = userdata;
	int64_t id = store_stmt_read_begin(q, "install");
	_cleanup_(freep) char *address =
		store_stmt_read_text_or_empty(q, STORE_TEXT_MAX);

	int r = store_stmt_read_end(q);
	if (r < 0 || strv_contains(keep->addresses, address))
		return r;
	/* Collected first: a walk must not change what it walks over. */
	keep->removed = xreallocarray(keep->removed, keep->n + 1, sizeof(int64_t));
	keep->removed[keep->n++] = id;
	return 0;
}

static int find_unwanted(struct store *store, int64_t certificate_id,
	const char *target, struct keep *keep, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_INSTALL_EACH_ADDRESS, err);
	store_stmt_bind_int(&q, certificate_id);
	store_stmt_bind_text(&q, target, STORE_TEXT_MAX);
	return store_stmt_each(&q, on_address, keep);
}

static int remove_row(struct store *store, int64_t id, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_INSTALL_REMOVE, err);
	store_stmt_bind_int(&q, id);
	return store_stmt_run(&q);
}

int store_install_keep(struct store *store, int64_t certificate_id, const char *target,
	char *const *addresses, struct err *err)
{
	struct keep keep = { .addresses = addresses };

	int r = store_begin(store, err);
	if (r < 0)
		return r;
	r = find_unwanted(store, certificate_id, target, &keep, err);
	for (size_t i = 0; r == 0 && i < keep.n; i++)
		r = remove_row(store, keep.removed[i], err);
	free(keep.removed);
	return store_finish(store, r, err);
}
