/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The slots of one domain, for a command that works on each. */
#pragma once

#include "pki/key.h"
#include "store/slot.h"

struct slot_ids {
	int64_t id[_KEY_TYPE_MAX];
	unsigned n;
};

/* Those that are not removed. Fills *ret, which was empty. */
int slot_ids_load(
	struct slot_ids *ret, struct store *store, const char *domain, struct err *err);
/* What the slots of a domain waited for has come: those that have a reason to wait are due
 * now, and have none any more. */
int slot_ids_make_due(
	struct store *store, const char *domain, usec_t wall_now_usec, struct err *err);
