/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Values of ours that stand in the DNS, or may: written down before a provider is asked
 * to add one, and forgotten when it has removed it.
 */
#pragma once

#include "store/store.h"
#include "util/usec.h"

struct store_txt_value {
	int64_t id;
	char *domain;
	char *name; /* that it was wanted at */
	char *value;
	char *provider;   /* as the configuration calls it */
	char *place;      /* the name that it stands at */
	usec_t put_usec;  /* wall */
	usec_t seen_usec; /* wall; where it has to be; 0 = not yet */
};

void store_txt_value_done(struct store_txt_value *value);
/* There is one of (name, value): it is replaced. Sets id. */
int store_txt_value_save(
	struct store *store, struct store_txt_value *value, struct err *err);
/* STORE_E_NOT_FOUND: ret is empty. */
int store_txt_value_find(struct store *store, const char *name, const char *value,
	struct store_txt_value *ret, struct err *err);
int store_txt_value_remove(struct store *store, int64_t id, struct err *err);
