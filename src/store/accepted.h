/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person has said yes to, while it is carried out: another start goes on with it
 * and does not ask again. */
#pragma once

#include "store/store.h"

/* Is it this one? */
bool store_accepted_is(struct store *store, uint64_t digest);
/* In the place of any other one. */
int store_accepted_save(struct store *store, uint64_t digest, struct err *err);
int store_accepted_remove(struct store *store, struct err *err);
