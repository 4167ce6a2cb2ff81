/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The settings tables of the programs (postseal.conf(5) is generated from them). */
#pragma once

#include "conf/schema.h"
#include "plugin/host.h"

/* Compiled-in places. */
extern const char settings_conf_directory[];
extern const char settings_plugin_directory[];

/* All tables, and the plugins' (host may be NULL: plugin blocks are then unknown). */
struct conf_schema *settings_new_schema(struct plugin_host *host);
