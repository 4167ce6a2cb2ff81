/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See plugin_state.h. */
#include "store/plugin_state.h"

#include "store/store_priv.h"
#include "util/mem.h"

int store_plugin_state_load(struct store *store, const char *plugin, const char *name,
	char **ret, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store, STORE_STMT_PLUGIN_STATE_LOAD, err);
	store_stmt_bind_text(&q, plugin, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, name, STORE_TEXT_MAX);
	int r = store_stmt_fetch(&q);
	if (r != 0)
		return r;
	store_stmt_read_begin(&q, "plugin state");
	_cleanup_(freep) char *value =
		store_stmt_read_text_or_empty(&q, PLUGIN_STATE_BYTES_MAX);
	r = store_stmt_read_end(&q);
	if (r == 0)
		*ret = TAKE_PTR(value);
	return r;
}

int store_plugin_state_save(struct store *store, const char *plugin, const char *name,
	const char *value, struct err *err)
{
	_cleanup_(store_stmt_close) struct store_stmt q;

	store_stmt_open(&q, store,
		value ? STORE_STMT_PLUGIN_STATE_SAVE : STORE_STMT_PLUGIN_STATE_REMOVE,
		err);
	store_stmt_bind_text(&q, plugin, STORE_TEXT_MAX);
	store_stmt_bind_text(&q, name, STORE_TEXT_MAX);
	if (value)
		store_stmt_bind_text(&q, value, PLUGIN_STATE_BYTES_MAX);
	return store_stmt_run(&q);
}
