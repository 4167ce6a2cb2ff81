/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far each notifier has been told of the events: what was begun and not answered is
 * told again. */
#pragma once

#include "store/store.h"

struct store_told {
	int64_t event_id; /* attempts 0: told up to this one; else this one is under way */
	unsigned attempts;
};

/* 0, STORE_E_NOT_FOUND. */
int store_told_load(struct store *store, const char *notifier, struct store_told *ret,
	struct err *err);
/* Adds or replaces. */
int store_told_save(struct store *store, const char *notifier,
	const struct store_told *told, struct err *err);
int store_told_remove(struct store *store, const char *notifier, struct err *err);
typedef int store_told_fn(const char *notifier, void *userdata);
/* fn's non-zero stops and is returned; it must not change what is walked over. */
int store_told_each(
	struct store *store, store_told_fn *fn, void *userdata, struct err *err);
