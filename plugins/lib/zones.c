/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See zones.h. */
#include "plugins/lib/zones.h"

#include <string.h>
#include <strings.h>

/* As the configuration has it: maybe with a dot at the end, in any case. */
static size_t zone_length(const char *zone)
{
	size_t n = strlen(zone);

	return n > 0 && zone[n - 1] == '.' ? n - 1 : n;
}

static int is_in(const char *name, const char *zone)
{
	size_t n = strlen(name), z = zone_length(zone);

	return z > 0 && n >= z && strncasecmp(name + n - z, zone, z) == 0 &&
	       (n == z || name[n - z - 1] == '.');
}

const char *zones_find(const char *const *zones, const char *name)
{
	const char *best = NULL;

	for (size_t i = 0; zones[i]; i++) {
		if (is_in(name, zones[i]) &&
			(!best || zone_length(zones[i]) > zone_length(best)))
			best = zones[i];
	}
	return best;
}

void zones_place(const struct postseal_services *services, const char *const *zones,
	const struct postseal_value *value, struct postseal_call *call)
{
	int is_mine = zones[0] ? zones_find(zones, value->name) != NULL
			       : !value->is_delegated;
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = is_mine ? POSTSEAL_OK : POSTSEAL_REFUSED,
		.detail =
			is_mine ? NULL
			: zones[0]
				? "that is in none of its zones"
				: "a CNAME leads there, and its setting zones does not "
				  "name that zone",
	};

	services->complete(call, &result);
}
