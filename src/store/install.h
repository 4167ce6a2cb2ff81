/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Installs: one row per (certificate, target, address): wanted, done, proven, next try. */
#pragma once

#include "store/store.h"
#include "util/usec.h"

struct store_install {
	int64_t id;
	int64_t certificate_id;
	char *target;       /* "front", or a deployer's block name */
	char *address;      /* to prove; "" = this target has none to prove */
	usec_t done_usec;   /* wall; 0 = not yet installed */
	usec_t proven_usec; /* wall; 0 = not yet seen */
	usec_t next_usec;   /* wall; next try; 0 = none planned */
	unsigned attempts;
	char *error;    /* last; NULL */
	char *settings; /* of the target when it was done, as a digest; NULL: not known,
			 * and when saved: as it was */
};

void store_install_done(struct store_install *install);
/* Inserts or updates by (certificate, target, address); sets id. */
int store_install_save(
	struct store *store, struct store_install *install, struct err *err);
typedef int store_install_fn(const struct store_install *install, void *userdata);
int store_install_each(struct store *store, int64_t certificate_id,
	store_install_fn *fn, void *userdata, struct err *err);
/* Removes the rows of a target whose address is not in the NULL-terminated list. */
int store_install_keep(struct store *store, int64_t certificate_id, const char *target,
	char *const *addresses, struct err *err);
