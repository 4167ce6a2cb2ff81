/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See txt_value.h. */
#include "store/txt_value.h"

#include "store/store_priv.h"
#include "util/mem.h"

void store_txt_value_done(struct store_txt_value *value)
{
	free(value->place);
	free(value->provider);
	free(value->value);
	free(value->name);
	free(value->domain);
	*value = (struct store_txt_value){ 0 };
}

int store_txt_value_save(
	struct store *store, struct store_txt_value *value, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_TXT_VALUE_SAVE, err);
	store_stmt_bind_text(&q, value->domain, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, value->name, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, value->value, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, value->provider, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, value->place, STORE_TEXT_MAX);
	store_stmt_bind_usec(&q, value->put_usec);
	store_stmt_bind_usec(&q, value->seen_usec);
	return store_stmt_run_returning(&q, &value->id);
}

int store_txt_value_find(struct store *store, const char *name, const char *value,
	struct store_txt_value *ret, struct err *err)
{
	_cleanup_(store_txt_value_done) struct store_txt_value v = { 0 };
	_cleanup_(store_stmt_close) struct store_stmt q;

	*ret = (struct store_txt_value){ 0 };
	store_stmt_open(&q, store, STORE_STMT_TXT_VALUE_FIND, err);
	store_stmt_bind_text(&q, name, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, value, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	if (r != 0)
		return r;
	v.id = store_stmt_read_begin(&q, "value in the DNS");
	v.domain = store_stmt_read_text(&q, STORE_TEXT_MAX);
	v.name = store_stmt_read_text(&q, STORE_TEXT_MAX);
	v.value = store_stmt_read_text(&q, STORE_TEXT_MAX);
	v.provider = store_stmt_read_text(&q, STORE_TEXT_MAX);
	v.place = store_stmt_read_text(&q, STORE_TEXT_MAX);
	v.put_usec = store_stmt_read_usec(&q);
	v.seen_usec = store_stmt_read_usec(&q);
	r = store_stmt_read_end(&q);
	if (r < 0)
		return r;
	*ret = v;
	v = (struct store_txt_value){ 0 };
	return 0;
}

int store_txt_value_remove(struct store *store, int64_t id, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_TXT_VALUE_REMOVE, err);
	store_stmt_bind_int(&q, id);
	return store_stmt_run_on(&q, "value in the DNS", id);
}
