/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plugin wants to keep: an opaque text per (plugin, name), at most 64 KiB; and the
 * note before each call into it (promise 8). */
#pragma once

#include "store/store.h"

#define PLUGIN_STATE_BYTES_MAX (64 * 1024)

/* *ret owned by the caller. 0, STORE_E_NOT_FOUND. */
int store_plugin_state_load(struct store *store, const char *plugin, const char *name,
	char **ret, struct err *err);
/* NULL value removes. */
int store_plugin_state_save(struct store *store, const char *plugin, const char *name,
	const char *value, struct err *err);
