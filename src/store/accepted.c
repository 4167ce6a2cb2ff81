/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See accepted.h. */
#include "store/accepted.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/store_priv.h"
#include "util/mem.h"

#define DIGEST_TEXT 17

static void format_digest(char *text, uint64_t digest)
{
	snprintf(text, DIGEST_TEXT, "%016" PRIx64, digest);
}

bool store_accepted_is(struct store *store, uint64_t digest)
{
	_cleanup_(store_stmt_close) struct store_stmt q;
	char wanted[DIGEST_TEXT];

	format_digest(wanted, digest);
	store_stmt_open(&q, store, STORE_STMT_ACCEPTED_LOAD, NULL);
	if (store_stmt_fetch(&q) != 0)
		return false;
	store_stmt_read_begin(&q, "accepted");
	_cleanup_(freep) char *stored = store_stmt_read_text(&q, STORE_TEXT_MAX);
	return store_stmt_read_end(&q) == 0 && strcmp(stored, wanted) == 0;
}

int store_accepted_save(struct store *store, uint64_t digest, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;
	char text[DIGEST_TEXT];

	format_digest(text, digest);
	store_stmt_open(&q, store, STORE_STMT_ACCEPTED_SAVE, err);
	store_stmt_bind_text(&q, text, STORE_TEXT_MAX);
	return store_stmt_run(&q);
}

int store_accepted_remove(struct store *store, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_ACCEPTED_REMOVE, err);
	return store_stmt_run(&q);
}
