/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Wanted records as a plugin names them: checked, and copied into memory of ours. */
#pragma once

#include "plugins/postseal-plugin.h"
#include "util/err.h"

#define WANTED_MAX             16
#define WANTED_VALUE_BYTES_MAX 4096
#define WANTED_WHY_BYTES_MAX   1024

/* The types that a record can be wanted of. */
bool wanted_is_type(const char *type);
/* Printable ASCII of at most WANTED_VALUE_BYTES_MAX octets: what may stand in a TXT value
 * of ours, in a zone file, and in a log. */
bool wanted_is_value(const char *value);

/* Owners and targets in lower case, `why` cleaned. The copy is owned by the caller; NULL
 * where there are none. < 0: one of them cannot be. */
int wanted_copy(struct postseal_wanted **ret, const struct postseal_wanted *from,
	size_t n, struct err *err);
struct postseal_wanted *wanted_free(struct postseal_wanted *wanted, size_t n);
