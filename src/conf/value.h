/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From cooked text (expand.h) to typed values and back. */
#pragma once

#include "conf/snapshot.h"

#define VALUE_ITEMS_MAX 1024

/* False: *ret_reason says why, owned by the caller. */
bool value_parse(struct loader *l, const struct conf_block *block,
	const struct conf_entry *entry, struct conf_value *ret, char **ret_reason);
/* Puts the domain for every %d in a list of names. False: *ret_reason says why. */
bool value_derive(struct loader *l, const struct conf_block *domain,
	const struct conf_value *value, struct conf_value *ret, char **ret_reason);
bool value_has_domain(const struct conf_value *value);
/* The value as it would be written (without regard to `$`): words quoted where they
 * have to be. Owned by the caller. */
char *value_format(const struct conf_entry *entry);
/* Decoded cooked text: marks replaced by what they stand for. Owned by the caller. */
char *value_decode(const char *cooked);
bool value_is_equal(
	enum conf_type type, const struct conf_value *a, const struct conf_value *b);
