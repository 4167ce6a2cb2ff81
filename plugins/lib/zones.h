/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider's setting `zones`: what it puts values into. */
#pragma once

#include "plugins/postseal-plugin.h"

#define ZONES_SETTING                                                                          \
	{                                                                                      \
		.name = "zones", .type = POSTSEAL_SETTING_STRINGS,                             \
		.text = "Zones that values are put into, and that a name may be delegated to " \
			"by a CNAME; with none, all names but delegated ones."                 \
	}

/* The longest of the zones that the name is in, or NULL. */
const char *zones_find(const char *const *zones, const char *name);
/* The method place of such a provider: the call is completed. */
void zones_place(const struct postseal_services *services, const char *const *zones,
	const struct postseal_value *value, struct postseal_call *call);
